import dataclasses
import re

from common.mocap import fbx
from common.mocap.fbx.joints import AXES, up_axis_name
from common.runtime.errors import InputError
from helpers.plain_fbx_text import CHAIN, layer, node, read, swaying

import numpy as np
import pytest


def test_two_dancers_in_one_file(tmp_path, capsys):
    nodes = [
        *(node(f"A:{name}", parent=parent) for name, parent in (("Hips", None), ("Spine", "A:Hips"))),
        node("Box", "Mesh"),
        node("B:Reference", "Null", Lcl_Translation=(5, 0, 0), Lcl_Scaling=(2, 2, 2), InheritType=1),
        node("B:Hips", parent="B:Reference", Lcl_Translation=(1, 0, 0), InheritType=1),
        node("B:Spine", parent="B:Hips", Lcl_Translation=(0, 7, 0), InheritType=1),
        node("B:Hat", "Mesh", parent="B:Spine"),
    ]
    takes = {"t": [layer(swaying(30, 20, "A:Hips") | swaying(30, 20, "B:Spine"))]}
    assert read(tmp_path, nodes, takes).skeleton.name == "A:Hips"
    assert "#2 'B:Hips'" in capsys.readouterr().out
    assert fbx.skeleton_names(tmp_path / "made.fbx") == ["A:Hips", "B:Hips"]
    for asked in (1, "B:Hips", "B", "B:Reference"):
        second = read(tmp_path, nodes, takes, skeleton=asked)
        assert second.skeleton.joint_names == ["B:Hips", "B:Spine"]
        np.testing.assert_allclose(second.root_pos[0], [7, 0, 0])
        np.testing.assert_allclose(second.skeleton.offsets[1], [0, 14, 0])
    assert capsys.readouterr().out == ""
    for asked in (2, "C", "Hips"):
        with pytest.raises(InputError, match="'A:Hips', 'B:Hips'"):
            read(tmp_path, nodes, takes, skeleton=asked)


def test_props_are_no_skeletons(tmp_path):
    nodes = [node("Sword"), *(node(f"j{i}", parent=f"j{i - 1}" if i else None) for i in range(9))]
    assert read(tmp_path, nodes, {"t": [layer(swaying(30, 20, "j1"))]}).skeleton.name == "j0"


def tracker_nodes(kind="Null"):
    names = ["World", "Pelvis", "Spine", "Neck", "Head", "ArmL", "HandL", "ArmR", "HandR"]
    parents = [None, "World", "Pelvis", "Spine", "Neck", "Spine", "ArmL", "Spine", "ArmR"]
    nodes = [node(name, kind, parent, Lcl_Translation=(0, 5, 0)) for name, parent in zip(names, parents, strict=True)]
    return [*nodes, node("TipL", kind, "HandL"), node("Lens", "Camera", "Head"), node("Floor", "Mesh")]


@pytest.mark.parametrize("kind", ["Null", "Mesh", ""])
def test_plain_nodes_that_move_as_a_body_are_one(tmp_path, kind):
    curves = {}
    for name in ("Pelvis", "Spine", "Neck", "Head", "ArmL", "HandL", "ArmR", "HandR"):
        curves |= swaying(30, 20, name)
    take = read(tmp_path, tracker_nodes(kind), {"t": [layer(curves)]})
    expected = ["Pelvis", "Spine", "Neck", "Head", "ArmL", "HandL", "TipL", "ArmR", "HandR"]
    assert take.skeleton.joint_names == expected
    np.testing.assert_allclose(take.root_pos[0], [0, 10, 0])


def test_joints_without_a_hierarchy_are_refused(tmp_path):
    nodes = [node("World", "Null"), *(node(f"j{i}", parent="World") for i in range(9))]
    with pytest.raises(InputError, match="its 9 joints stand side by side, 'j0'"):
        read(tmp_path, nodes, {"t": [layer(swaying(30, 20, "j1"))]})


def test_a_file_without_a_body_says_what_it_holds(tmp_path):
    nodes = [node("Box", "Mesh"), node("Lid", "Mesh", "Box"), node("Eye", "Camera")]
    with pytest.raises(InputError, match=r"made.fbx: holds no skeleton.*2 Mesh, 1 Camera"):
        read(tmp_path, nodes, {"t": [layer(swaying(30, 20, "Box"))]})


def test_joints_that_only_a_constraint_moves_are_named(recordings, capsys):
    fbx.load_fbx(recordings / "fbx" / "ufbx_maya_constraint_zoo_7500_binary.fbx")
    assert re.search(r"joint2 is driven by a constraint \(Aim\)", capsys.readouterr().out)


def test_still_joints_keep_what_hangs_below_them(tmp_path):
    sides = [(side, part) for side in "LR" for part in ("Leg", "Knee", "Foot", "Toe")]
    parents = {"Leg": "Hips", "Knee": "Leg", "Foot": "Knee", "Toe": "Foot"}
    nodes = [node("Hips", "Null"), node("Spine", "Null", parent="Hips"), node("Head", "Null", parent="Spine")]
    for side, part in sides:
        parent = parents[part] if part == "Leg" else side + parents[part]
        nodes.append(node(side + part, "Null", parent=parent, Lcl_Translation=(0, -20, 0)))
    moving = ["Hips", "Spine", "Head", "LLeg", "LKnee", "LFoot", "RLeg"]
    take = read(tmp_path, nodes, {"t": [layer({k: v for name in moving for k, v in swaying(30, 20, name).items()})]})
    assert set(take.skeleton.joint_names) == {item["name"] for item in nodes}


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_up_axis_may_point_down(tmp_path, axis, sign):
    take = read(tmp_path, CHAIN, {"t": [layer(swaying(30, 5))]}, UpAxis=axis, UpAxisSign=sign)
    up_axis = ("" if sign == 1 else "-") + "XYZ"[axis]
    assert take.up_axis == up_axis
    fbx.save_fbx(take, tmp_path / "again.fbx")
    assert fbx.load_fbx(tmp_path / "again.fbx").up_axis == up_axis
    fbx.save_fbx(dataclasses.replace(take, up_axis="-Z"), tmp_path / "overruled.fbx")
    assert fbx.load_fbx(tmp_path / "overruled.fbx").up_axis == "-Z"


@pytest.mark.parametrize("name", AXES)
def test_axes_are_those_of_a_right_handed_system(name):
    up, front, side = (sign * np.eye(3)[axis] for axis, sign in np.reshape(AXES[name], (3, 2)))
    np.testing.assert_array_equal(np.cross(side, up), front)
    assert up_axis_name(*AXES[name][:2]) == name
