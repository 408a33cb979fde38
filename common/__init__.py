"""What both scripts share. Imported first, it says in plain words if Python is too old or a package is missing.

This file also runs on Python 3.6, so that an old Python gets as far as the message.
"""

import importlib.util
import pathlib
import re
import sys

_IMPORT_NAMES = {"pillow": "PIL"}  # where it is not the name in requirements.txt


def _problem():
    """What stops the scripts from running in this Python, and the way out; None if nothing does."""
    project = pathlib.Path(__file__).absolute().parent.parent
    ending = "bat" if sys.platform == "win32" else "sh"
    launcher = f"double click vae_rnn.{ending} or vae_rnn_deepfake.{ending}, which set everything up."
    if sys.version_info < (3, 10):  # noqa: UP036
        found = ".".join(str(number) for number in sys.version_info[:2])
        return f"Python 3.10 or newer is needed; {sys.executable} is {found}.\nInstall a newer one and {launcher}"

    text = (project / "requirements.txt").read_text(encoding="utf-8")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    needed = {re.split("[^A-Za-z0-9_-]", line)[0]: line for line in lines if line}
    missing = [name for name in needed if importlib.util.find_spec(_IMPORT_NAMES.get(name, name)) is None]
    if missing:
        packages = " ".join(f'"{needed[name]}"' for name in missing)
        return (
            f"These packages are missing: {', '.join(missing)}\nin {sys.executable}\nTo install them, type\n"
            f'  "{sys.executable}" -m pip install {packages}\nor {launcher}'
        )
    return None


def _check():
    problem = _problem()
    if problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


_check()
