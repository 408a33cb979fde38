"""Kills a training at random moments, again and again, and sees that it ends as if nothing had happened."""

import random
import subprocess
import sys
import time

from helpers.project import PROJECT, TINY, arguments, write_body

import torch

EARLY = 0.2  # of the kills come at any time after the start, the others while it trains


def disturbed_run(name, folder, kills, epochs, seed):
    """How often a run went on from a checkpoint, and after which epochs. Raises AssertionError where the result is not
    that of an undisturbed run."""
    write_body(folder / "one.bvh", 400)
    write_body(folder / "two.bvh", 400, phase=0.7)
    settings = TINY | {
        "mocap_file_path": str(folder),
        "mocap_files": [["one.bvh", "two.bvh"]],
        "mocap_valid_frame_ranges": [[[0, -1]]],
        "epochs": epochs,
        "checkpoint_minutes": 0.002,  # also within epochs
    }
    disturbed = settings | {"results_path": str(folder / "disturbed")}
    run = launch(name, settings | {"results_path": str(folder / "undisturbed")})
    starting, training = seconds_until(run, "--- train on"), seconds_until(run, "--- export")
    run.communicate()
    assert run.returncode == 0
    draw, checkpoints = random.Random(seed), []
    for _ in range(kills):
        run = launch(name, disturbed | resuming(folder))
        if draw.random() < EARLY:
            time.sleep(draw.uniform(0, starting))
        else:
            seconds_until(run, "--- train on")
            time.sleep(draw.uniform(0, 2 * training / kills))
        run.kill()
        run.communicate()
        if resuming(folder):
            state = torch.load(folder / "disturbed/weights/checkpoint", weights_only=True)
            checkpoints.append(state["loop"]["epoch"])
    last = launch(name, disturbed | resuming(folder))
    last.communicate()
    assert last.returncode == 0
    compare(folder / "undisturbed", folder / "disturbed", epochs)
    return len(checkpoints), checkpoints


def resuming(folder):
    return {"resume": True} if (folder / "disturbed/weights/checkpoint").exists() else {}


def launch(name, settings):
    command = [sys.executable, str(PROJECT / f"{name}.py"), *arguments(name, settings)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")


def seconds_until(run, words):
    """Read what a run says up to a line that starts with these words; how long that took."""
    start = time.monotonic()
    next((line for line in run.stdout if line.startswith(words)), None)
    return time.monotonic() - start


def compare(undisturbed, disturbed, epochs):
    history = f"histories/history_{epochs}.csv"
    assert (undisturbed / history).read_bytes() == (disturbed / history).read_bytes()
    weights = undisturbed / "weights"
    files = [*weights.glob(f"*_weights_epoch_{epochs}"), *weights.glob("*_weights_best")]
    assert files
    for file in files:
        expected, state = (
            torch.load(folder / "weights" / file.name, weights_only=True) for folder in (undisturbed, disturbed)
        )
        assert expected.keys() == state.keys()
        assert all(torch.equal(expected[key], state[key]) for key in expected)
