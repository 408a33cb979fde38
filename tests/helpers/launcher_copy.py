"""The launchers in a small copy of the project: its scripts only tell how they were started.

The copy, its home folder and the user's folder have blanks and umlauts in their names. No test needs the internet: pip
finds the package "tiny", which is all that the copy requires besides torch, in a folder.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile

from helpers.project import PROJECT

import pytest

LAUNCHERS = ["vae_rnn", "vae_rnn_deepfake"]
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
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("CONDA", "MAMBA", "PIP_"))
        }
        self.variables = {
            **variables,
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
