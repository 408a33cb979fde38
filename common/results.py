"""The results folder: where a run leaves what it made, without overwriting what an earlier one left."""

import contextlib
import json
import time
from pathlib import Path

from common import console
from common.errors import InputError

RESULT_FOLDERS = ("anims", "histories", "weights")
RUN_FILES = (*RESULT_FOLDERS, "config.json")


def check_run(epochs, load_weights, export_seq_index, pairs):
    """What cannot be trained or exported is said before the training, not after it."""
    if epochs == 0 and not load_weights:
        raise InputError("epochs = 0: nothing is trained; set load_weights = True to export from trained weights.")
    if export_seq_index >= len(pairs):
        raise InputError(
            f"export_seq_index = {export_seq_index}: mocap_files has {len(pairs)} pair(s), counted from 0."
        )


def prepare_results(path, script):
    """Make the results folders, moving aside what an earlier run left, and prove that they can be written."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        earlier = [path / name for name in RUN_FILES if _holds_something(path / name)]
        if earlier:
            _move_aside(path, earlier, script)
        for name in RESULT_FOLDERS:
            (path / name).mkdir(exist_ok=True)
            probe = path / name / ".write_test"
            probe.write_bytes(b"")
            probe.unlink()
    except OSError as error:
        raise InputError(
            f"results_path = {str(path)!r}: cannot be written ({error.strerror}). Choose another folder, "
            f"close programs that use it, or correct its permissions."
        ) from error
    return path


def _holds_something(path):
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _move_aside(path, earlier, script):
    """To previous/<time>_<script>: when the earlier run began, and which script it was."""
    config = path / "config.json"
    began = config.stat().st_mtime if config.exists() else time.time()
    # an unfinished or foreign folder is named after this run's script
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        script = str(json.loads(config.read_text(encoding="utf-8"))["script"])
    name = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(began)) + "_" + Path(script).stem
    target = path / "previous" / name
    count = 1
    while target.exists():
        count += 1
        target = path / "previous" / f"{name}_{count}"
    target.mkdir(parents=True)
    for item in earlier:
        item.rename(target / item.name)
    console.note(f"the results of an earlier run were moved to {target}")
