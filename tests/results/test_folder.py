"""The results folder, which one run at a time may use."""

import errno
import os
import subprocess
import sys

from common.results.folder import open_folder
from common.runtime.errors import InputError
from helpers.project import PROJECT

import pytest


def test_a_run_locks_its_folder_until_it_ends(tmp_path):
    code = (
        f"from common.results.folder import open_folder\nwith open_folder({str(tmp_path)!r}, 'a.py'): print(); input()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    run.stdout.readline()
    with pytest.raises(InputError, match="another run is writing there"), open_folder(tmp_path, "b.py"):
        pass
    run.kill()
    run.communicate()
    with open_folder(tmp_path, "b.py"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows locks in another way")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_will_do(number, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    for _ in range(2):  # as after a run that was killed, whatever it has left
        with open_folder(tmp_path, "a.py"), open_folder(tmp_path, "b.py"):
            assert (tmp_path / "anims").is_dir()
