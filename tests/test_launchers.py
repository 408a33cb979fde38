"""The launchers, in a copy of the project (helpers/launcher_copy.py), and the check of `import common`."""

import ast
import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

from common import launch
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


def without_python(copy, *tools):
    """The PATH of a machine whose only Python is too old, with these tools."""
    folder = copy.home / "tools"
    folder.mkdir()
    for tool in ("bash", "env", "dirname", "readlink", "cat", "uname", *tools):
        (folder / tool).symlink_to(shutil.which(tool))
    write_program(folder / "python3", "exit 1")
    launcher = copy.project / "common" / "launch.sh"
    text = launcher.read_text(encoding="utf-8")
    launcher.write_text(text.replace("/opt", "/nowhere").replace("/usr/local", "/nowhere"), encoding="utf-8")
    return str(folder)


@needs_bash
def test_missing_python_is_explained(copy):
    result = copy.start(PATH=without_python(copy))
    assert result.returncode == 1
    assert "https://www.python.org" in result.stderr
    assert "not found" not in result.stderr  # of a tool that a small system does not have


# In a window


class Window:
    """A terminal that runs a launcher in place of a shell, as a double click opens one on Linux."""

    def __init__(self, copy, *command, **variables):
        import fcntl
        import pty
        import termios

        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command or [copy.project / "vae_rnn.sh"],
            cwd=copy.elsewhere,
            env={**copy.variables, "DISPLAY": ":9", "CI": "", "SSH_CONNECTION": "", **variables},
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

    def open_window(*command, **variables):
        windows.append(Window(fit_copy, *command, **variables))
        return windows[-1]

    yield open_window
    for opened in windows:
        opened.process.kill()
        opened.process.wait()
        os.close(opened.master)


@needs_bash
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS's Terminal keeps its windows open by itself")
@pytest.mark.parametrize("exit_code", [0, 4])
def test_the_window_of_a_double_click_stays_open_until_enter(window, exit_code):
    opened = window(EXIT_CODE=str(exit_code))
    opened.read_until("Press Enter")
    time.sleep(0.2)
    assert opened.process.poll() is None
    opened.type(b"\n")
    assert opened.process.wait(timeout=20) == exit_code


@needs_bash
@pytest.mark.skipif(sys.platform == "darwin" or not shutil.which("ps"), reason="asks ps, as Linux has it")
def test_a_missing_python_can_be_read_after_a_double_click(window, fit_copy):
    opened = window(PATH=without_python(fit_copy, "ps"))
    opened.read_until("Press Enter")
    assert "https://www.python.org" in opened.text
    opened.type(b"\n")
    assert opened.process.wait(timeout=20) == 1


@needs_bash
def test_a_launcher_typed_into_a_terminal_does_not_wait(window, fit_copy):
    """The shell leads the session, and has the window after the launcher."""
    for exit_code in "04":
        shell = window(
            "bash", "-c", '"$0"; echo "prompt after $?"', fit_copy.project / "vae_rnn.sh", EXIT_CODE=exit_code
        )
        shell.read_until(f"prompt after {exit_code}")
        assert "Press Enter" not in shell.text


@needs_bash
@pytest.mark.parametrize(
    "variables", [{"DISPLAY": ""}, {"CI": "true"}, {"SSH_CONNECTION": "here there"}], ids=["no desktop", "CI", "ssh"]
)
def test_a_terminal_that_nobody_sits_at_does_not_wait(window, variables):
    without_wayland = {"WAYLAND_DISPLAY": ""} | variables
    assert window(EXIT_CODE="4", **without_wayland).process.wait(timeout=20) == 4


@needs_bash
def test_the_script_answers_ctrl_c(window, fit_copy):
    opened = window(fit_copy.project / "vae_rnn.sh", "wait")
    opened.read_until("ready")
    opened.type(b"\x03")
    opened.read_until("saved")
    if sys.platform != "darwin":
        opened.read_until("Press Enter")
        opened.type(b"\n")
    assert opened.process.wait(timeout=20) == 130
    assert "Traceback" not in opened.text


CONSOLES = {
    "double click": (True, ["python", "cmd"], True),
    "double click, with the launcher of Python": (True, ["python3.12", "py", "cmd"], True),
    "prompt": (False, ["python", "cmd"], False),
    "PowerShell": (True, ["python", "cmd", "powershell"], False),
    "cmd /c in a prompt": (True, ["python", "cmd", "cmd"], False),
    "a program that cannot be named": (True, ["python", "cmd", ""], False),
}


@pytest.mark.parametrize(("from_cmd_c", "programs", "expected"), CONSOLES.values(), ids=CONSOLES)
def test_a_double_click_on_windows_is_told_from_a_shell(from_cmd_c, programs, expected, monkeypatch):
    monkeypatch.setattr(launch, "WINDOWS", True)
    monkeypatch.setattr(launch, "programs_in_window", lambda: programs)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    for name in ("CI", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    assert launch.opened_by_double_click(from_cmd_c) == expected
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: False))
    assert not launch.opened_by_double_click(from_cmd_c)


@pytest.mark.skipif(sys.platform != "win32", reason="asks Windows")
def test_windows_names_the_programs_of_a_console():
    names = launch.programs_in_window()
    assert not names or any(launch.PROGRAMS_OF_A_DOUBLE_CLICK.fullmatch(name) for name in names)


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


def test_an_old_torch_beside_a_new_numpy_is_named():
    versions = "{'torch': '2.2.2', 'numpy': '2.0.1'}.get(name, '50')"
    result = import_common(f"from importlib import metadata; metadata.version = lambda name: {versions}")
    assert result.returncode == 2
    assert "works with NumPy 1 only" in result.stderr
    assert f'"{sys.executable}" -m pip install "numpy<2"' in result.stderr


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
