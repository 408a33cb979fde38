"""Names that anybody may have put into a motion file: they stay names, in what is written and in what is printed.

Shapes: T frames, J joints.
"""

import dataclasses
import warnings

from common import bvh, console, formats, quaternion
from common.fbx.joints import default_setup
from common.mocap import Mocap, Skeleton

import numpy as np
import plain_fbx
import pytest
import torch
from conftest import BODY, positions, write_body
from fbx_takes import assert_read_alike

KEPT = [
    *("\"left\" 'arm'", "&quot;", "*3", "a;b", "a,b", "A:B", "A::B", "Model::x", "#a", "a#2", "0", "0 0 0", "1e5"),
    *("MOTION", "HIERARCHY", "ROOT", "JOINT x", "End", "End Site", "OFFSET", "CHANNELS 3 Xrotation", "Frames: 3"),
    *("../../etc/passwd", "C:\\con", "%s%n", "</script><b>", "Ünter 腕 🕺", "\ufeff", "\u202ecba", "x" * 10_000),
]
# what BVH makes of the others; FBX keeps them, if not said otherwise below
CHANGED_IN_BVH = {
    "": f"joint{1 + len(KEPT)}",
    "   ": f"joint{2 + len(KEPT)}",
    "  two ": "two",
    "{": "(",
    "}": ")",
    "a{": "a(",
    "a {": "a (",
    "{}": "()",
    "a\nb": "a_b",
    "a\r\n}\nMOTION\n": "a__)_MOTION_",
    "a\tb": "a_b",
    "a\x0bb": "a_b",
    "a\x85b": "a_b",
    "a\u2028b": "a_b",
    "\x1b[2J": "_[2J",
    "\x9b2J": "_2J",
    "\x07\x7f": "__",
    "a\0b": "a_b",
    "a\0\1Model": "a__Model",
    "\ud800": "_",
    "x\udcffy": "x_y",
}
CHANGED_IN_FBX = {"a\0b": "a_b", "a\0\1Model": "a_\1Model", "\ud800": "_", "x\udcffy": "x_y"}
NAMES = ["Hips", *KEPT, *CHANGED_IN_BVH]
IN_BVH = [CHANGED_IN_BVH.get(name, name) for name in NAMES]
IN_FBX = [CHANGED_IN_FBX.get(name, name) for name in NAMES]


def take_of(names, frame_count=6):
    """A body with these joints, two below every other, all turning."""
    random = np.random.default_rng(8)
    count = len(names)
    angles = torch.from_numpy(random.uniform(-1, 1, (frame_count, count, 3)))
    offsets = random.uniform(5, 10, (count, 3))
    skeleton = Skeleton(
        name=names[0],
        joint_names=names,
        parents=np.array([-1, *(joint - 2 + joint % 2 for joint in range(1, count))]),
        offsets=offsets,
        rot_orders=["ZXY"] * count,
        rest_offsets=offsets,
    )
    rot_local = quaternion.from_euler(angles, "ZXY").numpy()
    return Mocap(skeleton, rot_local, random.uniform(-50, 50, (frame_count, 3)), 50.0, "Y", "made")


def assert_unharmed(again, take, names):
    assert again.skeleton.joint_names == names
    assert list(again.skeleton.parents) == list(take.skeleton.parents)
    np.testing.assert_allclose(positions(again), positions(take), atol=1e-3)


@pytest.mark.parametrize("endings", [(".bvh",), (".fbx",), (".fbx", ".bvh"), (".bvh", ".fbx")], ids=" to ".join)
def test_takes_survive_writing_whatever_their_joints_are_called(tmp_path, endings):
    take = again = take_of(NAMES)
    for ending in endings:
        formats.save_mocap(again, tmp_path / f"take{ending}")
        again = formats.load_mocap(tmp_path / f"take{ending}")
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
        found = pybvh.read_bvh_file(str(tmp_path / "take.bvh"))
    np.testing.assert_allclose(found.node_positions(), positions(take), atol=1e-3)


def test_fbx_with_such_names_is_read_by_ufbx(ufbx, tmp_path):
    take = take_of(NAMES)
    formats.save_mocap(take, tmp_path / "take.fbx")
    in_fbx = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, joint_names=IN_FBX))
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [in_fbx])


@pytest.mark.parametrize("name", ["../../take", "C:\\take", "a\nb", "x" * 10_000, "", "\0", "Take 001"])
def test_the_name_of_a_take_is_no_path(tmp_path, name):
    take = take_of(["Hips", "Spine"])
    setup = dataclasses.replace(default_setup(take.skeleton, "Y"), take_name=name)
    take = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, fbx=setup))
    formats.save_mocap(take, tmp_path / "take.fbx")
    root = plain_fbx.parse((tmp_path / "take.fbx").read_bytes())[1]
    stem, ending = root.one("Takes").one("Take").one("FileName").values[0].split(".")
    assert stem == "".join(c if c.isalnum() else "_" for c in name)[:64]
    assert ending == "tak"
    assert formats.load_mocap(tmp_path / "take.fbx").skeleton.fbx.take_name == name.replace("\0", "_")
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
    assert "holds 2 skeletons, Hips, \\x1b]0;title" in printed
    assert printed.removesuffix("\n").isprintable()
