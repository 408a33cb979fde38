"""How a script ends that cannot go on: a user's mistake, which has an exception type of its own, or a fault of ours."""

import contextlib
import errno
import importlib.metadata
import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from common.runtime import parallel
from common.runtime.console import printable

PATIENCE = 2  # seconds that the other processes leave process 0 for its message
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "matplotlib",
    "imageio",
    "pillow",
    "tqdm",
    "filelock",
)  # whose versions a report names


class InputError(ValueError):
    """Something the user gave does not fit. The message names it, what was found, what was expected and
    what to change; `run` prints it without a traceback and ends with exit code 2."""


class StoppedError(Exception):
    """The training was stopped, and what there is has been saved. The message says how to go on."""

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code


def run(main):
    """Call main(); a mistake in the input ends in one message and exit code 2, Ctrl-C in exit code 130.

    Any other exception is a fault of the toolkit: a report goes into a file, and the exit code is 1.
    """
    _prepare_output()
    try:
        _run(main)
    except OSError as error:
        if not _nobody_reads(error):
            raise
        _end_quietly()


def _run(main):
    try:
        main()
    except (InputError, OSError, ImportError) as error:
        if _nobody_reads(error):
            raise
        _end(f"error: {_describe(error)}", 2)
    except StoppedError as error:
        _end(str(error), error.exit_code)
    except MemoryError as error:
        _end(f"error: there is not enough memory. Close other programs, or use shorter recordings. {error}", 2)
    except KeyboardInterrupt:
        _end("stopped", 130)
    except Exception as error:
        if isinstance(error, RuntimeError) and parallel.lost_another(error):
            _end("error: another process of this run has ended; what it said last tells why", 1)
        _end(_report(error), 1)


def _end(message, exit_code):
    """Say why, and end. Of several processes with the same trouble, process 0 says it and takes the others with it."""
    if parallel.rank() > 0:
        time.sleep(PATIENCE)
        message = f"process {parallel.rank()}: {message}"
    print(f"\n{printable(message)}", file=sys.stderr, flush=True)
    sys.exit(exit_code)


def _describe(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


# ---------------------------------------------------------------------------------------------------------------------
# the output


def _prepare_output():
    """Let the output take what comes: there may be none, or a console that cannot show every name."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # started without a console
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115, open to the end
        elif hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _nobody_reads(error):
    """Whether an exception means that what read our output has ended, as `head` does. Windows has no word for it."""
    on_windows = sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or (on_windows and error.filename is None)


def _end_quietly():
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())  # else Python complains as it writes what is left
    sys.exit(1)


# ---------------------------------------------------------------------------------------------------------------------
# faults of our own


def _report(error):
    """Write down what is known of a fault; returns what to tell the user."""
    fault = "".join(traceback.format_exception_only(error)).strip()
    sentence = "error: this is a fault of the toolkit, not of your files or settings."
    try:
        handle, path = tempfile.mkstemp(prefix="motion_duet_fault_", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{printable(line)}\n" for line in _fault_details(error))
    except OSError:
        for line in _fault_details(error):
            print(printable(line), file=sys.stderr)
        return f"{sentence} To report it, send the lines above to whoever gave you the toolkit. {fault}"
    return (
        f"{sentence} To report it, send the file {path} to whoever gave you the toolkit, and say what you did. {fault}"
    )


def _fault_details(error):
    yield f"{time.strftime('%Y-%m-%d %H:%M:%S')}, Python {sys.version}"
    yield f"{platform.platform()}, {platform.machine()}, file names in {sys.getfilesystemencoding()}"
    yield ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    yield f"command line: {sys.argv}"
    yield ""
    yield from "".join(traceback.format_exception(error)).splitlines()


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not found"
