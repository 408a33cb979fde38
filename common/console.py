"""What the user sees while a script runs: stages with their seconds, notes, and a progress bar."""

import contextlib
import sys
import time

from common import parallel

from tqdm import tqdm


@contextlib.contextmanager
def stage(name):
    """Announce a stage and, when it is done, its seconds."""
    line(f"--- {name}")
    start = time.perf_counter()
    yield
    line(f"--- {name}: done in {time.perf_counter() - start:.1f} s\n")


def note(message):
    """Something worth knowing that stops nothing."""
    line(f"note: {message}")


def line(text):
    """Print a line that a progress bar on the same terminal does not break."""
    if parallel.rank() == 0:
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()


def progress(total, unit, done=0):
    """A progress bar with the time left; silent where the output is not a terminal."""
    hidden = True if parallel.rank() > 0 else None  # None: where the output is not a terminal
    shape = {"leave": False, "dynamic_ncols": True, "smoothing": 0.05}
    return tqdm(total=total, initial=done, unit=unit, disable=hidden, **shape)
