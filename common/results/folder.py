"""The results folder: where a run leaves what it made, without overwriting what an earlier one left."""

import contextlib
import errno
import os
import re
import time
from pathlib import Path

from common.runtime import console, files, parallel
from common.runtime.errors import InputError

if os.name == "nt":
    import msvcrt
else:
    import fcntl

RESULT_FOLDERS = ("anims", "histories", "weights")
RUN_FILES = (*RESULT_FOLDERS, "realtime", "config.json", "report.html")
MOVING = "previous/.moving"
PROJECT = Path(__file__).resolve().parents[2]


def check_run(epochs, load_weights, export_seq_index, pairs):
    """What cannot be trained or exported is said before the training, not after it."""
    if epochs == 0 and not load_weights:
        raise InputError("epochs = 0: nothing is trained; set load_weights = True to export from trained weights.")
    if export_seq_index >= len(pairs):
        raise InputError(
            f"export_seq_index = {export_seq_index}: mocap_files has {len(pairs)} pair(s), counted from 0."
        )


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
    """The folder's lock file, open and locked by the system, which forgets that when the process ends, however."""
    file = (path / ".lock").open("a+b")
    try:
        if os.name == "nt":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return file  # a file system that knows no locks
        file.close()
        raise InputError(
            f"results_path = {str(path)!r}: another run is writing there. Wait for its end, or choose another folder."
        ) from None
    return file


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


def save_all(actions, last=False, needed=True):
    """Write several files, each on its own. Where one cannot be written, the training goes on, and says so; if no save
    follows that could try again, the first error is raised once the others are written, or no more than said where the
    files are not `needed`."""
    failed = None
    for action in actions:
        try:
            action()
        except OSError as error:
            failed = failed or error
            if not (last and needed):
                goes_on = "" if last else " The training goes on; this is tried again at the next save."
                console.note(
                    f"{error.filename}: cannot be written ({error.strerror}).{goes_on} Make room, or close the program "
                    f"that uses it."
                )
    if failed and last and needed:
        raise failed
