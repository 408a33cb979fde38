"""Fixtures that all tests share."""

import gc
import shutil
import subprocess
import sys

from common.mocap import bvh
from helpers import chromium
from helpers.launcher_copy import Copy
from helpers.project import PROJECT, RECORDINGS, SCRIPTS, run_here, tiny_settings, write_body, write_duet

import numpy as np
import pytest

SLOW = PROJECT / "tests" / "slow"


@pytest.hookimpl(tryfirst=True)  # before pytest picks by the mark
def pytest_collection_modifyitems(items):
    """Everything in tests/slow is marked as slow; elsewhere, single tests are."""
    for item in items:
        if SLOW in item.path.parents:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """All that is there now stays: a collection of garbage, as runs ask for, need not look through it again."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture
def duet(tmp_path):
    """A folder with the takes one.bvh and two.bvh, 100 frames each."""
    return write_duet(tmp_path)


@pytest.fixture
def tiny(duet):
    """Settings under which a script runs on that duet in about a second."""
    return tiny_settings(duet)


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """{script: results folder} of a tiny run of each script, finished after 2 epochs; no test may change them."""
    duet = write_duet(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        for name in SCRIPTS:
            assert run_here(name, tiny_settings(duet) | {"results_path": str(duet / name)}, patch) == 0
    return {name: duet / name for name in SCRIPTS}


@pytest.fixture
def copy_run(tiny_runs, duet):
    """copy_run("vae_rnn") makes the results of that tiny run those of the settings `tiny`; returns their folder."""
    return lambda name: shutil.copytree(tiny_runs[name], duet / "results")


@pytest.fixture(scope="session")
def ufbx():
    """Reads a file with ufbx, in a process of its own: a dict of what ufbx_child.py finds."""
    if subprocess.run([sys.executable, "-c", "import ufbx"], capture_output=True).returncode:
        pytest.skip("ufbx cannot be imported here")

    def read(path):
        out = path.with_suffix(".npz")
        program = PROJECT / "tests" / "helpers" / "ufbx_child.py"
        child_run = subprocess.run(
            [sys.executable, program, path, out], capture_output=True, encoding="utf-8", timeout=300
        )
        assert child_run.returncode == 0, child_run.stderr
        with np.load(out) as file:
            return dict(file)

    return read


@pytest.fixture
def body(tmp_path):
    """A take of 12 joints and 40 frames that has not been in an FBX file."""

    write_body(tmp_path / "body.bvh", 40)
    return bvh.load_bvh(tmp_path / "body.bvh")


@pytest.fixture
def copy(tmp_path):
    """A small copy of the project, with launchers that start nothing of weight."""
    return Copy(tmp_path)
