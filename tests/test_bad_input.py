"""What a user can get wrong: each ends before training, with exit code 2 and one clear message."""

import io
import json
import os
import pickle
import re
import sys

from helpers.mistakes import ELSEWHERE, MISTAKES, NOTES, edit, pickle_payload, prepare
from helpers.project import PROJECT, SCRIPTS, run_here, start_script
from helpers.sweeps import quick

import pytest
import torch


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_has_one_clear_message(name, mistake, tiny, duet, monkeypatch, capsys):
    settings, words = prepare(MISTAKES[mistake], duet)
    assert run_here(name, tiny | settings, monkeypatch) == 2
    output = capsys.readouterr()
    assert output.err.startswith("\nerror: ")
    assert output.err.count("\n") == 2  # one message, on one line
    assert len(output.err) < 1000
    assert output.err[1:-1].isprintable()
    for word in words:
        assert word in output.err
    assert "epoch 1" not in output.out
    assert not (duet / "executed").exists()
    assert not (duet / "results").is_dir() or not list((duet / "results").rglob("*weights_epoch*"))


@pytest.mark.parametrize("noted", NOTES)
def test_every_note_is_printed(noted, tiny, duet, monkeypatch, capsys):
    settings, words = prepare(NOTES[noted], duet)
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    assert run_here("vae_rnn", tiny | {"epochs": 1, "batch_size": 8} | settings, monkeypatch) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert any(all(word in line for word in words) for line in notes), notes


def test_the_tests_of_messages_outside_the_tables_exist():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py")}
    for tests in ELSEWHERE.values():
        for file, name in re.findall(r"(?:(test_\w+)\.)?(test_\w+)", tests):
            texts = [sources[file]] if file else sources.values()
            assert name in sources or any(f"def {name}(" in text for text in texts), tests


def test_the_payloads_of_these_tests_would_do_harm(duet):
    pickle_payload(duet)
    with (duet / "weights").open("rb") as file:
        pickle.load(file)
    assert (duet / "executed").is_dir()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_diverging_training_stops(name, tiny, duet, monkeypatch, capsys):
    assert run_here(name, tiny | {"ae_learning_rate": 1e18, "epochs": 5}, monkeypatch) == 2
    assert "ae_learning_rate" in capsys.readouterr().err


def test_weights_that_are_not_finite_are_refused(tiny, duet, tiny_runs, monkeypatch, capsys):
    state = torch.load(tiny_runs["vae_rnn"] / "weights/encoder_weights_epoch_2", weights_only=True)
    state["fc_mu.bias"][0] = float("nan")
    torch.save(state, duet / "weights")
    loaded = {"load_weights": True, "encoder_weights_file": str(duet / "weights")}
    assert run_here("vae_rnn", tiny | loaded, monkeypatch) == 2
    assert "not finite" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_scripts_print_to_a_console_of_another_encoding(tiny, duet, encoding, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    (duet / "one.bvh").rename(duet / "日本.bvh")
    files = {"mocap_files": [["日本.bvh", "two.bvh"]], "epochs": 1}
    assert run_here("vae_rnn", tiny | files, monkeypatch) == 0
    console.flush()
    assert rb"dancer 1: \u65e5\u672c.bvh" in console.buffer.getvalue()


@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn"))
@pytest.mark.skipif(not torch.__file__.isascii(), reason="such a system cannot import torch from such a folder")
def test_scripts_run_on_a_system_with_ascii_only(name, tiny, duet):
    (duet / "one.bvh").rename(duet / "日本.bvh")
    settings = {"mocap_files": [["日本.bvh", "two.bvh"]], "epochs": 1, "results_path": "dänçe test"}
    system = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    run = start_script(name, tiny | settings, cwd=duet, **system)
    assert run.returncode == 0, run.stderr
    assert list((duet / "dänçe test" / "anims").glob("orig_*.gif"))
    assert json.loads((duet / "dänçe test" / "config.json").read_text(encoding="utf-8"))["script"] == f"{name}.py"


def test_joints_that_differ_are_named_where_one_encoder_serves_both(tiny, duet, monkeypatch, capsys):
    edit(duet / "two.bvh", lambda text: text.replace("JOINT RightArm", "JOINT ArmR"))
    assert run_here("vae_rnn_deepfake", tiny, monkeypatch) == 2
    message = capsys.readouterr().err
    assert "joint 4 is 'RightArm'" in message
    assert "'ArmR'" in message


@pytest.mark.parametrize(
    ("name", "settings", "word"),
    [
        ("vae_rnn", {"mocap_files": [["one.bvh", "none.bvh"]]}, "none.bvh"),
        ("vae_rnn_deepfake", {"epoch": 3}, "'epochs'"),
    ],
)
def test_a_mistake_in_a_process_of_its_own(name, settings, word, tiny):
    run = start_script(name, tiny | settings)
    assert run.returncode == 2
    assert word in run.stderr
    assert "Traceback" not in run.stderr + run.stdout


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tiny, duet, monkeypatch, capsys):
    (duet / "locked").mkdir(mode=0o500)
    assert run_here("vae_rnn", tiny | {"results_path": str(duet / "locked" / "results")}, monkeypatch) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_setting_without_a_value(monkeypatch, capsys):
    for argument in ("--epochs", "epochs=3", "-e", "--", "\x1b[2J"):
        monkeypatch.setattr("helpers.project.arguments", lambda *_, typed=argument: [typed])
        assert run_here("vae_rnn", {}, monkeypatch) == 2
        message = capsys.readouterr().err
        assert message.startswith(f"\nerror: cannot read the argument {argument!r}: settings are given as --name=value")


def test_a_device_that_does_not_start(tiny, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no driver\nand more")))
    assert run_here("vae_rnn", tiny | {"device": "cuda"}, monkeypatch) == 2
    assert capsys.readouterr().err == '\nerror: device = "cuda": no driver; use "auto".\n'
