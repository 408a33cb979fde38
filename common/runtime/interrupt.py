"""What a user or the system may do while a training runs: Ctrl-C, an end that is asked for, a closed window."""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from common.runtime.errors import StoppedError

CLOSING = (2, 5, 6)  # Windows: the window is closed, the user logs off, the machine shuts down
CLIPS_FOLLOW = ", then the clips follow; Ctrl-C again leaves them out"
GRACE = 4.5  # seconds that Windows leaves a program then
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # of which each system has some


class Stop:
    """Whether the training should stop, how the program then ends, and whether there is time for clips."""

    def __init__(self):
        self.asked, self.clips, self.exit_code = False, True, 130
        self.saved = threading.Event()

    def ask(self, number, _frame=None):
        """A signal has come. The training stops after its step; a second Ctrl-C skips the clips."""
        if number != signal.SIGINT or self.asked:
            self.clips = False
        if number != signal.SIGINT:
            self.exit_code = 128 + number
        if number == getattr(signal, "SIGHUP", None):
            sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - there is no terminal any more
        self.asked = True

    def end(self, done, epochs):
        """Raise StoppedError if the training was stopped: the program's last words, and its exit code."""
        if self.asked:
            raise StoppedError(
                f"stopped after {done} of {epochs} epochs. To go on from there, start again with resume = True in the "
                f"script, or --resume=True behind its name.",
                self.exit_code,
            )


@contextlib.contextmanager
def caught(stop):
    """Let a Stop take the signals of this process, as long as this lasts. What there is has been saved then."""
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, stop.ask) for number in numbers}
    try:
        with _closing_window(stop):
            yield stop
            stop.saved.set()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _closing_window(stop):
    """On Windows: hold up the end of a closed window until everything is saved."""
    if sys.platform != "win32":
        yield
        return
    import ctypes
    from ctypes import wintypes

    @ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
    def handler(event):
        if event in CLOSING:
            stop.ask(signal.SIGTERM)
            stop.saved.wait(GRACE)
        return event in CLOSING

    ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, True)
    try:
        yield
    finally:
        ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, False)
