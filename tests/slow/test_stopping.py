"""Trainings that the user or the system stops from outside, with a signal."""

import os
import signal
import subprocess
import sys

from helpers.killing import compare
from helpers.project import PROJECT, arguments, run_here, write_body

import pytest
import torch

ENDLESS = {"epochs": 100_000, "model_save_interval": 100_000, "stop_after": None}


def started(name, settings, cwd):
    """A script that has done its first epoch."""
    command = [sys.executable, "-u", str(PROJECT / f"{name}.py"), *arguments(name, settings)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    run = subprocess.Popen(command, cwd=cwd, preexec_fn=_hear_ctrl_c, **pipes)
    next(line for line in run.stdout if line.startswith("epoch 1 "))
    return run


def _hear_ctrl_c():
    """What a shell starts in the background, the tests for one, ignores Ctrl-C, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.skipif(os.name == "nt", reason="signals of another process")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_stopped_run_goes_on_where_it_was(number, code, tiny, duet, monkeypatch):
    settings = tiny | ENDLESS | {"results_path": str(duet / "stopped")}
    run = started("vae_rnn", settings, duet)
    run.send_signal(getattr(signal, number))
    _, message = run.communicate(timeout=60)
    assert run.returncode == code, message
    state = torch.load(duet / "stopped/weights/checkpoint", weights_only=True)
    done = state["loop"]["epoch"]
    epochs = done + 2
    assert (duet / f"stopped/weights/encoder_weights_epoch_{done}").exists()
    assert (duet / "stopped/weights/encoder_weights_best").exists()
    assert len((duet / "stopped/histories/history_100000.csv").read_text().splitlines()) == 1 + done
    if number == "SIGINT":
        assert len(list((duet / "stopped/anims").glob("*.gif"))) == 7
        assert (duet / "stopped/histories/metrics_100000.json").exists()
        assert message.strip().splitlines()[-1].startswith(f"stopped after {done} of 100000 epochs.")
        assert "--resume=True" in message
    else:
        assert not list((duet / "stopped/anims").iterdir())
    resuming = settings | {"epochs": epochs, "resume": True, "model_save_interval": epochs}
    undisturbed = resuming | {"results_path": str(duet / "undisturbed"), "resume": False}
    for run_settings in (resuming, undisturbed):
        assert run_here("vae_rnn", run_settings, monkeypatch) == 0
    compare(duet / "undisturbed", duet / "stopped", epochs)


@pytest.mark.skipif(os.name == "nt", reason="signals of another process")
def test_a_second_ctrl_c_skips_the_clips(tiny, duet):
    for file in ("one.bvh", "two.bvh"):
        write_body(duet / file, 300)  # so that there is time between one clip and the next
    settings = tiny | ENDLESS | {"export_seq_length": 300, "view_size": 5.0}
    run = started("vae_rnn_deepfake", settings, duet)
    run.send_signal(signal.SIGINT)
    next(line for line in run.stdout if line.startswith("orig_sequence"))
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 130
    assert (duet / "results/weights/checkpoint").exists()
    assert len(list((duet / "results/anims").glob("*_sequence_*.gif"))) < 6
    assert not list((duet / "results").rglob("*.part*"))
