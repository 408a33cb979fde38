import re

from common.mocap import fbx
from common.motion import kinematics, quaternion
from helpers.plain_fbx_text import CHAIN, curve, layer, node, read, swaying, turned
from helpers.project import positions

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation


def half_angles(angles, order):
    return quaternion.from_euler(torch.tensor(np.radians(angles)), order).numpy()


def test_signs_are_those_of_the_half_angle_product(tmp_path):
    nodes = [
        node("above", "Null", Lcl_Rotation=(0, 370, 0)),
        node("a", parent="above", RotationActive=1, RotationOrder=4, PreRotation=(200, 0, 0), PostRotation=(0, 0, 300)),
        node("b", parent="a"),
    ]
    curves = {("a", "R", axis): curve([0, 1], [10, 710]) for axis in "XYZ"} | {("b", "R", "X"): curve([0, 1], [0, 370])}
    take = read(tmp_path, nodes, {"t": [layer(curves)]}, {"t": (0, 1)}, TimeMode=11)
    angle = np.linspace(10, 710, 25)
    # FBX's ZXY is R = Ry·Rx·Rz
    joint_turn = torch.from_numpy(half_angles(np.stack([angle] * 3, axis=1), "YXZ"))
    above, pre, post = (
        torch.from_numpy(half_angles([a], axis)) for a, axis in ((370.0, "Y"), (200.0, "X"), (300.0, "Z"))
    )
    expected = quaternion.mul(quaternion.mul(quaternion.mul(above, pre), joint_turn), quaternion.inv(post)).numpy()
    np.testing.assert_allclose(take.rot_local[:, 0], expected, atol=1e-6)
    assert take.rot_local[-1, 1, 0] == pytest.approx(np.cos(np.radians(185)))
    assert take.skeleton.rot_orders == ["YXZ", "ZYX"]
    setup = take.skeleton.fbx
    np.testing.assert_array_equal(setup.pre_rotation, [[200, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(setup.post_rotation, [[0, 0, 300], [0, 0, 0]])


@pytest.mark.parametrize("inherit", [0, 1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_pivots_scales_and_folded_nodes_multiply_as_matrices(tmp_path, inherit, seed):
    rng = np.random.default_rng(seed)
    names = ["top", "root", "a", "b", "c"]
    nodes = []
    for name, parent in zip(names, [None, *names], strict=False):
        vectors = {
            key: tuple(rng.normal(size=3).round(3) * size)
            for key, size in (
                ("Lcl_Translation", 5.0),
                ("RotationOffset", 1.0),
                ("RotationPivot", 1.0),
                ("ScalingOffset", 1.0),
                ("ScalingPivot", 1.0),
                ("PreRotation", 60.0),
                ("PostRotation", 60.0),
            )
        }
        scale = rng.uniform(0.5, 2, 1 if seed % 2 else 3) * np.ones(3)
        kind = "Null" if name in ("top", "b") else "LimbNode"
        extra = {"RotationActive": 1, "RotationOrder": int(rng.integers(6)), "InheritType": inherit}
        extra["Lcl_Scaling"] = tuple(scale.round(3))
        nodes.append(node(name, kind, parent, **vectors, **extra))
    curves = {(name, "R", axis): curve([0, 1], rng.normal(0, 90, 2).round(2)) for name in names for axis in "XYZ"}
    take = read(tmp_path, nodes, {"t": [layer(curves)]}, {"t": (0, 1)}, TimeMode=11, UnitScaleFactor=2.54)
    expected = [matrix_positions(nodes, curves, frame / 24, inherit)[1:] for frame in range(25)]
    assert take.skeleton.joint_names == names[1:]
    np.testing.assert_allclose(positions(take), 2.54 * np.array(expected), atol=1e-4)


def matrix_positions(nodes, curves, time, inherit):
    """World positions of a chain, by 4 x 4 matrices after Autodesk's "Computing transformation matrices"."""
    world_positions, parent, parent_turn, parent_scale = [], np.eye(4), np.eye(3), np.eye(3)
    for item in nodes:
        properties = item["properties"]
        angles = [np.interp(time, [0, 1], curves[item["name"], "R", axis]["values"]) for axis in "XYZ"]
        order = ["xyz", "xzy", "yzx", "yxz", "zxy", "zyx"][properties["RotationOrder"]]
        joint_turn = Rotation.from_euler(order, [angles["xyz".index(axis)] for axis in order], degrees=True).as_matrix()
        pre, post = (turned(*properties[name]).as_matrix() for name in ("PreRotation", "PostRotation"))
        turn, scale = pre @ joint_turn @ post.T, np.diag(properties["Lcl_Scaling"])
        moves = {name: shift(value) for name, value in properties.items() if "Pivot" in name or "Offset" in name}
        local = shift(properties["Lcl_Translation"]) @ moves["RotationOffset"] @ moves["RotationPivot"]
        local = local @ affine(turn) @ np.linalg.inv(moves["RotationPivot"]) @ moves["ScalingOffset"]
        local = local @ moves["ScalingPivot"] @ affine(scale) @ np.linalg.inv(moves["ScalingPivot"])
        stretch = np.linalg.inv(parent_turn) @ parent[:3, :3]
        if inherit == 2:
            stretch = stretch @ np.linalg.inv(parent_scale)
        linear = parent_turn @ turn @ stretch @ scale if inherit != 1 else parent[:3, :3] @ turn @ scale
        position = (parent @ local)[:3, 3]
        parent, parent_turn, parent_scale = affine(linear), parent_turn @ turn, scale
        parent[:3, 3] = position
        world_positions.append(position)
    return world_positions


def shift(vector):
    result = np.eye(4)
    result[:3, 3] = vector
    return result


def affine(linear):
    result = np.eye(4)
    result[:3, :3] = linear
    return result


def test_offsets_hold_still_unless_something_moves_them(tmp_path, capsys):
    nodes = [node("a", InheritType=1), node("b", parent="a", Lcl_Translation=(0, 10, 0))]
    turning = {("a", "R", "X"): curve([0, 1], [0, 90])}
    still = read(tmp_path, nodes, {"t": [layer(turning)]}, {"t": (0, 1)})
    assert still.skeleton.offsets.shape == (2, 3)
    assert "scale" not in capsys.readouterr().out
    growing = turning | {("a", "S", "Y"): curve([0, 1], [1, 3])}
    moving = read(tmp_path, nodes, {"t": [layer(growing)]}, {"t": (0, 1)})
    assert moving.skeleton.moving_joints(at_least=1) == {"b": pytest.approx(20)}
    np.testing.assert_array_equal(moving.skeleton.rest_offsets[1], [0, 10, 0])
    assert re.search("scale of a changes by 2", capsys.readouterr().out)


def test_the_rest_pose_stands_as_it_did_below_a_turned_node(tmp_path):
    above = node("Armature", "Null", Lcl_Rotation=(-90, 0, 0), Lcl_Scaling=(100, 100, 100), InheritType=1)
    nodes = [above, {**CHAIN[0], "parent": "Armature"}, *CHAIN[1:]]
    take = read(tmp_path, nodes, {"t": [layer(swaying(30, 5))]})
    fbx.save_fbx(take, tmp_path / "again.fbx")
    again = fbx.load_fbx(tmp_path / "again.fbx")
    rest = kinematics.rest_pose(take.skeleton).numpy()
    assert np.ptp(rest[:, 2]) > 15_000
    np.testing.assert_allclose(kinematics.rest_pose(again.skeleton), rest, atol=1e-2)


@pytest.mark.parametrize("scale", [(-1, 1, 1), (-1, -1, -1), (1, -2, 1), (-0.5, 2, 1)], ids=str)
def test_mirrored_bodies_stand_where_an_independent_reader_has_them(ufbx, tmp_path, scale):
    nodes = [node("Mirror", "Null", Lcl_Scaling=scale, InheritType=1)]
    nodes += [{**item, "parent": item["parent"] or "Mirror"} for item in CHAIN]
    for item in nodes:
        item["properties"] = {"InheritType": 1, "Lcl_Translation": (3, 20, 5)} | item["properties"]
    curves = swaying(30, 20) | swaying(30, 20, "b")
    take = read(tmp_path, nodes, {"t": [layer(curves)]}, {"t": (0, 19 / 30)}, TimeMode=6)
    scene = ufbx(tmp_path / "made.fbx")
    joints = [list(scene["names"]).index(name) for name in take.skeleton.joint_names]
    np.testing.assert_allclose(positions(take), scene["positions"][:, joints], atol=1e-3)
