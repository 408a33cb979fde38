"""The bytes of a motion file, and the text that they are; files that only stand for a recording are refused."""

import codecs
from pathlib import Path

from common.runtime.errors import InputError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
WEB_PAGE = (b"<!doctype html", b"<html")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_bytes(path):
    """The bytes of a motion file. Raises InputError for a file that is empty or stands for another one."""
    data = Path(path).read_bytes()
    start = data[:1000].strip()
    if not start and not data.strip():
        raise InputError(f"{path}: the file is empty. Export the recording again.")
    if start.startswith(LFS_POINTER):
        raise InputError(
            f"{path}: is a Git LFS pointer, a few lines of text in the place of the recording, which has not been "
            f"downloaded. Run `git lfs pull` in its repository, or download the file itself."
        )
    if start.lower().startswith(WEB_PAGE):
        raise InputError(f"{path}: is a web page, not the recording that it tells of. Download the file itself.")
    return data


def decode(data):
    """Text as UTF-8, as UTF-16 where a byte order mark says so, or else as Latin-1, which never fails: older Windows
    software writes names so."""
    if data.startswith(UTF_16):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
