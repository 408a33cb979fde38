"""The rooms of common/: what imports what."""

import ast

from helpers.project import PROJECT

import pytest

ROOMS = ("runtime", "motion", "mocap", "dataset", "model", "training", "evaluation", "results", "report")


def imports():
    """(file, room of the file, imported module, whether relative) of every import in the rooms, in functions too."""
    for path in sorted((PROJECT / "common").rglob("*.py")):
        place = path.relative_to(PROJECT / "common")
        if len(place.parts) == 1:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
                if node.module == "common":
                    modules = [f"common.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for module in modules:
                yield place, place.parts[0], module, isinstance(node, ast.ImportFrom) and node.level > 0


def test_there_are_the_nine_rooms_and_each_says_what_it_is_for():
    folders = {path.parent.name for path in (PROJECT / "common").glob("*/__init__.py")}
    assert folders == set(ROOMS)
    for room in ROOMS:
        assert ast.get_docstring(ast.parse((PROJECT / "common" / room / "__init__.py").read_text(encoding="utf-8")))


def test_a_room_imports_only_from_rooms_above_it():
    wrong = []
    for place, room, module, relative in imports():
        if relative:
            wrong.append(f"{place}: a relative import")
        if module.split(".")[0] == "common":
            source = module.split(".")[1]
            if ROOMS.index(source) > ROOMS.index(room):
                wrong.append(f"{place} imports {module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_reaches_for_what_a_room_keeps_to_itself(room):
    """Names that begin with an underscore stay in their file."""
    for path in (PROJECT / "common" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("common"):
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], path
