"""Every message of the toolkit that a user may be told has a test.

Which message a case of the tables gets is found by the place in the code that it comes from. The readers of BVH and FBX
have tests of their own.
"""

import ast
import sys
from pathlib import Path

from common.runtime import console, errors
from helpers.mistakes import ELSEWHERE, MISTAKES, NOTES, prepare
from helpers.project import PROJECT, run_here, tiny_settings, write_duet

MESSAGES = ("raise InputError(", "raise FileNotFoundError(", "console.note(")
READERS = {"bvh", "fbx"}


def test_the_tables_have_every_message(tmp_path, monkeypatch):
    told_at = places_told_at(tmp_path, monkeypatch)
    missing = {
        place: text
        for place, text in messages().items()
        if not any(file == place[0] and place[1] <= line <= place[2] for file, line in told_at)
    }
    for words, test in ELSEWHERE.items():
        assert any(words in text for text in missing.values()), f"{words!r}, tested by {test}, is in no other message"
    untested = [place for place, text in missing.items() if not any(words in text for words in ELSEWHERE)]
    assert not untested


def places_told_at(folder, monkeypatch):
    """The places (file, line) that the messages of all cases of the tables come from."""
    told_at = set()
    describe, note = errors._describe, console.note

    def noting_place(message):
        caller = sys._getframe(1)
        told_at.add((Path(caller.f_code.co_filename), caller.f_lineno))
        note(message)

    monkeypatch.setattr(errors, "_describe", lambda error: told_at.add(raised_at(error)) or describe(error))
    monkeypatch.setattr(console, "note", noting_place)
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    for number, case in enumerate([*MISTAKES.values(), *NOTES.values()]):
        duet = folder / str(number)
        duet.mkdir()
        settings, _ = prepare(case, write_duet(duet))
        run_here("vae_rnn", tiny_settings(duet) | {"epochs": 1, "batch_size": 8} | settings, monkeypatch)
    return told_at


def raised_at(error):
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return Path(place.tb_frame.f_code.co_filename), place.tb_lineno


def messages():
    """The source of all messages in common/: {(file, first line, last line): source}."""
    sources = {}
    for path in (PROJECT / "common").rglob("*.py"):
        if READERS & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.unparse(node) if isinstance(node, (ast.Raise, ast.Expr)) else ""
            if text.startswith(MESSAGES):
                sources[path, node.lineno, node.end_lineno] = text
    return sources
