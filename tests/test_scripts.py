"""Both scripts from files to results, as a user starts them, on tiny settings."""

import csv
import dataclasses
import json
import re

from common.mocap import load_mocap, save_mocap
from common.motion import kinematics
from helpers.project import PROJECT, SCRIPTS, positions, run_here, start_script
from helpers.pushed import pushed
from helpers.sweeps import quick

import numpy as np
import pytest
import torch
from PIL import Image

CLIPS = {
    "vae_rnn": [
        "orig_sequence_dancer1_index_0_seq_start_10_length_40",
        "orig_sequence_dancer2_index_0_seq_start_10_length_40",
        "pred_sequence_dancer2_epoch_2_seq_start_10_length_40",
        "rec_sequences_epoch_2_seq_start_10_length_40",
        "seq_randwalk_epoch_2_seq_start_10_length_40",
        "seq_offset_epoch_2_seq_start_10_length_40",
        "seq_mix_epoch_2_seq1_start_10_seq2_start_0_length_40",
    ],
    "vae_rnn_deepfake": [
        "orig_sequence_dancer1_index_0_seq_start_10_length_40",
        "orig_sequence_dancer2_index_0_seq_start_10_length_40",
        "pred_sequence_dancer1_to_dancer1_epoch_2_seq_start_10_length_40",
        "pred_sequence_dancer2_to_dancer2_epoch_2_seq_start_10_length_40",
        "pred_sequence_dancer1_to_dancer2_epoch_2_seq_start_10_length_40",
        "pred_sequence_dancer2_to_dancer1_epoch_2_seq_start_10_length_40",
    ],
}
NETS = {"vae_rnn": ["decoder", "encoder"], "vae_rnn_deepfake": ["decoder1", "decoder2", "encoder"]}


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_leaves_every_result(name, tiny, duet):
    tiny |= {"export_hold_feet": False, "keep_best": False, "model_save_interval": 1}
    tiny |= {"initial_weights": "noise" if name == "vae_rnn" else "regression"}
    project_files = sorted(PROJECT.glob("*"))
    run = start_script(name, tiny, cwd=duet)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert sorted(PROJECT.glob("*")) == project_files
    anims = [f"anims/{clip}{ending}" for clip in CLIPS[name] for ending in (".bvh", ".gif")]
    weights = [f"weights/{net}_weights_epoch_{epoch}" for net in NETS[name] for epoch in (1, 2)]
    anims += [f"anims/preview_epoch_{epoch}.gif" for epoch in (1, 2)]
    endings = {
        "history_2": ("csv", "png"),
        "metrics_2": ("csv", "json"),
        "latent_2": ("npz",),
        "model_2": ("npz",),
        "run": ("json",),
        "clips": ("json",),
    }
    histories = [
        f"histories/{file}.{ending}" for file, endings_of_file in endings.items() for ending in endings_of_file
    ]
    always = ["config.json", "report.html", "weights/checkpoint"]
    kit = ["client_settings.txt", "dancer1.bvh", "dancer2.bvh", "model.json", *(f"{net}_weights" for net in NETS[name])]
    always += [f"realtime/{file}" for file in kit]
    (duet / "results/.lock").unlink(missing_ok=True)  # which some versions of filelock leave
    assert files_in(duet / "results") == sorted([*anims, *histories, *always, *weights])

    log = re.findall(
        r"^epoch (\d) : ae train: (\S+) ae test: (\S+) norm (\S+) pos (\S+) quat (\S+) kld (\S+) time \S+$",
        run.stdout,
        re.MULTILINE,
    )
    assert [line[0] for line in log] == ["1", "2"]
    rows = list(csv.reader((duet / "results/histories/history_2.csv").open(newline="")))
    assert rows[0][:6] == ["ae train", "ae test", "ae norm", "ae pos", "ae quat", "ae kld"]
    values = np.array(rows[1:], float)
    np.testing.assert_allclose(values[:, :6], np.array([line[1:] for line in log], float), atol=1e-4)
    assert np.isfinite(values).all()
    for stage in ("load", "segment", "train on cpu", "export", "measure"):
        assert re.search(rf"^--- {stage}.*: done in \d+\.\d s$", run.stdout, re.MULTILINE)
    config = json.loads((duet / "results/config.json").read_text(encoding="utf-8"))
    assert config["script"] == f"{name}.py"
    assert {key: config[key] for key in tiny if key in config} == {key: tiny[key] for key in tiny if key in config}
    check_clips(duet, name)


def check_clips(duet, name):
    takes = {dancer: load_mocap(duet / f"{file}.bvh") for dancer, file in (("1", "one"), ("2", "two"))}
    for clip in CLIPS[name]:
        clip_path = duet / "results/anims" / clip
        exported = load_mocap(clip_path.with_suffix(".bvh"))
        dancer = re.findall(r"dancer(\d)", clip)[-1:] or ["2"]  # the body that moves
        take = takes[dancer[0]]
        assert exported.skeleton.joint_names == take.skeleton.joint_names
        assert exported.skeleton.channels == take.skeleton.channels
        assert exported.skeleton.rot_orders == take.skeleton.rot_orders
        assert (exported.frame_count, exported.fps) == (40, pytest.approx(take.fps))
        assert np.isfinite(positions(exported)).all()
        if clip.startswith("orig"):
            np.testing.assert_allclose(positions(exported), positions(take)[10:50], atol=1e-4)
        with Image.open(clip_path.with_suffix(".gif")) as image:
            assert image.size == (100, 100)
    root = {clip: load_mocap(duet / f"results/anims/{clip}.bvh").root_pos for clip in CLIPS[name]}
    if name == "vae_rnn":
        for clip in CLIPS[name][2:]:
            np.testing.assert_allclose(root[clip], takes["2"].root_pos[10:50], atol=1e-4)
    else:
        scale = kinematics.hip_height(takes["1"]) / kinematics.hip_height(takes["2"])
        np.testing.assert_allclose(root[CLIPS[name][5]], takes["2"].root_pos[10:50] * scale, atol=1e-4)


@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn_deepfake"))
def test_only_generated_clips_hold_their_feet_and_only_if_asked_to(name, tiny, tmp_path, monkeypatch):
    """Of the bundled dancers on paths along which their feet slide."""
    for dancer, file in ((1, "one.bvh"), (2, "two.bvh")):
        take = load_mocap(PROJECT / f"data/mocap/duet_dancer{dancer}.fbx")
        take = dataclasses.replace(take, rot_local=take.rot_local[1500:2300], root_pos=take.root_pos[1500:2300])
        save_mocap(pushed(take), tmp_path / file)
    sizes = {"latent_dim": 16, "sequence_length": 32, "sequence_offset": 8, "ae_rnn_layer_size": 32}
    settings = tiny | sizes | {"mocap_file_path": tmp_path, "export_seq_start": 0, "export_seq_length": 200}
    runs = []
    for lock in (True, False):
        results = tmp_path / f"{lock}"
        changes = {"epochs": 1, "export_hold_feet": lock, "initial_weights": "regression", "results_path": results}
        assert run_here(name, settings | changes, monkeypatch) == 0
        clips = {file.stem: load_mocap(file).root_pos for file in (results / "anims").glob("*.bvh")}
        measures = json.loads((results / "histories/metrics_1.json").read_text(encoding="utf-8"))
        runs.append((clips, [row["figures"][-1] for row in measures["rows"]]))
    (locked_roots, locked_figures), (free_roots, free_figures) = runs
    assert locked_roots.keys() == free_roots.keys()
    assert all(figure["name"] == "foot skate" for figure in locked_figures + free_figures)
    for clip in locked_roots:
        np.testing.assert_allclose(locked_roots[clip][:, 1], free_roots[clip][:, 1], atol=1e-3)  # Y is up
        if clip.startswith(("orig", "pred")):  # feet of an experiment may never be down
            assert np.allclose(locked_roots[clip], free_roots[clip], atol=1e-2) == clip.startswith("orig"), clip
    assert sum(figure["model"] for figure in locked_figures) < 0.5 * sum(figure["model"] for figure in free_figures)


@pytest.mark.parametrize("name", SCRIPTS)
def test_weights_make_the_clips_again(name, tiny, duet, copy_run, monkeypatch, capsys):
    copy_run(name)
    capsys.readouterr()
    trained_clips = {clip: positions(load_mocap(duet / f"results/anims/{clip}.bvh")) for clip in CLIPS[name]}
    files = {f"{net}_weights_file": str(duet / f"results/weights/{net}_weights_epoch_2") for net in NETS[name]}
    export_only = tiny | files | {"load_weights": True, "epochs": 0}
    for run in (1, 2):  # the weights are still in their place after their run was moved aside
        assert run_here(name, export_only, monkeypatch) == 0
        assert len(list((duet / "results/previous").iterdir())) == run
        for clip in CLIPS[name]:
            if "randwalk" not in clip:
                clip_path = duet / "results/anims" / f"{clip.replace('epoch_2', 'epoch_0')}.bvh"
                np.testing.assert_allclose(positions(load_mocap(clip_path)), trained_clips[clip], atol=1e-3)
    assert "epoch" not in capsys.readouterr().out.split("--- segment")[-1].split("--- export")[0]


@pytest.mark.parametrize("name", SCRIPTS)
def test_training_starts_from_loaded_weights(name, tiny, duet, tiny_runs, monkeypatch):
    files = {f"{net}_weights_file": str(tiny_runs[name] / f"weights/{net}_weights_epoch_2") for net in NETS[name]}
    before = {net: torch.load(path, weights_only=True) for net, path in files.items()}
    one_epoch = tiny | files | {"load_weights": True, "epochs": 1, "ae_learning_rate": 1e-12, "random_seed": 5}
    assert run_here(name, one_epoch, monkeypatch) == 0
    for net, state in before.items():
        after = torch.load(duet / "results/weights" / f"{net.split('_')[0]}_weights_epoch_1", weights_only=True)
        for key in state:
            torch.testing.assert_close(after[key], state[key], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_seed_gives_the_same_history(name, tiny, duet, tiny_runs, monkeypatch):
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    histories = [(tiny_runs[name] / "histories/history_2.csv").read_text()]
    for seed in (0, 1):
        assert run_here(name, tiny | {"random_seed": seed}, monkeypatch) == 0
        histories.append((duet / "results/histories/history_2.csv").read_text())
    assert histories[0] == histories[1] != histories[2]


RECIPES = {
    "published": ({"initial_weights": "noise", "schedule": "step", "augment_heading": False}, 3e-3, 0.6),
    "default": ({"initial_weights": "regression"}, 1e-3, 0.85),  # which knows much before it learns
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn"))
def test_training_learns(name, recipe, tiny, duet, monkeypatch):
    changes, rate, share = RECIPES[recipe]
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    settings = {"epochs": 25, "ae_learning_rate": rate, "ae_rnn_layer_size": 24, "model_save_interval": 100} | changes
    assert run_here(name, tiny | settings, monkeypatch) == 0
    rows = list(csv.reader((duet / "results/histories/history_25.csv").open(newline="")))[1:]
    pos = [float(row[3]) for row in rows]
    assert sum(pos[-5:]) < share * sum(pos[:5])


@pytest.mark.parametrize("name", SCRIPTS)
def test_switches_leave_files_out(name, tiny, duet, monkeypatch):
    switched_off = {"save_weights": False, "save_history": False, "export_formats": ["bvh"], "test_percentage": 0}
    assert run_here(name, tiny | switched_off, monkeypatch) == 0
    result_files = files_in(duet / "results")
    always = ["clips.json", "latent_2.npz", "metrics_2.csv", "metrics_2.json", "model_2.npz", "run.json"]
    expected = [*(f"histories/{file}" for file in always), "weights/checkpoint"]
    assert [path for path in result_files if path.startswith(("weights", "histories"))] == expected


def test_several_pairs_ranges_and_dancers_of_different_skeletons(tiny, duet, monkeypatch, capsys):
    text = (duet / "two.bvh").read_text()
    (duet / "other.bvh").write_text(text.replace("LeftLeg", "L_Leg").replace("OFFSET 0 25 0", "OFFSET 0 35 0"))
    pairs = [["one.bvh", "two.bvh"], ["one.bvh", "two.bvh"]]
    ranges = [[[0, 40], [50, -1]], [[20, 90]]]
    several = tiny | {"mocap_files": pairs, "mocap_valid_frame_ranges": ranges, "export_seq_index": 1, "epochs": 1}
    for name in SCRIPTS:
        assert run_here(name, several, monkeypatch) == 0
    different = tiny | {"mocap_files": [["one.bvh", "other.bvh"]]}
    assert run_here("vae_rnn", different, monkeypatch) == 0
    exported = load_mocap(duet / "results/anims/pred_sequence_dancer2_epoch_2_seq_start_10_length_40.bvh")
    assert "L_Leg" in exported.skeleton.joint_names
    capsys.readouterr()
    assert run_here("vae_rnn_deepfake", different, monkeypatch) == 2
    assert "joint 8 is 'LeftLeg'" in capsys.readouterr().err


def test_clips_are_cut_to_what_the_take_has(tiny, duet, monkeypatch):
    assert run_here("vae_rnn", tiny | {"export_seq_start": 90, "export_mix_seq_start": 95}, monkeypatch) == 0
    result_files = files_in(duet / "results")
    assert "anims/orig_sequence_dancer1_index_0_seq_start_90_length_10.bvh" in result_files
    assert "anims/seq_mix_epoch_2_seq1_start_90_seq2_start_90_length_10.bvh" in result_files
    assert run_here("vae_rnn", tiny | {"export_seq_start": 1000, "export_seq_length": 30}, monkeypatch) == 0
    assert "anims/orig_sequence_dancer1_index_0_seq_start_70_length_30.bvh" in files_in(duet / "results")
