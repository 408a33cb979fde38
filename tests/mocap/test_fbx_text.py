import re

from common.mocap import fbx
from common.mocap.fbx import ascii as text_encoding
from common.runtime.errors import InputError
from helpers.plain_fbx_text import CHAIN, layer, node, read, swaying, write_6

import numpy as np
import pytest


def rewrapped(text, items_a_line, line_end, first_line):
    """The same text with its lists of keys broken after every so many items."""

    def wrap(match):
        items = match[1].split(",")
        lines = [",".join(items[i : i + items_a_line]) for i in range(0, len(items), items_a_line)]
        return "Key: " + first_line + line_end.join(lines) + "\n"

    return re.sub("Key: (.*)\n", wrap, text)


@pytest.mark.parametrize("count", [5, 20, 3000], ids=["short", "as long as an array", "long"])
@pytest.mark.parametrize("first_line", ["", "\n\t\t"], ids=["beside the name", "below the name"])
@pytest.mark.parametrize("line_end", ["\n\t\t", ",\n\t\t", "\n  ,", "  \n\n"], ids=["none", "after", "before", "blank"])
@pytest.mark.parametrize("items_a_line", [3, 1, 7, 10_000])
def test_lists_of_keys_may_go_on_in_the_next_line(tmp_path, count, first_line, line_end, items_a_line):
    """Blender 2.7 breaks them without a comma."""
    path = write_6(tmp_path / "made.fbx", CHAIN, swaying(30, count), TimeMode=6)
    plain = fbx.load_fbx(path)
    assert (plain.frame_count, plain.skeleton.joint_names) == (count, ["a", "b", "c"])
    path.write_text(rewrapped(path.read_text(), items_a_line, line_end, first_line))
    np.testing.assert_array_equal(fbx.load_fbx(path).rot_local, plain.rot_local)


def test_version_6_means_what_version_7_means(tmp_path):
    old = fbx.load_fbx(write_6(tmp_path / "old.fbx", CHAIN, swaying(30, 40), TimeMode=6))
    new = read(tmp_path, CHAIN, {"t": [layer(swaying(30, 40))]}, TimeMode=6)
    np.testing.assert_allclose(old.rot_local, new.rot_local, atol=1e-7)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_text_encodings(tmp_path, encoding):
    path = write_6(tmp_path / "made.fbx", [node("Hüfte")], swaying(30, 40, "Hüfte"), TimeMode=6)
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    assert fbx.load_fbx(path).skeleton.joint_names == ["Hüfte"]


@pytest.mark.parametrize("count", [3, 500])
def test_where_a_wrapped_list_ends(count):
    numbers = list(range(1000, 1000 + count))
    listed = ",".join(map(str, numbers))
    for after in ("\nOther: 5", ",\nOther: 5", "\nO: 5", " ; remark\nOther: 5", "\n\n Other_2: 5", "\nOther: {\n}"):
        root = text_encoding.parse_ascii(f"Name: {listed}{after}\n")
        values = root.children[0].values
        values = values[0].unpack().tolist() if hasattr(values[0], "unpack") else values
        assert values == numbers, after
        assert len(root.children) == 2 and root.children[1].values == ([5] if "5" in after else [])


def test_texts_and_arrays_may_wrap():
    root = text_encoding.parse_ascii('Name: "one"\n  "two",\n"three"\nArray: *4 {\n a:\n1,2\n3\n4\n}\nLast: 1\n')
    assert root.child("Name").values == ["one", "two", "three"]
    assert root.child("Array").values[0].unpack().tolist() == [1, 2, 3, 4]
    assert root.child("Last").values == [1]


@pytest.mark.parametrize("line", ["word", "two words", "a b: 3", "CL"])
def test_what_is_no_value_does_not_go_on(tmp_path, line):
    for listed in ("1,2", "1," * 400 + "2"):
        text = f"; FBX 7.4.0 project file\nObjects: {{\nName: {listed}\n{line}\n}}\n"
        (tmp_path / "made.fbx").write_text(text)
        with pytest.raises(InputError, match=r"made\.fbx: cannot be read as FBX: line \d+: expected"):
            fbx.load_fbx(tmp_path / "made.fbx")
