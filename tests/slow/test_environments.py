"""The launchers make and fill the folder .venv."""

import subprocess
import sys
from pathlib import Path

from helpers.launcher_copy import SCRIPT, make_wheel, needs_bash


@needs_bash
def test_venv_is_filled_once_and_again_when_requirements_change(copy):
    copy.require("tiny==1.0", "not-there-yet==1")
    failed = copy.start()
    assert failed.returncode == 1
    assert failed.told is None
    assert "no internet" in failed.stderr
    assert "start again" in failed.stderr

    make_wheel(copy.wheels, "not_there_yet", "1")
    repaired = copy.start()
    assert Path(repaired.told["prefix"]).samefile(copy.venv)
    assert "Installing tiny, not-there-yet" in repaired.stderr
    assert "Installing" not in copy.start().stderr

    make_wheel(copy.wheels, "tiny", "1.1")
    copy.require("tiny==1.1")
    assert "Installing tiny" in copy.start().stderr

    # The tests' packages come on top; a conda environment is not asked, even if it would do.
    copy.make_premiere(copy.home / "my envs", listed=True, torch="2.4", tiny="1.1")
    make_wheel(copy.wheels, "pytest", "1", code=SCRIPT)
    (copy.project / "tests" / "requirements.txt").write_text("pytest==1\n")
    for installs in (True, False):
        result = copy.start("-k", "a b", launcher=copy.project / "tests" / "run.sh", EXIT_CODE="3")
        assert ("Installing pytest" in result.stderr) == installs
        assert result.returncode == 3
        assert result.told["arguments"][-4:] == ["-m", "not slow", "-k", "a b"]
        assert Path(result.told["prefix"]).samefile(copy.venv)
    slow = copy.start("--slow", "-x", launcher=copy.project / "tests" / "run.sh")
    assert slow.told["arguments"][-3:] == ["-m", "slow", "-x"]


@needs_bash
def test_half_made_venv_is_made_anew(copy):
    """As an interrupted first start leaves it: a Python that runs, but no pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", copy.venv], check=True)
    assert Path(copy.start().told["prefix"]).samefile(copy.venv)
    assert copy.start().stderr.startswith("Python: ")
