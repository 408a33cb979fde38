"""Names that anybody may have put into a motion file: they stay names, in what is written and in what is printed.

Shapes: T frames, J joints.
"""

import dataclasses
import warnings

from common.mocap import bvh, load_mocap, save_mocap
from common.mocap.fbx.joints import default_setup
from common.runtime import console
from helpers import plain_fbx
from helpers.fbx_takes import assert_read_alike
from helpers.project import BODY, positions, write_body
from helpers.strange_names import IN_BVH, IN_FBX, NAMES, take_of

import numpy as np
import pytest


def assert_unharmed(again, take, names):
    assert again.skeleton.joint_names == names
    assert again.skeleton.parents == take.skeleton.parents
    np.testing.assert_allclose(positions(again), positions(take), atol=1e-3)


@pytest.mark.parametrize("endings", [(".bvh",), (".fbx",), (".fbx", ".bvh"), (".bvh", ".fbx")], ids=" to ".join)
def test_takes_survive_writing_whatever_their_joints_are_called(tmp_path, endings):
    take = again = take_of(NAMES)
    for ending in endings:
        save_mocap(again, tmp_path / f"take{ending}")
        again = load_mocap(tmp_path / f"take{ending}")
    assert_unharmed(again, take, IN_BVH if ".bvh" in endings else IN_FBX)


def test_bvh_with_such_names_has_the_lines_of_any_other(tmp_path):
    """Also for readers that know more line ends than ours, or take braces for words of their own."""
    bvh.save_bvh(take_of(NAMES), tmp_path / "take.bvh")
    bvh.save_bvh(take_of([f"joint{i}" for i in range(len(NAMES))]), tmp_path / "plain.bvh")
    texts = [(tmp_path / name).read_text(encoding="utf-8") for name in ("take.bvh", "plain.bvh")]
    assert len(texts[0].splitlines()) == len(texts[1].splitlines())
    for mark in "{}":
        assert texts[0].count(mark) == texts[1].count(mark) == len(NAMES)


def test_bvh_with_such_names_is_read_by_pybvh(tmp_path):
    import pybvh  # here, since it brings Matplotlib's windows along

    take = take_of(NAMES)
    bvh.save_bvh(take, tmp_path / "take.bvh")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bvh_file = pybvh.read_bvh_file(str(tmp_path / "take.bvh"))
    np.testing.assert_allclose(bvh_file.node_positions(), positions(take), atol=1e-3)


def test_fbx_with_such_names_is_read_by_ufbx(ufbx, tmp_path):
    take = take_of(NAMES)
    save_mocap(take, tmp_path / "take.fbx")
    in_fbx = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, joint_names=IN_FBX))
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [in_fbx])


@pytest.mark.parametrize("name", ["../../take", "C:\\take", "a\nb", "x" * 10_000, "", "\0", "Take 001"])
def test_the_name_of_a_take_is_no_path(tmp_path, name):
    take = take_of(["Hips", "Spine"])
    setup = dataclasses.replace(default_setup(take.skeleton, "Y"), take_name=name)
    take = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, fbx=setup))
    save_mocap(take, tmp_path / "take.fbx")
    root = plain_fbx.parse((tmp_path / "take.fbx").read_bytes())[1]
    stem, ending = root.one("Takes").one("Take").one("FileName").values[0].split(".")
    assert stem == "".join(c if c.isalnum() else "_" for c in name)[:64]
    assert ending == "tak"
    assert load_mocap(tmp_path / "take.fbx").skeleton.fbx.take_name == name.replace("\0", "_")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take.fbx"]


# ---------------------------------------------------------------------------------------------------------------------
# printing

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e"


def test_what_is_printed_cannot_drive_the_terminal(capsys):
    console.note(f"{EVIL}\rdone\n腕")
    assert capsys.readouterr().out == (
        "note: \\x1b]0;title\\x07\\x1b[2J\\x9b31m\\u202e\\rdone\\n腕\n"  # every word of it, to be seen
    )
    console.note("x" * 1_000_000)
    assert len(capsys.readouterr().out) < 11_000


def test_names_in_a_file_are_printed_as_they_are_not_as_they_act(tmp_path, capsys):
    second = BODY.removeprefix("HIERARCHY\n").replace("Hips", EVIL)
    write_body(tmp_path / "two.bvh", 5, body=BODY + second)
    bvh.load_bvh(tmp_path / "two.bvh")
    printed = capsys.readouterr().out
    assert "holds 2 skeletons, #1 'Hips', #2 '\\x1b]0;title" in printed
    assert printed.removesuffix("\n").isprintable()
