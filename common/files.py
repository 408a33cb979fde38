"""Files that are written whole or not at all, whatever happens meanwhile."""

import contextlib
import os
import secrets
import time
from pathlib import Path

ATTEMPTS, PAUSE = 10, 0.1  # seconds; on Windows a file that another program reads cannot be replaced


@contextlib.contextmanager
def whole_file(path):
    """A name beside `path` to write to. What stands there is moved into place at the end, or removed on an error.

    Raises OSError, with `path` in it, where that is not possible; an older file is then left as it was.
    """
    path = Path(path)
    path = path.resolve() if path.is_symlink() else path  # what a link points to is replaced, not the link
    partial = path.with_name(f".{secrets.token_hex(8)}.part{path.suffix}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut could leave the new name with nothing behind it
        _replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.strerror = error.strerror or str(error)  # Pillow gives a text only
            if error.filename in (None, str(partial)):
                error.filename, error.filename2 = str(path), None  # the name that the user knows
        raise


def _replace(partial, path):
    for attempt in range(ATTEMPTS):
        try:
            partial.replace(path)
            return
        except PermissionError:
            if attempt + 1 == ATTEMPTS:
                raise
            time.sleep(PAUSE)


def write_text(path, text):
    """Write a text file, UTF-8, with the line ends that it has."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
