"""The launchers, in a copy of the project (helpers/launcher_copy.py), and the check of `import common`."""

import ast
import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

from helpers.launcher_copy import LAUNCHERS, needs_bash, write_program
from helpers.project import PROJECT

import pytest

ARGUMENTS = ['--mocap_files=[["a b.bvh","c.bvh"]]', "it's", "--a=b=c", "", "*", "$HOME", r"back\slash", "ü"]


@pytest.fixture
def fit_copy(copy):
    """A copy whose conda environment has everything, so that nothing needs to be installed."""
    copy.make_premiere(copy.home / "my envs", listed=True, torch="2.4.1+cu121", tiny="1.0")
    return copy


# What reaches the script


@needs_bash
@pytest.mark.parametrize("name", LAUNCHERS)
def test_arguments_folder_and_exit_code_pass_unchanged(fit_copy, name):
    result = fit_copy.start(*ARGUMENTS, launcher=fit_copy.project / f"{name}.sh", EXIT_CODE="5")
    assert result.returncode == 5
    assert result.told["arguments"] == ARGUMENTS
    assert Path(result.told["folder"]).samefile(fit_copy.elsewhere)
    assert Path(result.told["file"]).samefile(fit_copy.project / f"{name}.py")


@needs_bash
def test_launcher_starts_through_a_link(fit_copy):
    link = fit_copy.elsewhere / "start here"
    link.symlink_to(fit_copy.project / "vae_rnn.sh")
    assert fit_copy.start("x", launcher=link).told["arguments"] == ["x"]


@needs_bash
def test_a_script_ended_by_a_signal_is_an_error(fit_copy):
    (fit_copy.project / "vae_rnn.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert fit_copy.start().returncode == 137


# Which environment


@needs_bash
def test_conda_environment_is_found(copy):
    """In conda's own list, in a usual place, through CONDA_EXE and as the active one."""
    places = {
        copy.home / "miniforge3" / "envs": {},
        copy.elsewhere / "conda" / "envs": {"CONDA_EXE": str(copy.elsewhere / "conda" / "bin" / "conda")},
        copy.elsewhere: {"CONDA_PREFIX": str(copy.elsewhere / "premiere-of-test")},
    }
    for place, variables in places.items():
        prefix = copy.make_premiere(place, torch="2.2.0", tiny="1.0")
        result = copy.start(**variables)
        assert result.told["premiere"], result.stderr
        assert str(prefix) in result.stderr
        shutil.rmtree(prefix)
    assert not copy.venv.exists()


@needs_bash
def test_conda_environment_that_lacks_something_is_named_and_left(copy):
    prefix = copy.make_premiere(copy.home / "my envs", listed=True, torch="1.13.1")
    copy.venv.write_text("a file, so that nothing is installed here")
    line = next(line for line in copy.start().stderr.splitlines() if "premiere-of-test" in line)
    assert "no tiny, torch 1.13.1" in line
    assert f'"{prefix}/bin/python" -m pip install "tiny==1.0" "torch>=2.2"' in line


@needs_bash
def test_venv_that_cannot_be_made_is_explained(copy):
    copy.venv.write_text("a file in the way")
    result = copy.start()
    assert result.returncode == 1
    assert "could not be made" in result.stderr
    assert "python3-venv" in result.stderr


@needs_bash
def test_missing_python_is_explained(copy):
    tools = copy.home / "tools"
    tools.mkdir()
    for tool in ("bash", "env", "dirname", "readlink", "cat", "uname"):
        (tools / tool).symlink_to(shutil.which(tool))
    write_program(tools / "python3", "exit 1")  # too old
    text = (copy.project / "common" / "launch.sh").read_text(encoding="utf-8")
    (copy.project / "common" / "launch.sh").write_text(
        text.replace("/opt", "/nowhere").replace("/usr/local", "/nowhere")
    )
    result = copy.start(PATH=str(tools))
    assert result.returncode == 1
    assert "https://www.python.org" in result.stderr


# In a window


class Window:
    """A launcher in a terminal of its own."""

    def __init__(self, copy, *arguments, **variables):
        import fcntl
        import pty
        import termios

        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [copy.project / "vae_rnn.sh", *arguments],
            cwd=copy.elsewhere,
            env={**copy.variables, **variables},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.text = ""

    def read_until(self, word):
        with contextlib.suppress(OSError):  # Linux: the program has ended
            while word not in self.text and select.select([self.master], [], [], 30)[0]:
                data = os.read(self.master, 1000)
                if not data:
                    break
                self.text += data.decode("utf-8", errors="replace")
        assert word in self.text

    def type(self, keys):
        os.write(self.master, keys)


@pytest.fixture
def window(fit_copy):
    windows = []

    def open_window(*arguments, **variables):
        windows.append(Window(fit_copy, *arguments, **variables))
        return windows[-1]

    yield open_window
    for opened in windows:
        opened.process.kill()
        opened.process.wait()
        os.close(opened.master)


@needs_bash
def test_window_stays_open_on_an_error(window):
    opened = window(EXIT_CODE="4")
    opened.read_until("Press Enter")
    time.sleep(0.2)
    assert opened.process.poll() is None
    opened.type(b"\n")
    assert opened.process.wait(timeout=20) == 4


@needs_bash
def test_window_closes_on_success(window):
    assert window().process.wait(timeout=20) == 0


@needs_bash
def test_ctrl_c_is_the_scripts_to_answer(window):
    opened = window("wait")
    opened.read_until("ready")
    opened.type(b"\x03")
    opened.read_until("saved")
    assert opened.process.wait(timeout=20) == 130
    assert "Traceback" not in opened.text


# Windows


@pytest.mark.parametrize("name", ["vae_rnn", "vae_rnn_deepfake", "common/launch"])
def test_bat_files_are_plain_and_have_windows_line_ends(name):
    data = (PROJECT / f"{name}.bat").read_bytes()
    data.decode("ascii")
    assert data.count(b"\n") == data.count(b"\r\n") > 0
    assert not [line for line in data.decode().lower().split("\r\n") if line.split()[:1] in (["cd"], ["pushd"])]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_bat_launchers_only_hand_over(name):
    *rest, last = (PROJECT / f"{name}.bat").read_text(encoding="ascii").splitlines()
    assert all(line == "@echo off" or line.startswith("rem ") for line in rest)
    assert last == rf'"%~dp0common\launch.bat" {name}.py %*'


# `import common`


def import_common(preparation):
    code = f"import sys\n{preparation}\nimport common"
    return subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, encoding="utf-8")


def test_missing_packages_are_named():
    result = import_common("for name in ('PIL', 'scipy', 'imageio', 'filelock'): sys.modules[name] = None")
    assert result.returncode == 2
    assert "missing or too old: scipy, imageio, pillow, filelock\n" in result.stderr
    assert f'"{sys.executable}" -m pip install "scipy>=' in result.stderr
    assert "Traceback" not in result.stderr


def test_packages_that_are_too_old_are_named():
    versions = "{'filelock': '3.13.1', 'torch': '2.2.0', 'numpy': '99.0'}.get(name, '50')"
    result = import_common(f"from importlib import metadata; metadata.version = lambda name: {versions}")
    assert result.returncode == 2
    assert "missing or too old: filelock\n" in result.stderr  # a newer torch or numpy may do
    assert 'install "filelock>=' in result.stderr


def test_old_python_is_named():
    result = import_common("sys.version_info = (3, 8, 1)")
    assert result.returncode == 2
    assert "3.10 or newer" in result.stderr
    assert f"{sys.executable} is 3.8" in result.stderr
    ast.parse((PROJECT / "common" / "__init__.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_import_is_cheap():
    """It looks for the packages without importing them."""
    result = import_common("import atexit; atexit.register(lambda: print('torch' in sys.modules))")
    assert (result.returncode, result.stdout) == (0, "False\n")
