"""Where the project is, a duet small enough to train on in a second, and starting a script."""

import dataclasses
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from common.motion import kinematics
from common.runtime import errors

import numpy as np
import torch

PROJECT = Path(__file__).resolve().parents[2]


RECORDINGS = PROJECT.parent / "shared" / "data"


SCRIPTS = ("vae_rnn", "vae_rnn_deepfake")


TINY = {
    "epochs": 2,
    "latent_dim": 4,
    "sequence_length": 8,
    "ae_rnn_layer_size": 6,
    "ae_dense_layer_sizes": [10],
    "initial_weights": "noise",  # three times as fast as a tiny run with a warm start, which has tests of its own
    "model_save_interval": 9,  # once, at the end: a plot of the history takes as long as the training
    "export_seq_start": 10,
    "export_seq_length": 40,
    "export_mix_seq_start": 0,
    "view_size": 1.0,
    "device": "cpu",
    "show_history": False,
    "open_report": False,
}


BODY = """\
HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT Spine
  {
    OFFSET 0 25 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT LeftArm
    {
      OFFSET 15 20 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET 55 0 0
      }
    }
    JOINT RightArm
    {
      OFFSET -15 20 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET -55 0 0
      }
    }
    JOINT Head
    {
      OFFSET 0 30 0
      CHANNELS 3 Yrotation Xrotation Zrotation
      End Site
      {
        OFFSET 0 15 0
      }
    }
  }
  JOINT LeftLeg
  {
    OFFSET 10 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -90 5
    }
  }
  JOINT RightLeg
  {
    OFFSET -10 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -90 5
    }
  }
}
"""


def write_body(path, frame_count=100, fps=50, phase=0.0, body=BODY):
    """A swaying body as BVH; returns its channel values (T, C)."""
    channels = sum(int(line.split()[1]) for line in body.splitlines() if line.strip().startswith("CHANNELS"))
    time = np.arange(frame_count)[:, None] / fps
    values = 40 * np.sin(time * np.linspace(1, 3, channels) + np.arange(channels) + phase)
    values[:, 1] = 90 + values[:, 1] / 10
    rows = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in values)
    path.write_text(f"{body}MOTION\nFrames: {frame_count}\nFrame Time: {1 / fps:.6f}\n{rows}\n", encoding="utf-8")
    return values


def write_duet(folder):
    """The takes one.bvh and two.bvh, 100 frames each; returns the folder."""
    write_body(folder / "one.bvh")
    write_body(folder / "two.bvh", phase=0.7)
    return folder


def tiny_settings(duet):
    """Settings under which a script runs on the takes in the folder `duet` in about a second."""
    return TINY | {
        "mocap_file_path": str(duet),
        "mocap_files": [["one.bvh", "two.bvh"]],
        "mocap_valid_frame_ranges": [[[0, -1]]],
        "results_path": str(duet / "results"),
    }


def arguments(name, settings):
    """Command line settings of a script, without what only the other one has."""
    return [f"--{key}={value}" for key, value in settings.items() if name == "vae_rnn" or "mix" not in key]


def start_script(name, settings, cwd=None, script_folder=PROJECT, **environment):
    """Run a script in a process of its own, without a display."""
    keep = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, str(script_folder / f"{name}.py"), *arguments(name, settings)],
        cwd=cwd,
        env=keep | {"PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",  # of a run that was told to write another encoding
        stdin=subprocess.DEVNULL,
        timeout=600,
    )


def load_script(name):
    """A script as a fresh module, its constants as written."""
    spec = importlib.util.spec_from_file_location(name, PROJECT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_here(name, settings, monkeypatch):
    """Run a script in this process, as `python <name>.py` would; returns its exit code."""

    module = load_script(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments(name, settings)])
    try:
        errors.run(module.main)
    except SystemExit as stop:
        return stop.code
    return 0


def positions(take):
    """Joint positions of a take as a NumPy array (T, J, 3)."""

    return kinematics.forward_kinematics(take.rot_local, take.root_pos, take.skeleton).numpy()


def with_rotations(take, rot_local):
    return dataclasses.replace(take, rot_local=torch.as_tensor(rot_local))


def at_rest(body):
    """The body below a root that stands still, turned and away from it, as some files have it."""
    root = "HIERARCHY\nROOT Reference\n{\n  OFFSET 0 0 0\n  CHANNELS 3 Zrotation Xrotation Yrotation\n"
    inner = body.split("\n", 1)[1].replace("ROOT Hips", "  JOINT Hips")
    return root + inner.rstrip() + "\n}\n"
