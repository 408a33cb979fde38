"""What both scripts share. Imported first, it says in plain words if Python or a package is too old or missing.

This file also runs on Python 3.6, so that an old Python gets as far as the message.
"""

import contextlib
import importlib.util
import os
import sys

_IMPORT_NAMES = {"pillow": "PIL"}  # where it is not the name in requirements.txt


def _problem():
    """What stops the scripts from running in this Python, and the way out; None if nothing does."""
    ending = "bat" if sys.platform == "win32" else "sh"
    launcher = f"double click vae_rnn.{ending} or vae_rnn_deepfake.{ending}, which set everything up."
    if sys.version_info < (3, 10):  # noqa: UP036
        version = ".".join(str(number) for number in sys.version_info[:2])
        return f"Python 3.10 or newer is needed; {sys.executable} is {version}.\nInstall a newer one and {launcher}"

    from common.launch import REQUIREMENTS, TORCH_IN_CONDA, read_requirements  # which an old Python cannot read

    needed = read_requirements(REQUIREMENTS)
    lacking = [name for name in needed if _lacks(name, {**needed, "torch": TORCH_IN_CONDA}[name])]
    if lacking:
        packages = " ".join(f'"{name}{needed[name]}"' for name in lacking)
        return (
            f"These packages are missing or too old: {', '.join(lacking)}\nin {sys.executable}\nTo install them, type\n"
            f'  "{sys.executable}" -m pip install {packages}\nor {launcher}'
        )
    if _has("torch", "<2.3") and _has("numpy", ">=2"):
        return (
            f"This torch is older than 2.3 and works with NumPy 1 only, and NumPy 2 is installed\nin {sys.executable}\n"
            f'To install NumPy 1, type\n  "{sys.executable}" -m pip install "numpy<2"\nor {launcher}'
        )
    return None


def _lacks(name, limits):
    """Whether this Python has not got a package, or an older one than the limits, such as ">=1.26,<3", begin with."""
    if importlib.util.find_spec(_IMPORT_NAMES.get(name, name)) is None:
        return True
    return _has(name, limits.split(",")[0]) is False


def _has(name, limit):
    """Whether a package keeps a limit, such as ">=1.26"; None where neither pip nor conda has installed it."""
    from importlib import metadata

    from common.launch import satisfies

    with contextlib.suppress(metadata.PackageNotFoundError):
        return satisfies(metadata.version(name), limit)
    return None


def _check():
    problem = _problem()
    if problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


_check()
# How long a thread of PyTorch on Linux (of libgomp, which reads this when it is loaded) spins before it sleeps. With
# libgomp's own value, threads take the processor from each other where other programs use it: a step takes 1.4 times
# as long.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
