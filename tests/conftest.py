"""What the tests share: where things are, a duet small enough to train on in a second, and starting a script."""

import dataclasses
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import chromium
import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[1]
RECORDINGS = PROJECT.parent / "shared" / "data"
SCRIPTS = ("vae_rnn", "vae_rnn_deepfake")
TINY = {
    "epochs": 2,
    "latent_dim": 4,
    "sequence_length": 8,
    "ae_rnn_layer_size": 6,
    "ae_dense_layer_sizes": [10],
    "model_save_interval": 1,
    "export_seq_start": 10,
    "export_seq_length": 40,
    "export_mix_seq_start": 0,
    "view_size": 1.0,
    "device": "cpu",
    "show_history": False,
    "open_report": False,
}

sys.path.insert(0, str(PROJECT))  # the tests may be started from any folder


@pytest.fixture(scope="session")
def recordings():
    """The folder of real recordings that are not part of the project."""
    if not RECORDINGS.is_dir():
        pytest.skip("the real recordings are not here")
    return RECORDINGS


@pytest.fixture(scope="session")
def contract():
    """Reference numbers of models and losses, from an independent implementation of the same design."""
    with np.load(PROJECT / "tests" / "contract_reference.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; skips where there is none."""
    path = chromium.find()
    if path is None:
        pytest.skip("there is no Chromium here")
    browser = chromium.Chromium(path)
    yield browser
    browser.close()


@pytest.fixture
def project():
    return PROJECT


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


@pytest.fixture
def duet(tmp_path):
    """A folder with the takes one.bvh and two.bvh, 100 frames each."""
    write_body(tmp_path / "one.bvh")
    write_body(tmp_path / "two.bvh", phase=0.7)
    return tmp_path


@pytest.fixture
def tiny(duet):
    """Settings under which a script runs on that duet in about a second."""
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
    from common import errors

    module = load_script(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments(name, settings)])
    try:
        errors.run(module.main)
    except SystemExit as stop:
        return stop.code
    return 0


def positions(take):
    """Joint positions of a take as a NumPy array (T, J, 3)."""
    from common import kinematics

    return kinematics.forward_kinematics(take.rot_local, take.root_pos, take.skeleton).numpy()


def with_rotations(take, rot_local):
    return dataclasses.replace(take, rot_local=np.ascontiguousarray(rot_local))


@pytest.fixture(scope="session")
def ufbx():
    """Reads a file with ufbx, in a process of its own: a dict of what ufbx_child.py finds."""
    if subprocess.run([sys.executable, "-c", "import ufbx"], capture_output=True).returncode:
        pytest.skip("ufbx cannot be imported here")

    def read(path):
        out = path.with_suffix(".npz")
        child = PROJECT / "tests" / "ufbx_child.py"
        done = subprocess.run([sys.executable, child, path, out], capture_output=True, encoding="utf-8", timeout=300)
        assert done.returncode == 0, done.stderr
        with np.load(out) as file:
            return dict(file)

    return read


@pytest.fixture
def body(tmp_path):
    """A take of 12 joints and 40 frames that has not been in an FBX file."""
    from common import bvh

    write_body(tmp_path / "body.bvh", 40)
    return bvh.load_bvh(tmp_path / "body.bvh")
