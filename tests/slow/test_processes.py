"""The training over several processes, as torchrun starts them."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

from helpers.project import PROJECT, arguments

import numpy as np
import pytest


def torchrun(name, settings, count, cwd):
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={count}", "--master_port=0"]
    return subprocess.Popen(
        [*command, "--standalone", str(PROJECT / f"{name}.py"), *arguments(name, settings)],
        cwd=cwd,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def history_of(folder):
    with next((folder / "histories").glob("*.csv")).open() as file:
        return np.array([[float(value) for value in row] for row in list(csv.reader(file))[1:]])


def test_of_a_mistake_one_process_tells(tiny, tmp_path):
    run = torchrun("vae_rnn", tiny | {"latent_dim": 0}, 2, tmp_path)
    output = run.communicate(timeout=120)[0]
    assert run.returncode != 0
    assert output.count("error: latent_dim") == 1


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("vae_rnn", {"initial_weights": "noise", "schedule": "step"}),
        ("vae_rnn_deepfake", {"initial_weights": "regression"}),
    ],
)
def test_two_processes_give_the_curve_of_one(name, recipe, tiny, tmp_path):
    settings = tiny | recipe | {"batch_size": 7, "epochs": 4}  # 37 windows: uneven shares, and a last batch of two
    outputs = {}
    for count in (1, 2):
        run = torchrun(name, settings | {"results_path": str(tmp_path / str(count))}, count, tmp_path)
        outputs[count] = run.communicate(timeout=300)[0]
        assert run.returncode == 0, outputs[count]
    one, two = history_of(tmp_path / "1"), history_of(tmp_path / "2")
    # where a gradient is close to nothing, rounding decides the direction of Adam's first steps: of the latent noise
    np.testing.assert_allclose(two, one, rtol=1e-4 if "schedule" in recipe else 1e-2)
    assert outputs[2].count("--- settings") == outputs[2].count("latent_dim ") == 1
    assert outputs[2].count("epoch 4 :") == outputs[2].count("All results are in") == 1
    for name in ("weights", "anims"):
        assert {p.name for p in (tmp_path / "2" / name).iterdir()} == {
            p.name for p in (tmp_path / "1" / name).iterdir()
        }


@pytest.mark.skipif(not shutil.which("pgrep"), reason="finds the processes of a run with pgrep")
def test_a_process_that_ends_ends_the_run(tiny, tmp_path):
    run = torchrun("vae_rnn", tiny | {"epochs": 100000, "results_path": str(tmp_path / "r")}, 2, tmp_path)
    for line in run.stdout:
        if line.startswith("epoch 3"):
            break
    children = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    start = time.monotonic()
    output = run.communicate(timeout=120)[0]
    assert run.returncode != 0
    assert time.monotonic() - start < 90
    assert "Signal 9 (SIGKILL)" in output  # torchrun's own words
    assert 'vae_rnn.py", line' not in output  # no traceback of the others
