"""The results folder: where a run leaves what it made, without overwriting what an earlier one left."""

import contextlib
import errno
import re
import time
from pathlib import Path

from common.runtime import console, files, parallel
from common.runtime.errors import InputError

from filelock import FileLock, Timeout

RESULT_FOLDERS = ("anims", "histories", "weights")
RUN_FILES = (*RESULT_FOLDERS, "realtime", "config.json", "report.html")
MOVING = "previous/.moving"
PROJECT = Path(__file__).resolve().parents[2]
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)  # of some network drives


@contextlib.contextmanager
def open_folder(path, script, resume=False):
    """The results folder, made, locked for other runs, and proved to be writable.

    What an earlier run left is moved aside, unless it is to go on. Of several processes, process 0 does that for all.
    """
    parallel.wait()  # the others may still have to read there what is moved now
    if parallel.rank() > 0:
        yield
        return
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    with lock:
        try:
            _prepare(path, script, resume)
        except OSError as error:
            raise _unwritable(path, error) from error
        yield


def _unwritable(path, error):
    return InputError(
        f"results_path = {str(path)!r}: cannot be written ({error.strerror}). Choose another folder, "
        f"close programs that use it, or correct its permissions."
    )


def _prepare(path, script, resume):
    earlier = [path / name for name in RUN_FILES if files.holds_something(path / name)]
    if (earlier or (path / MOVING).exists()) and not resume:
        _move_aside(path, earlier, script)
    for name in RESULT_FOLDERS:
        (path / name).mkdir(exist_ok=True)
        _keep_in_repository(path / name)
        probe = path / name / ".write_test"
        probe.write_bytes(b"")
        probe.unlink()


def _keep_in_repository(folder):
    """Give a results folder of the project its .gitignore back where an earlier run has taken it along."""
    ignored = folder / ".gitignore"
    if folder.resolve().parent == PROJECT / "results" and not ignored.exists():
        files.write_text(ignored, "*\n!.gitignore\n")


def _lock(path):
    """What holds the folder until it is left. The system forgets the lock when the process ends, however.

    On a file system that knows no locks it holds nothing: filelock's own substitute, a file that stands for the lock,
    would outlive a process that was killed.
    """
    try:
        return FileLock(path / ".lock", blocking=False, fallback_to_soft=False).acquire()
    except Timeout:
        raise InputError(
            f"results_path = {str(path)!r}: another run is writing there. Wait for its end, or choose another folder."
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return contextlib.nullcontext()


def _move_aside(path, earlier, script):
    """To previous/<time>_<script>: when the earlier run began, and which script it was.

    Its parts are gathered in a folder, and that gets its name when it is whole: where the move is cut short, the next
    start completes it.
    """
    moving = path / MOVING
    config = next((file for file in (path / "config.json", moving / "config.json") if file.exists()), None)
    began = config.stat().st_mtime if config else time.time()
    # an unfinished or foreign folder is named after this run's script
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        script = str(files.read_json(config)["script"])
    moving.mkdir(parents=True, exist_ok=True)
    moved = []
    try:
        for item in earlier:
            item.rename(moving / item.name)
            moved.append(item)
    except OSError:
        for item in moved:
            (moving / item.name).rename(item)
        raise
    script = re.sub(r"\W", "_", Path(script).stem)[:60]  # whatever the file says, it is a name
    name = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(began)) + "_" + script
    taken = {entry.name for entry in moving.parent.iterdir()}
    names = (name, *(f"{name}_{count}" for count in range(2, len(taken) + 2)))
    target = moving.parent / next(free for free in names if free not in taken)
    moving.rename(target)
    console.note(f"the results of an earlier run were moved to {target}")
