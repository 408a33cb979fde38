"""What a user can get wrong: each ends before training, with exit code 2 and one clear message."""

import json
import os
import pickle
import sys

import pytest
import torch
from conftest import PROJECT, SCRIPTS, run_here, start_script, write_body


def edit(path, change):
    path.write_text(change(path.read_text()))


def nan_in_a_frame(duet):
    edit(duet / "one.bvh", lambda text: text.rstrip().rpartition(" ")[0] + " nan\n")


def json_file(duet, text):
    (duet / "joints.json").write_text(text)


class Payload:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickle_payload(duet):
    with (duet / "weights").open("wb") as file:
        pickle.dump(Payload(duet / "executed"), file)


def torch_payload(duet):
    torch.save({"x": torch.zeros(1), "y": Payload(duet / "executed")}, duet / "weights")


def read_only(duet):
    (duet / "results").write_text("a file where the folder would be")


WEIGHTS = {"load_weights": True, "encoder_weights_file": "{duet}/weights"}

BUNDLED = ["duet_dancer1.fbx", "duet_dancer2.fbx"]

# name: settings, what is done to the folder, what the message must hold
MISTAKES = {
    "missing file": ({"mocap_files": [["one.bvh", "three.bvh"]]}, None, ["three.bvh", "mocap_files"]),
    "missing folder": ({"mocap_file_path": "{duet}/nowhere"}, None, ["nowhere", "mocap_file_path"]),
    "a folder for a file": ({"mocap_files": [["one.bvh", "."]]}, None, ["supported: .fbx, .bvh"]),
    "wrong ending": ({"mocap_files": [["one.bvh", "two.c3d"]]}, None, ["two.c3d", "'.c3d'", ".bvh"]),
    "fbx of text": (
        {"mocap_files": [["one.fbx", "two.bvh"]]},
        lambda d: (d / "one.fbx").write_text("hello"),
        ["one.fbx", "FBX"],
    ),
    "fbx truncated": (
        {"mocap_files": [["one.fbx", "two.bvh"]]},
        lambda d: (d / "one.fbx").write_bytes((PROJECT / "data/mocap/duet_dancer1.fbx").read_bytes()[:50_000]),
        ["one.fbx", "Export the recording again"],
    ),
    "no such take": (
        {"mocap_file_path": str(PROJECT / "data/mocap"), "mocap_files": [BUNDLED], "mocap_take": "Take 9"},
        None,
        ["duet_dancer1.fbx", "Take 9"],
    ),
    "no such skeleton in an fbx": (
        {"mocap_file_path": str(PROJECT / "data/mocap"), "mocap_files": [["duet_dancer1.fbx#2", BUNDLED[1]]]},
        None,
        ["duet_dancer1.fbx", "1 skeleton"],
    ),
    "no such skeleton in a bvh": ({"mocap_files": [["one.bvh#Anna", "two.bvh"]]}, None, ["one.bvh", "'Anna'", "Hips"]),
    "no sdk": (
        {"mocap_file_path": str(PROJECT / "data/mocap"), "mocap_files": [BUNDLED], "fbx_backend": "sdk"},
        None,
        ["fbxsdkpy", "builtin"],
    ),
    "empty file": ({}, lambda d: (d / "one.bvh").write_text(""), ["one.bvh", "empty"]),
    "truncated file": ({}, lambda d: edit(d / "two.bvh", lambda t: t[: len(t) // 2]), ["two.bvh, line"]),
    "binary file": ({}, lambda d: (d / "one.bvh").write_bytes(bytes(range(256)) * 9), ["one.bvh", "binary"]),
    "headerless file": ({}, lambda d: edit(d / "one.bvh", lambda t: t.split("MOTION")[1]), ["one.bvh, line 1"]),
    "nan": ({}, nan_in_a_frame, ["one.bvh, line 160", "nan"]),
    "range outside": ({"mocap_valid_frame_ranges": [[[0, 101]]]}, None, ["mocap_valid_frame_ranges", "100 frames"]),
    "range reversed": ({"mocap_valid_frame_ranges": [[[50, 10]]]}, None, ["[50, 10]", "100 frames"]),
    "range shorter than a window": (
        {"mocap_valid_frame_ranges": [[[0, 7]]]},
        None,
        ["mocap_valid_frame_ranges", "[0, 7]", "sequence_length = 8"],
    ),
    "ranges overlapping": ({"mocap_valid_frame_ranges": [[[0, 60], [50, -1]]]}, None, ["share the frames 50 to 59"]),
    "ranges and pairs differ": (
        {"mocap_valid_frame_ranges": [[[0, -1]], [[0, -1]]]},
        None,
        ["mocap_valid_frame_ranges has 2", "mocap_files has 1"],
    ),
    "a level of brackets missing": ({"mocap_valid_frame_ranges": [[0, -1]]}, None, ["[[[0, -1]]]"]),
    "a file name where a pair belongs": ({"mocap_files": ["one.bvh", "two.bvh"]}, None, ["a pair of file names"]),
    "frame rates differ": (
        {},
        lambda d: write_body(d / "two.bvh", fps=60),
        ["has 50 frames", "two.bvh has 59.999", "mocap_fps"],
    ),
    "weights too few": (
        {"mocap_loss_weights_file": "{duet}/joints.json"},
        lambda d: json_file(d, json.dumps({"joint_loss_weights": [1, 2]})),
        ["joints.json", "has 2 weights", "12 joints"],
    ),
    "weights not json": (
        {"mocap_loss_weights_file": "{duet}/joints.json"},
        lambda d: json_file(d, "{'joint_loss_weights'"),
        ["mocap_loss_weights_file", "joints.json", "no JSON"],
    ),
    "weights missing": ({"mocap_loss_weights_file": "{duet}/no.json"}, None, ["no.json", "mocap_loss_weights_file"]),
    "model weights missing": (WEIGHTS, None, ["weights", "encoder_weights_file"]),
    "model weights of text": (WEIGHTS, lambda d: (d / "weights").write_text("hello"), ["encoder_weights_file"]),
    "model weights empty": (WEIGHTS, lambda d: (d / "weights").write_text(""), ["encoder_weights_file"]),
    "model weights with a pickle": (WEIGHTS, pickle_payload, ["encoder_weights_file", "safely"]),
    "model weights with a payload": (WEIGHTS, torch_payload, ["encoder_weights_file", "safely"]),
    "model weights of no names": (
        WEIGHTS,
        lambda d: torch.save([torch.zeros(1)], d / "weights"),
        ["encoder_weights_file", "named tensors"],
    ),
    "model weights of another model": (
        WEIGHTS,
        lambda d: torch.save({"fc_mu.weight": torch.zeros(1)}, d / "weights"),
        ["encoder_weights_file", "does not fit the model", "config.json"],
    ),
    "sequence_length 0": ({"sequence_length": 0}, None, ["sequence_length = 0", "at least 1"]),
    "batch_size too large": ({"batch_size": 1000}, None, ["batch_size = 1000", "training set of 37 windows"]),
    "test_percentage too large": ({"test_percentage": 1.2}, None, ["test_percentage = 1.2", "0 to below 1"]),
    "test_percentage negative": ({"test_percentage": -0.1}, None, ["test_percentage = -0.1"]),
    "results not writable": ({}, read_only, ["results_path", "cannot be written"]),
    "nothing to do": ({"epochs": 0}, None, ["epochs = 0", "load_weights"]),
    "no such pair to export": ({"export_seq_index": 1}, None, ["export_seq_index = 1", "1 pair"]),
    "no such device": ({"device": "cuda:99"}, None, ['device = "cuda:99"', '"auto"']),
    "an export format that is none": ({"export_formats": ["glb"]}, None, ["export_formats", '["fbx", "bvh"]']),
}


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize(("settings", "damage", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_has_one_clear_message(name, settings, damage, words, tiny, duet, monkeypatch, capsys):
    if damage:
        damage(duet)
    settings = {
        key: value.replace("{duet}", str(duet)) if isinstance(value, str) else value for key, value in settings.items()
    }
    assert run_here(name, tiny | settings, monkeypatch) == 2
    told = capsys.readouterr()
    assert told.err.startswith("\nerror: ")
    assert told.err.count("\n") == 2  # one message, on one line
    for word in words:
        assert word in told.err
    assert "epoch 1" not in told.out
    assert not (duet / "executed").exists()
    assert not (duet / "results").is_dir() or not list((duet / "results").rglob("*weights_epoch*"))


def test_the_payloads_of_these_tests_would_do_harm(duet):
    pickle_payload(duet)
    with (duet / "weights").open("rb") as file:
        pickle.load(file)
    assert (duet / "executed").is_dir()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_training_that_goes_wrong_stops(name, tiny, duet, monkeypatch, capsys):
    assert run_here(name, tiny | {"ae_learning_rate": 1e18, "epochs": 5}, monkeypatch) == 2
    assert "ae_learning_rate" in capsys.readouterr().err


def test_weights_that_went_wrong_are_refused(tiny, duet, monkeypatch, capsys):
    assert run_here("vae_rnn", tiny, monkeypatch) == 0
    path = duet / "results/weights/encoder_weights_epoch_2"
    state = torch.load(path, weights_only=True)
    state["fc_mu.bias"][0] = float("nan")
    torch.save(state, duet / "weights")
    loaded = {"load_weights": True, "encoder_weights_file": str(duet / "weights")}
    assert run_here("vae_rnn", tiny | loaded, monkeypatch) == 2
    assert "not finite" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_of_another_encoding_is_no_mistake(tiny, duet, encoding):
    (duet / "one.bvh").rename(duet / "日本.bvh")
    files = {"mocap_files": [["日本.bvh", "two.bvh"]], "epochs": 1}
    done = start_script("vae_rnn", tiny | files, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr


def test_joints_that_differ_are_named_where_one_encoder_serves_both(tiny, duet, monkeypatch, capsys):
    edit(duet / "two.bvh", lambda text: text.replace("JOINT RightArm", "JOINT ArmR"))
    assert run_here("vae_rnn_deepfake", tiny, monkeypatch) == 2
    message = capsys.readouterr().err
    assert "joint 4 is 'RightArm'" in message
    assert "'ArmR'" in message
    assert run_here("vae_rnn", tiny, monkeypatch) == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_mistake_in_a_process_of_its_own(name, tiny):
    for settings, word in (({"mocap_files": [["one.bvh", "none.bvh"]]}, "none.bvh"), ({"epoch": 3}, "'epochs'")):
        done = start_script(name, tiny | settings)
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tiny, duet, monkeypatch, capsys):
    (duet / "locked").mkdir(mode=0o500)
    assert run_here("vae_rnn", tiny | {"results_path": str(duet / "locked" / "results")}, monkeypatch) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_project_folder_is_left_as_it_was(tiny, duet, monkeypatch):
    before = sorted(PROJECT.glob("*"))
    run_here("vae_rnn", tiny, monkeypatch)
    assert sorted(PROJECT.glob("*")) == before
