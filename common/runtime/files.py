"""Files and folders that are written whole or not at all, whatever happens meanwhile; and JSON from anybody, read with
care."""

import contextlib
import json
import os
import secrets
import shutil
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


@contextlib.contextmanager
def whole_folder(path):
    """A new, empty folder beside `path` to fill. At the end it takes the place of `path`, or is removed on an error.

    Raises OSError where that is not possible, with names in `path` in it; an older folder is then left as it was.
    """
    path = Path(path)
    partial, older = (path.with_name(f".{secrets.token_hex(8)}.{ending}") for ending in ("part", "old"))
    try:
        partial.mkdir()
        yield partial
        _exchange(partial, path, older)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.filename is not None:  # the name that the user knows
            error.filename, error.filename2 = str(error.filename).replace(str(partial), str(path)), None
        raise
    shutil.rmtree(older, ignore_errors=True)


def _exchange(partial, path, older):
    if not path.exists():
        _replace(partial, path)
        return
    _replace(path, older)
    try:
        _replace(partial, path)
    except OSError:
        _replace(older, path)
        raise


def write_text(path, text):
    """Write a text file, UTF-8, with the line ends that it has."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path, content):
    """Write plain values as JSON that people can read."""
    write_text(path, as_utf8(json.dumps(content, indent=2, ensure_ascii=False)) + "\n")


def as_utf8(text):
    """The text with an escape for what UTF-8 cannot hold, as Python and JSON know it: where the system's encoding is
    ASCII, Python makes halves of characters of all others on the command line."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def read_json(path):
    """What a JSON file holds. Raises ValueError, saying what is wrong, where it is no JSON or has a name twice."""
    try:
        return json.loads(Path(path).read_bytes().decode("utf-8-sig"), object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("its brackets nest too deep") from None


def _distinct(pairs):
    content = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"it has {name[:100]!r} twice")
        content[name] = value
    return content


def holds_something(path):
    """Whether there is a file, or a folder with anything in it but the .gitignore that keeps it in the repository."""
    return any(item.name != ".gitignore" for item in path.iterdir()) if path.is_dir() else path.exists()
