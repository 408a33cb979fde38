"""Both scripts from files of every kind, in any folder, to results, as a user starts them, on tiny settings."""

import dataclasses
import itertools
import re
import shutil

from common.mocap import fbx, load_mocap, save_mocap
from helpers.project import PROJECT, SCRIPTS, positions, run_here, start_script
from test_scripts import CLIPS, NETS

import numpy as np
import pytest


@pytest.fixture
def fbx_duet(duet):
    """The takes one.fbx and two.fbx, and both in both.fbx, beside the BVH files."""
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    for take, name in zip(takes, ("one", "two"), strict=True):
        save_mocap(take, duet / f"{name}.fbx")
    renamed = [f"B:{name}" for name in takes[1].skeleton.joint_names]
    second_dancer = dataclasses.replace(takes[1], skeleton=dataclasses.replace(takes[1].skeleton, joint_names=renamed))
    fbx.save_fbx([takes[0], second_dancer], duet / "both.fbx")
    return duet


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("formats_out", [None, ["bvh"], ["fbx", "bvh"]])
def test_fbx_in_and_out(name, formats_out, tiny, fbx_duet, monkeypatch):
    files = {"mocap_files": [["one.fbx", "two.fbx"]], "export_formats": formats_out}
    assert run_here(name, tiny | files, monkeypatch) == 0
    recorded = [load_mocap(fbx_duet / f"{take}.fbx") for take in ("one", "two")]
    for clip in CLIPS[name]:
        for ending in formats_out or ["fbx"]:
            exported = load_mocap(fbx_duet / "results/anims" / f"{clip}.{ending}")
            take = recorded[int((re.findall(r"dancer(\d)", clip)[-1:] or ["2"])[0]) - 1]
            assert exported.skeleton.joint_names == take.skeleton.joint_names
            assert (exported.frame_count, exported.fps) == (40, pytest.approx(50))
            if clip.startswith("orig"):
                np.testing.assert_allclose(positions(exported), positions(take)[10:50], atol=1e-3)
    clips = [path for path in (fbx_duet / "results/anims").iterdir() if not path.name.startswith("preview")]
    assert len(clips) == len(CLIPS[name]) * (1 + len(formats_out or ["fbx"]))


def test_two_skeletons_of_one_file_are_a_pair(tiny, fbx_duet, monkeypatch, capsys):
    pairs = ["both.fbx#1", "both.fbx#2"], ["both.fbx#Hips", "both.fbx#B:Hips"]
    for name, files in itertools.product(SCRIPTS, pairs):  # namespaces may differ, also in the deepfake
        assert run_here(name, tiny | {"mocap_files": [files]}, monkeypatch) == 0
        clip = "orig_sequence_dancer2_index_0_seq_start_10_length_40.fbx"
        exported = load_mocap(fbx_duet / "results/anims" / clip)
        assert exported.skeleton.joint_names[0] == "B:Hips"
        expected = positions(load_mocap(fbx_duet / "two.fbx"))[10:50]
        np.testing.assert_allclose(positions(exported), expected, atol=1e-3)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_take_too_short_to_train_on_can_be_exported(name, tiny, duet, monkeypatch):
    assert run_here(name, tiny, monkeypatch) == 0
    files = {f"{net}_weights_file": str(duet / f"results/weights/{net}_weights_epoch_2") for net in NETS[name]}
    short = {"mocap_valid_frame_ranges": [[[0, 5]]], "export_seq_start": 99, "load_weights": True, "epochs": 0}
    assert run_here(name, tiny | files | short, monkeypatch) == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_from_any_folder_in_any_folder(name, tiny, tmp_path):
    home = tmp_path / "dänçe test"
    home.mkdir()
    shutil.copytree(PROJECT / "common", home / "common", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "data" / "mocap", home / "data" / "mocap")
    for file in (f"{name}.py", "requirements.txt"):
        shutil.copy(PROJECT / file, home)
    bundled = {key: tiny[key] for key in tiny if not key.startswith(("mocap", "results", "epochs"))}
    short = {"mocap_valid_frame_ranges": [[[0, 60]]], "epochs": 1, "model_save_interval": 5}
    elsewhere = tmp_path / "somewhere else"
    elsewhere.mkdir()
    run = start_script(name, bundled | short, cwd=elsewhere, script_folder=home)
    assert run.returncode == 0, run.stderr
    assert "23 joints, 9000 frames at 50 fps" in run.stdout
    assert list(elsewhere.iterdir()) == []
    assert (home / "results/histories/history_1.csv").is_file()
    run = start_script(name, bundled | short | {"results_path": "mine"}, cwd=elsewhere, script_folder=home)
    assert run.returncode == 0, run.stderr
    assert (elsewhere / "mine/histories/history_1.csv").is_file()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_real_duet(name, recordings, tiny, tmp_path):
    real = {
        "mocap_file_path": str(recordings / "duets"),
        "mocap_files": [["cmu_salsa_60_12.bvh", "cmu_salsa_61_12.bvh"]],
        "mocap_valid_frame_ranges": [[[10, 300]]],
        "mocap_pos_scale": 150,
        "results_path": str(tmp_path / "results"),
        "export_seq_start": 1650,
    }
    run = start_script(name, tiny | real)
    assert run.returncode == 0, run.stderr
    for dancer in (1, 2):
        clip = f"orig_sequence_dancer{dancer}_index_0_seq_start_1650_length_40.bvh"
        exported = load_mocap(tmp_path / "results/anims" / clip)
        recorded = load_mocap(recordings / "duets" / f"cmu_salsa_{59 + dancer}_12.bvh")
        np.testing.assert_allclose(positions(exported), positions(recorded)[1650:1690], atol=1e-5)
