"""What the user sees while a script runs: stages with their seconds, notes, and a progress bar.

All that is printed passes `printable`: names come from files that anybody may have made, and a name can hold what turns
a terminal's colours, title or cursor.
"""

import contextlib
import os
import sys
import time

from common.runtime import parallel

from tqdm import tqdm

LONGEST = 10_000  # characters; a list of all joints of a body takes a tenth of it


@contextlib.contextmanager
def stage(name):
    """Announce a stage and, when it is done, its seconds."""
    line(f"--- {name}")
    start = time.perf_counter()
    yield
    line(f"--- {name}: done in {time.perf_counter() - start:.1f} s")
    line("")


def note(message):
    """Something worth knowing that stops nothing."""
    line(f"note: {message}")


def line(text):
    """Print a line that a progress bar on the same terminal does not break."""
    if parallel.rank() == 0:
        tqdm.write(printable(text), file=sys.stdout)
        sys.stdout.flush()


def printable(text):
    """The text on one line, with an escape as \\x1b for each character that is not to be seen, and not endless."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def progress(total, unit, done=0):
    """A progress bar with the time left; silent where the output is not a terminal."""
    hidden = True if parallel.rank() > 0 else None  # None: where the output is not a terminal
    shape = {"leave": False, "dynamic_ncols": True, "smoothing": 0.05}
    return tqdm(total=total, initial=done, unit=unit, disable=hidden, **shape)


def has_display():
    """Whether there is a screen to open a window on."""
    if sys.platform.startswith(("win", "darwin")):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
