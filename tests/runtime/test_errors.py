"""How a script ends that cannot go on."""

import os
import re
import subprocess
import sys
import tempfile

from common.runtime import errors
from helpers.project import PROJECT, run_here

import pytest


def end_of(error, monkeypatch, capsys):
    """The exit code of a script that raises `error`, and what it told on stderr."""

    def main():
        raise error

    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(SystemExit) as stop:
        errors.run(main)
    return stop.value.code, capsys.readouterr().err


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """The system's folder for temporary files."""
    folder = tmp_path / "dänçe temp"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.InputError("a \x1b[2J\nb"), 2, "\nerror: a \\x1b[2J\\nb\n"),
        (FileNotFoundError(2, "no such file", "one.bvh"), 2, "\nerror: one.bvh: no such file\n"),
        (OSError("disk"), 2, "\nerror: disk\n"),
        (ImportError("no fbx"), 2, "\nerror: no fbx\n"),
        (MemoryError("Unable to allocate 7 PiB"), 2, r"\nerror: there is not enough memory.*7 PiB\n"),
        (KeyboardInterrupt(), 130, "\nstopped\n"),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
)
def test_messages_and_exit_codes(error, code, message, reports, monkeypatch, capsys):
    monkeypatch.setattr(os, "dup2", lambda *_: None)  # of pytest's own output, which is still read
    ending = end_of(error, monkeypatch, capsys)
    assert ending[0] == code
    assert ending[1] == message or re.fullmatch(message, ending[1])
    assert not list(reports.iterdir())


def test_an_unexpected_exception_is_reported_in_a_file(tiny, reports, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr("common.dataset.pairs.load_mocap", lambda *_, **__: {}["\x1b[2J"])
    assert run_here("vae_rnn", tiny, monkeypatch) == 1
    message = capsys.readouterr().err
    (report,) = reports.iterdir()
    assert message.count("\n") == 2
    assert "a fault of the toolkit, not of your files" in message
    assert f"send the file {report} to whoever gave you the toolkit" in message
    assert "KeyError" in message
    text = report.read_text(encoding="utf-8")
    for word in ("Traceback", "load_pairs", "KeyError", "Python 3.", "torch 2.", "numpy", "--epochs=2", sys.platform):
        assert word.lower() in text.lower()
    assert "\x1b" not in text + message


def test_an_unexpected_exception_is_printed_where_no_file_can_be_written(monkeypatch, capsys):
    def no_room(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", no_room)
    code, message = end_of(ZeroDivisionError("a fault\x1b"), monkeypatch, capsys)
    assert code == 1
    assert "Traceback" in message
    assert "send the lines above to whoever gave you the toolkit" in message
    assert "\x1b" not in message


def start(code, **options):
    command = [sys.executable, "-c", f"from common.runtime import console, errors\n{code}\nerrors.run(main)"]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, encoding="utf-8", **options)


@pytest.mark.parametrize(
    "both", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["stdout", "stdout and stderr"]
)
def test_a_closed_pipe_ends_a_script_quietly(both):
    code = "def main():\n while True: console.line('x' * 1000)"
    child = start(code, stderr=subprocess.STDOUT if both else subprocess.PIPE)
    child.stdout.readline()
    child.stdout.close()
    message = "" if both else child.stderr.read()
    assert child.wait(60) == 1
    assert message == ""


@pytest.mark.skipif(sys.platform == "win32", reason="closes the output as a shell does")
def test_a_run_without_any_output_goes_on(tmp_path):
    code = f"def main():\n console.note('x')\n open({str(tmp_path / 'done')!r}, 'w')"
    child = start(code, preexec_fn=lambda: (os.close(1), os.close(2)))
    assert child.wait(60) == 0
    assert (tmp_path / "done").exists()


def test_windows_says_invalid_argument_of_a_reader_that_has_ended(monkeypatch, capsys):
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(sys, "platform", "win32")
    assert end_of(OSError(22, "Invalid argument"), monkeypatch, capsys) == (1, "")
    code, message = end_of(OSError(22, "Invalid argument", "one?.bvh"), monkeypatch, capsys)
    assert (code, message) == (2, "\nerror: one?.bvh: Invalid argument\n")
