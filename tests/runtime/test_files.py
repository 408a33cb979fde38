"""Files are written whole or not at all."""

from pathlib import Path

from common.runtime import errors, files

import pytest


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path):
    path = tmp_path / "dänçe.txt"
    files.write_text(path, "one\n")
    with pytest.raises(KeyboardInterrupt), files.whole_file(path) as partial:
        partial.write_text("half of tw")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"one\n"
    assert [p.name for p in tmp_path.iterdir()] == ["dänçe.txt"]


def test_a_full_disk_is_told_with_the_name_that_the_user_knows(tmp_path):
    path = tmp_path / "history.csv"
    with pytest.raises(OSError, match="No space left") as caught, files.whole_file(path) as partial:
        raise OSError(28, "No space left on device", str(partial))
    assert caught.value.filename == str(path)


def test_an_error_with_a_text_only_keeps_it(tmp_path):
    with pytest.raises(OSError, match="encoder") as caught, files.whole_file(tmp_path / "clip.gif"):
        raise OSError("encoder error -2")
    assert errors._describe(caught.value) == f"{tmp_path / 'clip.gif'}: encoder error -2"


def test_a_file_that_another_program_holds_is_tried_again(tmp_path, monkeypatch):
    path, calls, replace = tmp_path / "clip.gif", [], Path.replace

    def held(partial, target):  # as Windows does it
        calls.append(target)
        if len(calls) < 3:
            raise PermissionError(13, "The process cannot access the file", str(partial), 32, str(target))
        replace(partial, target)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr(files, "PAUSE", 0)
    files.write_text(path, "new")
    assert (path.read_text(), len(calls)) == ("new", 3)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(PermissionError) as caught:
        files.write_text(path, "newer")
    assert caught.value.filename == str(path)
    assert path.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1
