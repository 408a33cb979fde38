import re
import subprocess
import sys

from common import bvh, fbx, kinematics, quaternion
from common.errors import InputError
from common.fbx import container, evaluate, key_list, parse

import fuzz_motion_files
import numpy as np
import plain_fbx_text
import pytest
import torch
from conftest import RECORDINGS, positions
from plain_fbx_text import CUBIC, SECOND, curve, layer, node, write
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

TRUTH = sorted(path.stem for path in RECORDINGS.glob("fbx_truth/*.npz"))
# The truth multiplies local matrices whatever the inherit type. These nodes stand below scales that are not inherited,
# or not so: here is what ufbx itself gives for them at rest (its node_to_world).
SCALED = {
    "ufbx_maya_constraint_zoo_7500_binary": {"joint6": (0.3942, 13.2615, -0.5318)},
    "ufbx_motionbuilder_sausage_rrss_7700_ascii": {"Top": (2.6870, 6.4870, 0.0)},
    "ufbx_motionbuilder_sausage_rrss_7700_binary": {"Top": (2.6870, 6.4870, 0.0)},
}
# The truth applies rotation orders, pre- and post-rotations even where the file switches them off.
SWITCHED_OFF = ("ufbx_casegen_rotation_space_7500_ascii",)


def clock(scene, times, fps):
    ticks = np.rint(np.asarray(times) * scene.ticks_per_second).astype(np.int64)
    return evaluate.Clock(ticks, scene.ticks_per_second, scene.ticks_per_second / fps)


def tree_paths(names, parents):
    """Per node the names from itself to the top: names alone may occur twice."""
    paths = []
    for name, parent in zip(names, parents, strict=True):
        paths.append((name, *(paths[parent] if parent >= 0 else ())))
    return paths


def read(tmp_path, nodes, takes=None, spans=None, skeleton=None, take=None, **settings):
    return fbx.load_fbx(write(tmp_path / "made.fbx", nodes, takes, spans, **settings), skeleton, take)


# ---------------------------------------------------------------------------------------------------------------------
# real files


@pytest.mark.parametrize("name", TRUTH)
def test_every_node_stands_where_an_independent_reader_has_it(recordings, name):
    scene = parse.read_scene(recordings / "fbx" / f"{name}.fbx")
    with np.load(recordings / "fbx_truth" / f"{name}.npz") as file:
        truth = dict(file)
    at = clock(scene, truth["times"], float(truth["fps"]))
    worlds = evaluate.world_transforms(scene, scene.stacks[0], at)
    expected = dict(zip(tree_paths(map(str, truth["names"]), truth["parents"]), range(len(worlds) + 1), strict=True))
    root = (str(truth["names"][0]),)
    places = [
        expected[(*path, *root)] for path in tree_paths([n.name for n in scene.nodes], [n.parent for n in scene.nodes])
    ]
    assert sorted(places) == list(range(1, len(expected)))
    moving = truth["bone"] if truth["bone"].any() else np.ones(len(truth["bone"]), bool)  # cameras stand far away
    size = max(np.ptp(truth["world_position"][:, moving].reshape(-1, 3), axis=0).max(), 1.0)
    for node_, world, place in zip(scene.nodes, worlds, places, strict=True):
        if node_.name in SCALED.get(name, ()):
            continue
        other = truth["world_position"][:, place]
        np.testing.assert_allclose(world.position - other, 0, atol=1e-4 * size, err_msg=node_.name)
        if name not in SWITCHED_OFF:
            local = next(evaluate.local_transforms(scene, scene.stacks[0], [scene.nodes.index(node_)], at))
            other = truth["local_rotation_xyzw"][:, place][:, [3, 0, 1, 2]]
            assert np.abs((local.rotation.numpy() * other).sum(-1)).min() > 1 - 1e-6, node_.name


@pytest.mark.parametrize("name", SCALED)
def test_scales_are_inherited_as_the_file_says(recordings, name):
    scene = parse.read_scene(recordings / "fbx" / f"{name}.fbx")
    worlds = evaluate.world_transforms(scene, None, None)
    found = {node.name: world.position[0] for node, world in zip(scene.nodes, worlds, strict=True)}
    for node_name, expected in SCALED[name].items():
        np.testing.assert_allclose(found[node_name], expected, atol=1e-4)


@pytest.mark.parametrize("name", SWITCHED_OFF)
def test_rotation_settings_that_are_switched_off_do_nothing(recordings, name):
    scene = parse.read_scene(recordings / "fbx" / f"{name}.fbx")
    seen = 0
    for place, node_ in enumerate(scene.nodes):
        if node_.number("RotationActive", 0) and not node_.number("RotationSpaceForLimitOnly", 0):
            continue
        turn = next(evaluate.local_transforms(scene, None, [place], None)).rotation.numpy()[0]
        angles = node_.vector("Lcl Rotation", (0, 0, 0))
        expected = Rotation.from_euler("xyz", angles, degrees=True).as_quat(scalar_first=True)
        assert abs(turn @ expected) == pytest.approx(1, abs=1e-9)
        seen += 1
    assert seen


SKELETONS = {
    "assimp_huesitos_25fps": ("Bone", 11, 25, "Y", 1),
    "assimp_two_root_bones": ("Bone", 8, 24, "Y", 1),
    "ufbx_blender_293_barbarian_7400_binary": ("bassin", 22, 24, "Y", 100),
    "ufbx_max_transformed_skin_7500_binary": ("Bone001", 5, 30, "Z", 1),
    "ufbx_maya_axes_anim_7700_ascii": ("joint1", 4, 24, "Y", 1),
    "ufbx_maya_character_7500_binary": ("Character1_Hips", 62, 24, "Y", 1),
    "ufbx_maya_game_sausage_6100_ascii_combined": ("joint1", 4, 24, "Y", 1),
    "ufbx_maya_game_sausage_6100_binary_combined": ("joint1", 4, 24, "Y", 1),
    "ufbx_maya_game_sausage_7500_binary_combined": ("joint1", 4, 24, "Y", 1),
    "ufbx_maya_kenney_character_7700_binary": ("HipsCtrl", 40, 24, "Y", 1),
    "geno_stance_prerot_mixed_orders": ("Hips", 75, 60, "Y", 1),
}


@pytest.mark.parametrize("name", SKELETONS)
def test_takes_have_the_joint_positions_of_an_independent_reader(recordings, name):
    take = fbx.load_fbx(recordings / "fbx" / f"{name}.fbx")
    skeleton = take.skeleton
    assert (skeleton.name, skeleton.joint_count, take.fps, take.up_axis, take.unit_cm) == SKELETONS[name]
    with np.load(recordings / "fbx_truth" / f"{name}.npz") as truth:
        names = [str(n) for n in truth["names"]]
        expected = truth["world_position"][:, [names.index(n) for n in skeleton.joint_names]] * take.unit_cm
    size = max(np.ptp(expected.reshape(-1, 3), axis=0))
    np.testing.assert_allclose(positions(take), expected, atol=1e-4 * size)


def test_the_same_walk_as_bvh_and_fbx(recordings, capsys):
    walk = fbx.load_fbx(recordings / "fbx" / "motionbuilder_walk01_fbx_twin.fbx")
    assert "keys come at 60" in capsys.readouterr().out
    other = bvh.load_bvh(recordings / "bvh" / "motionbuilder_walk01_3digit_exponent.bvh")
    assert list(walk.skeleton.parents) == list(other.skeleton.parents)
    for name, same, end in zip(
        walk.skeleton.joint_names, other.skeleton.joint_names, other.skeleton.is_end_site, strict=True
    ):
        assert name == same or end  # BVH leaves the ends without names
    assert (walk.fps, round(other.fps)) == (60, 24)
    ours, theirs = positions(walk)[::5], positions(other)[::2]  # both every 1/12 s
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs[0], axis=0).max())


@pytest.mark.parametrize("name", ["node_cycle_fail_7700_ascii", "truncated_quot_fail_7500_ascii"])
def test_real_broken_files_are_refused(recordings, name):
    path = recordings / "fbx" / f"ufbx_synthetic_{name}.fbx"
    with pytest.raises(InputError, match=re.escape(str(path))):
        fbx.load_fbx(path)


def test_old_encodings_of_one_scene_agree(recordings):
    name = "ufbx_maya_game_sausage_{}_combined.fbx"
    kinds = ("6100_ascii", "6100_binary", "7500_ascii", "7500_binary")
    takes = [fbx.load_fbx(recordings / "fbx" / name.format(kind), take="spin") for kind in kinds]
    for take in takes[1:]:
        np.testing.assert_allclose(positions(take), positions(takes[0]), atol=1e-5)
        np.testing.assert_allclose(take.rot_local, takes[0].rot_local, atol=1e-6)


@pytest.mark.parametrize("version", [6100, 7400, 7500])
def test_records_of_32_and_64_bits_hold_the_same_tree(recordings, version):
    data = (recordings / "fbx" / "ufbx_maya_anim_layers_7500_binary.fbx").read_bytes()
    root = container.parse_binary(data)[1]
    found, again = container.parse_binary(fuzz_motion_files.to_bytes(root, version))
    assert found == version
    for node_, other in zip(fuzz_motion_files.walk(root), fuzz_motion_files.walk(again), strict=True):
        assert (node_.name, len(node_.values)) == (other.name, len(other.values))
        for value, same in zip(node_.values, other.values, strict=True):
            if hasattr(value, "unpack"):
                np.testing.assert_array_equal(value.unpack(), same.unpack())
            else:
                assert value == same


# ---------------------------------------------------------------------------------------------------------------------
# curves


def sampled(tmp_path, given, times, fps=100):
    """Values of a curve on the X translation of a node, at `times` seconds."""
    scene = parse.read_scene(write(tmp_path / "c.fbx", [node("a")], {"t": [layer({("a", "T", "X"): given})]}))
    values = evaluate.property_values(scene, scene.stacks[0], 0, "Lcl Translation", clock(scene, times, fps))
    return np.broadcast_to(values, (len(times), 3))[:, 0]


def test_constant_keys_hold_or_take_the_next_value(tmp_path):
    times = [0, 0.5, 0.99, 1, 1.5, 2, 3]
    given = curve([0, 1, 2], [5, 7, 9], flags=[0x2, 0x102, 0x2])
    np.testing.assert_allclose(sampled(tmp_path, given, times), [5, 5, 5, 7, 9, 9, 9])


def test_cubic_keys_follow_their_slopes(tmp_path):
    times = np.linspace(0, 2, 41)
    expected = times**3 - 2 * times + 1  # a cubic is its own Hermite interpolation
    slopes = [(3 * t**2 - 2, 3 * u**2 - 2, 0, 0) for t, u in ((0.0, 0.5), (0.5, 2.0), (2.0, 2.0))]
    given = curve([0, 0.5, 2], [1, 0.125, 5], CUBIC, slopes)
    np.testing.assert_allclose(sampled(tmp_path, given, times), expected, atol=1e-5)


def test_weighted_keys_solve_for_time(tmp_path):
    times = np.linspace(0, 4, 33)
    first, second = 0.9, 0.75
    row = (3.0, -2.0, plain_fbx_text.weights(first, second), 0)
    given = curve([0, 4], [1, 2], CUBIC | 0x3000000, [row, row])

    def at(time):
        def seconds(s):
            return 4 * (3 * (1 - s) ** 2 * s * first + 3 * (1 - s) * s**2 * (1 - second) + s**3)

        s = brentq(lambda s: seconds(s) - time, 0, 1)
        handles = 1 + 3.0 * first * 4, 2 + 2.0 * second * 4
        return (1 - s) ** 3 + 3 * (1 - s) ** 2 * s * handles[0] + 3 * (1 - s) * s**2 * handles[1] + 2 * s**3

    np.testing.assert_allclose(sampled(tmp_path, given, times), [at(time) for time in times], atol=2e-3)


def test_auto_keys_do_not_overshoot_when_told_so(tmp_path):
    times = np.linspace(0, 3, 61)
    free = sampled(tmp_path, curve([0, 1, 2, 3], [0, 1, 1.1, 5], 0x2108), times)
    held = sampled(tmp_path, curve([0, 1, 2, 3], [0, 1, 1.1, 5], 0x6108), times)
    assert (np.diff(held) >= -1e-9).all()
    assert (np.diff(free) < -1e-3).any()
    np.testing.assert_allclose(free[::20], [0, 1, 1.1, 5], atol=1e-6)


def test_a_straight_line_of_tcb_keys_stays_straight(tmp_path):
    times = np.linspace(0, 3, 31)
    given = curve([0, 1, 2, 3], [0, 2, 4, 6], CUBIC & ~0x400 | 0x200)
    np.testing.assert_allclose(sampled(tmp_path, given, times), 2 * times, atol=1e-6)


@pytest.mark.parametrize(
    ("letter", "count", "expected"),
    [
        ("C", -1, [4, 4, 4]),
        ("K", -1, [5, 6.5, 9]),
        ("R", -1, [1, 2.5, 1]),
        ("M", -1, [3, 1.5, 1]),
        ("A", -1, [5, 6.5, 9]),
        ("R", 1, [1, 4, 4]),
    ],
)
def test_what_comes_after_the_last_key(tmp_path, letter, count, expected):
    given = curve([0, 4], [0, 4], Post=(letter, count))
    np.testing.assert_allclose(sampled(tmp_path, given, [5, 6.5 if count < 0 else 9.5, 9]), expected, atol=1e-6)


def test_the_mixed_lists_of_version_6(tmp_path):
    items = [0, 1.0, "U", "s", 2, -1, "n", 1 * SECOND, 2.0, "U", "b", 0, 3, "a", 0.5, 0.25, 2 * SECOND, 5, "L"]
    items += [3 * SECOND, 4, "C", "n", 4 * SECOND, 7, "U", "a", "n", 5 * SECOND, 0.5, "U", "t", 0.1, 0.2, 0.3, "n"]
    node_ = container.Node("Channel", ["X"], [container.Node("Key", items, []), container.Node("KeyCount", [6], [])])
    found = key_list.from_list(node_, SECOND)
    np.testing.assert_array_equal(found.times, np.arange(6) * SECOND)
    np.testing.assert_array_equal(found.values, [1, 2, 5, 4, 7, 0.5])
    np.testing.assert_array_equal(found.slopes, [[2, -1], [0, 3], [0, 0], [0, 0], [0, 0], [0.1, 0.2]])
    np.testing.assert_allclose(found.weights[1] / 9999, [0.5, 0.25])
    assert [int(flags) & 0xF for flags in found.flags] == [8, 8, 4, 2, 8, 8]
    node_.children[1].values = [7]
    with pytest.raises(container.DamagedError, match="7 keys and has 6"):
        key_list.from_list(node_, SECOND)


def test_keys_off_the_frames_and_of_different_number(tmp_path):
    curves = {("a", "R", "X"): curve([0.013, 0.21, 1], [0, 30, 90]), ("b", "R", "Z"): curve([0, 1], [10, 20])}
    take = read(tmp_path, [node("a"), node("b", parent="a")], {"t": [layer(curves)]}, {"t": (0, 1)}, TimeMode=11)
    assert take.frame_count == 25
    times = np.arange(25) / 24
    expected = Rotation.from_euler("x", np.interp(times, [0.013, 0.21, 1], [0, 30, 90])[:, None], degrees=True)
    got = Rotation.from_quat(take.rot_local[:, 0], scalar_first=True)
    assert (expected.inv() * got).magnitude().max() < 1e-6


# ---------------------------------------------------------------------------------------------------------------------
# layers


def layered(tmp_path, **properties):
    """The angles after a base layer of (40, 0, 0) and a second one of (0, 90, 0): a rotation."""
    base, second = {("a", "R", "X"): curve([0], [40])}, {("a", "R", "Y"): curve([0], [90])}
    take = read(tmp_path, [node("a")], {"t": [layer(base), layer(second, **properties)]}, {"t": (0, 0.1)})
    return Rotation.from_quat(take.rot_local[0, 0], scalar_first=True)


def turned(x, y, z):
    return Rotation.from_euler("xyz", (x, y, z), degrees=True)


LAYERS = {
    "muted": ({"Mute": 1}, turned(40, 0, 0)),
    "added as a rotation": ({"BlendMode": 0}, turned(40, 0, 0) * turned(0, 90, 0)),
    "added by channel": ({"BlendMode": 0, "RotationAccumulationMode": 1}, turned(40, 90, 0)),
    "half added by channel": ({"Weight": 50.0, "RotationAccumulationMode": 1}, turned(40, 45, 0)),
    "half added as a rotation": ({"Weight": 50.0}, turned(40, 0, 0) * turned(0, 45, 0)),
    "replacing": ({"BlendMode": 1}, turned(0, 90, 0)),
    "half replacing by channel": ({"BlendMode": 1, "Weight": 50.0, "RotationAccumulationMode": 1}, turned(20, 45, 0)),
}


@pytest.mark.parametrize(("properties", "expected"), LAYERS.values(), ids=LAYERS.keys())
def test_layers_blend(tmp_path, properties, expected):
    assert (layered(tmp_path, **properties).inv() * expected).magnitude() < 1e-6


# ---------------------------------------------------------------------------------------------------------------------
# transforms


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
    own = torch.from_numpy(half_angles(np.stack([angle] * 3, axis=1), "YXZ"))
    above, pre, post = (
        torch.from_numpy(half_angles([a], axis)) for a, axis in ((370.0, "Y"), (200.0, "X"), (300.0, "Z"))
    )
    expected = quaternion.mul(quaternion.mul(quaternion.mul(above, pre), own), quaternion.inv(post)).numpy()
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
    found, parent, parent_turn, parent_scale = [], np.eye(4), np.eye(3), np.eye(3)
    for item in nodes:
        properties = item["properties"]
        angles = [np.interp(time, [0, 1], curves[item["name"], "R", axis]["values"]) for axis in "XYZ"]
        order = ["xyz", "xzy", "yzx", "yxz", "zxy", "zyx"][properties["RotationOrder"]]
        own = Rotation.from_euler(order, [angles["xyz".index(axis)] for axis in order], degrees=True).as_matrix()
        pre, post = (turned(*properties[name]).as_matrix() for name in ("PreRotation", "PostRotation"))
        turn, scale = pre @ own @ post.T, np.diag(properties["Lcl_Scaling"])
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
        found.append(position)
    return found


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


# ---------------------------------------------------------------------------------------------------------------------
# takes, rates, spans


def swaying(rate, count, name="a"):
    return {(name, "R", axis): curve(np.arange(count) / rate, np.sin(np.arange(count) / 9) * 40) for axis in "XYZ"}


RATES = {3: 60, 6: 30, 8: 30 / 1.001, 10: 25, 11: 24, 13: 24 / 1.001, 17: 60 / 1.001, 18: 120 / 1.001, 0: 30}


@pytest.mark.parametrize("mode", RATES)
def test_frame_rates_by_number(tmp_path, mode):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(RATES[mode], 30))]}, TimeMode=mode)
    assert take.fps == pytest.approx(RATES[mode], rel=1e-9)
    assert take.frame_count == 30


def test_a_rate_of_its_own(tmp_path):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(119.5, 50))]}, TimeMode=14, CustomFrameRate=119.5)
    assert (take.fps, take.frame_count) == (119.5, 50)


@pytest.mark.parametrize("rate", [50, 60, 119.88, 24])
def test_dense_even_keys_overrule_a_default_rate(tmp_path, capsys, rate):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(rate, 40))]}, TimeMode=6)
    assert take.fps == pytest.approx(rate, rel=1e-5)
    assert take.frame_count == 40
    assert "states 30 frames per second" in capsys.readouterr().out


@pytest.mark.parametrize("rate", [15, 10, 2.3])
def test_sparse_keys_do_not_overrule_the_rate(tmp_path, capsys, rate):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(rate, 40))]}, TimeMode=6)
    assert take.fps == 30
    assert "states" not in capsys.readouterr().out


def test_the_take_with_motion_is_read(tmp_path, capsys):
    takes = {"empty": [layer({("a", "R", "X"): curve([0], [5])})], "dance": [layer(swaying(30, 20))]}
    spans = {"empty": (0, 1), "dance": (0, 19 / 30)}
    take = read(tmp_path, [node("a")], takes, spans)
    assert (take.skeleton.fbx.take_name, take.frame_count) == ("dance", 20)
    assert "take" not in capsys.readouterr().out
    assert read(tmp_path, [node("a")], takes, spans, take="empty").frame_count == 31
    with pytest.raises(InputError, match=r"'ball'.*'empty', 'dance'.*mocap_take"):
        read(tmp_path, [node("a")], takes, spans, take="ball")


def test_several_takes_with_motion_are_named(tmp_path, capsys):
    takes = {"one": [layer(swaying(30, 20))], "two": [layer(swaying(30, 30))]}
    assert read(tmp_path, [node("a")], takes).skeleton.fbx.take_name == "one"
    assert "mocap_take for another: 'two'" in capsys.readouterr().out


def test_absurd_spans_give_way_to_the_keys(tmp_path, capsys):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(30, 20))]}, {"t": (-166666, 166666)}, TimeMode=6)
    assert take.frame_count == 20
    assert "333332 seconds by its own word" in capsys.readouterr().out
    far = {("a", "R", "X"): curve([-166666, 166666], [0, 90])}
    with pytest.raises(InputError, match="is far longer"):
        read(tmp_path, [node("a")], {"t": [layer(far)]}, {"t": (-166666, 166666)}, TimeMode=6)


def test_a_pose_without_motion_is_one_frame(tmp_path, capsys):
    take = read(tmp_path, [node("a"), node("b", parent="a", Lcl_Translation=(0, 3, 0))])
    assert take.frame_count == 1
    assert "nothing moves" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------------
# skeletons


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


# ---------------------------------------------------------------------------------------------------------------------
# refusing

HEAD = "; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 7400\n}\n"
BROKEN = {
    "empty": b"",
    "another format": b"HIERARCHY\nROOT Hips\n{\n",
    "zeros": bytes(4000),
    "header only": container.MAGIC + b"\x1a\0",
    "version 5": container.MAGIC + b"\x1a\0" + (5000).to_bytes(4, "little") + bytes(100),
    "a record that ends outside": container.MAGIC + b"\x1a\0" + (7400).to_bytes(4, "little") + b"\xff" * 13 + bytes(40),
    "no objects": HEAD.encode(),
    "a brace missing": (HEAD + "Objects: {\n").encode(),
    "a brace too many": (HEAD + "}\n").encode(),
    "nested without end": (HEAD + "A: {\n" * 100_000).encode(),
    "blanks without end": (HEAD + "A: " + " \n" * 500_000 + "{").encode(),
    "commas without end": (HEAD + "A: " + "," * 500_000 + "{").encode(),
    "quotes without end": (HEAD + 'A: "' * 200_000).encode(),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_with_their_name(tmp_path, data):
    (tmp_path / "broken.fbx").write_bytes(data)
    with pytest.raises(InputError, match=r"broken\.fbx: "):
        fbx.load_fbx(tmp_path / "broken.fbx")


def test_keys_that_mean_nothing_are_refused(tmp_path):
    for given in (
        curve([0, 1], ["nan", 1]),
        curve([0, 1], ["inf", 1]),
        curve([1, 0], [0, 1]),
        curve([0, 1], [0, 1, 2]),
        curve([0, 1], [0, 1], CUBIC, (float("nan"), 0, 0, 0)),
    ):
        with pytest.raises(InputError, match=r"made\.fbx"):
            read(tmp_path, [node("a")], {"t": [layer({("a", "R", "X"): given})]})


def test_arrays_that_unpack_to_more_than_they_say_are_refused(tmp_path):
    array = fuzz_motion_files.packed(np.zeros(20_000_000), "<f8")
    array.count = 10
    store = container.Store(1000)
    for count, message in ((10, "holds more"), (2**31, "cannot fit"), (20_000_000, None)):
        bomb = container.PackedArray(array.data, array.dtype, count, True, store)
        if message:
            with pytest.raises(container.DamagedError, match=message):
                bomb.unpack()
        else:
            assert len(bomb.unpack()) == count
    with pytest.raises(container.DamagedError, match="far more"):  # the file's share is used up
        container.PackedArray(array.data, array.dtype, 20_000_001, True, store).unpack()


def test_damaged_files_end_in_a_take_or_a_message(project):
    command = [sys.executable, str(project / "tests" / "fuzz_motion_files.py"), "--cases", "50", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------------------------------------------------------------
# found by trying to break it


CHAIN = [
    node("a"),
    node("b", parent="a", Lcl_Translation=(0, 90, 0)),
    node("c", parent="b", Lcl_Translation=(0, 70, 0)),
]


def edited(tmp_path, change, **settings):
    path = write(tmp_path / "made.fbx", CHAIN, {"t": [layer(swaying(30, 5))]}, **settings)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def test_counts_whose_sum_wraps_around_are_refused(tmp_path):
    def change(text):
        text = re.sub(r"KeyAttrFlags: \*5 \{\s*a: [^}]*\}", "KeyAttrFlags: *3 {\n a: 4,4,4\n}", text)
        text = re.sub(
            r"KeyAttrDataFloat: \*20 \{\s*a: [^}]*\}", "KeyAttrDataFloat: *12 {\n a: 0" + ",0" * 11 + "\n}", text
        )
        runs = "9223372036854775807,9223372036854775807,7"
        return re.sub(r"KeyAttrRefCount: \*5 \{\s*a: [^}]*\}", "KeyAttrRefCount: *3 {\n a: " + runs + "\n}", text)

    with pytest.raises(InputError, match="does not say for which of the keys"):
        fbx.load_fbx(edited(tmp_path, change))


@pytest.mark.parametrize("value", ["9" * 401, "nan", "-inf", "1e999"])
def test_numbers_beyond_all_measure_are_foreseen(tmp_path, value):
    with pytest.raises(InputError) as error:
        fbx.load_fbx(edited(tmp_path, lambda text: text.replace("4321", value), UnitScaleFactor=4321))
    assert "foreseen" not in str(error.value)
    repeated = swaying(30, 5)
    repeated["a", "R", "X"]["Post"] = ("R", value)
    fbx.load_fbx(write(tmp_path / "repeated.fbx", CHAIN, {"t": [layer(repeated)]}))


@pytest.mark.parametrize(
    "settings", [{"UpAxis": 5}, {"FrontAxis": 10**12}, {"UpAxis": 2, "FrontAxis": 2}, {"UpAxisSign": 7}]
)
def test_axes_that_are_none_do_not_reach_an_export(tmp_path, settings):
    take = read(tmp_path, CHAIN, {"t": [layer(swaying(30, 5))]}, **settings)
    fbx.save_fbx(take, tmp_path / "again.fbx")
    assert fbx.load_fbx(tmp_path / "again.fbx").up_axis == take.up_axis


def test_the_rest_pose_stands_as_it_did_below_a_turned_node(tmp_path):
    above = node("Armature", "Null", Lcl_Rotation=(-90, 0, 0), Lcl_Scaling=(100, 100, 100), InheritType=1)
    nodes = [above, {**CHAIN[0], "parent": "Armature"}, *CHAIN[1:]]
    take = read(tmp_path, nodes, {"t": [layer(swaying(30, 5))]})
    fbx.save_fbx(take, tmp_path / "again.fbx")
    again = fbx.load_fbx(tmp_path / "again.fbx")
    rest = kinematics.rest_pose(take.skeleton)
    assert np.ptp(rest[:, 2]) > 15_000
    np.testing.assert_allclose(kinematics.rest_pose(again.skeleton), rest, atol=1e-2)


KEY_TIMES = {
    "a pose long before": lambda t: np.append(0, t[10:]),
    "two keys missing": lambda t: np.delete(t, [40, 200]),
    "a key after the end": lambda t: np.append(t, t[-1] + 0.4),
    "whole milliseconds": lambda t: np.round(t, 3),
}


@pytest.mark.parametrize("change", KEY_TIMES.values(), ids=KEY_TIMES.keys())
def test_a_wrong_rate_is_seen_through_irregular_keys(tmp_path, change, capsys):
    times = change(np.arange(300) / 60)
    curves = {("a", "R", axis): curve(times, np.sin(times * 6) * 40) for axis in "XYZ"}
    take = read(tmp_path, CHAIN, {"t": [layer(curves)]}, TimeMode=6)
    assert take.fps == pytest.approx(60)
    assert "using 60" in capsys.readouterr().out


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
