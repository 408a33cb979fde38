"""The launchers in a small copy of the project: its scripts only tell how they were started.

The copy, its home folder and the user's folder have blanks and umlauts in their names. No test needs the internet: pip
finds the package "tiny", which is all that the copy requires besides torch, in a folder.
"""

import ast
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).absolute().parent.parent
LAUNCHERS = ["vae_rnn", "vae_rnn_deepfake"]
ARGUMENTS = ['--mocap_files=[["a b.bvh","c.bvh"]]', "it's", "--a=b=c", "", "*", "$HOME", r"back\slash", "ü"]
SCRIPT = """
import json, os, signal, sys, time
print(json.dumps({"arguments": sys.argv[1:], "file": __file__, "folder": os.getcwd(), "prefix": sys.prefix,
                  "premiere": "IN_PREMIERE" in os.environ}), flush=True)
if sys.argv[1:] == ["wait"]:
    signal.signal(signal.SIGINT, lambda *_: (time.sleep(0.5), print("saved"), sys.exit(130)))
    print("ready", flush=True)
    time.sleep(60)
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""

needs_bash = pytest.mark.skipif(os.name == "nt", reason="the .sh launchers are for macOS and Linux")


class Copy:
    """A copy of the launchers, with stand-ins for the scripts, the home folder and the package index."""

    def __init__(self, folder):
        self.project = folder / "dänçe test"
        self.home = folder / "höme of it"
        self.elsewhere = folder / "some whère"
        self.wheels = folder / "wheels"
        for path in (self.project / "common", self.project / "tests", self.home, self.elsewhere, self.wheels):
            path.mkdir(parents=True)
        files = [f"{name}.{ending}" for name in LAUNCHERS for ending in ("sh", "bat")]
        for name in [*files, "common/launch.sh", "common/launch.bat", "common/launch.py", "tests/run.sh"]:
            shutil.copy(PROJECT / name, self.project / name)
        # Another name, so that an environment of the person who runs the tests is never found.
        self.replace("common/launch.py", '"premiere"', '"premiere-of-test"')
        for name in LAUNCHERS:
            (self.project / f"{name}.py").write_text(SCRIPT, encoding="utf-8")
        self.require("tiny==1.0")
        make_wheel(self.wheels, "tiny", "1.0")

        python = self.home / "bin" / "python3"
        python.parent.mkdir()
        write_program(python, f'exec "{sys.executable}" "$@"')
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONDA", "MAMBA", "PIP_"))}
        self.variables = {
            **kept,
            "HOME": str(self.home),
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
        }

    def replace(self, name, old, new):
        file = self.project / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def require(self, *lines):
        (self.project / "requirements.txt").write_text("\n".join(["# a comment", *lines]), encoding="utf-8")

    def make_premiere(self, parent, listed=False, **versions):
        """A conda environment in which packages have these versions."""
        prefix = parent / "premiere-of-test"
        (prefix / "bin").mkdir(parents=True)
        for name, version in versions.items():
            (prefix / f"{name}-{version}.dist-info").mkdir()
            (prefix / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        write_program(prefix / "bin" / "python", f'IN_PREMIERE=1 PYTHONPATH="{prefix}" exec "{sys.executable}" "$@"')
        if listed:
            (self.home / ".conda").mkdir()
            (self.home / ".conda" / "environments.txt").write_text(f"/nowhere/else\n{prefix}\n", encoding="utf-8")
        return prefix

    def start(self, *arguments, launcher=None, **variables):
        """Start a launcher from another folder; the result has what the script told as `told`."""
        result = subprocess.run(
            [launcher or self.project / "vae_rnn.sh", *arguments],
            cwd=self.elsewhere,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert "Traceback" not in result.stderr
        result.told = json.loads(result.stdout) if result.stdout else None
        return result

    @property
    def venv(self):
        return self.project / ".venv"


def write_program(file, line):
    file.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    file.chmod(0o755)


def make_wheel(folder, name, version, code=""):
    """The smallest package that pip installs."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


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
        assert result.told["arguments"][-3:] == ["--ignore=tests/slow", "-k", "a b"]
        assert Path(result.told["prefix"]).samefile(copy.venv)
    slow = copy.start("--slow", "-x", launcher=copy.project / "tests" / "run.sh")
    assert slow.told["arguments"][-2:] == ["tests/slow", "-x"]


@needs_bash
def test_half_made_venv_is_made_anew(copy):
    """As an interrupted first start leaves it: a Python that runs, but no pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", copy.venv], check=True)
    assert Path(copy.start().told["prefix"]).samefile(copy.venv)
    assert copy.start().stderr.startswith("Python: ")


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
