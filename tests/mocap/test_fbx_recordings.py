import re

from common.mocap import bvh, fbx
from common.mocap.fbx import container, evaluate, parse
from common.runtime.errors import InputError
from helpers import fbx_bytes
from helpers.plain_fbx_text import clock
from helpers.project import PROJECT, RECORDINGS, positions

import numpy as np
import pytest
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


def tree_paths(names, parents):
    """Per node the names from itself to the top: names alone may occur twice."""
    paths = []
    for name, parent in zip(names, parents, strict=True):
        paths.append((name, *(paths[parent] if parent >= 0 else ())))
    return paths


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
    positions_by_name = {node.name: world.position[0] for node, world in zip(scene.nodes, worlds, strict=True)}
    for node_name, expected in SCALED[name].items():
        np.testing.assert_allclose(positions_by_name[node_name], expected, atol=1e-4)


@pytest.mark.parametrize("name", SWITCHED_OFF)
def test_rotation_settings_that_are_switched_off_do_nothing(recordings, name):
    scene = parse.read_scene(recordings / "fbx" / f"{name}.fbx")
    count = 0
    for place, node_ in enumerate(scene.nodes):
        if node_.number("RotationActive", 0) and not node_.number("RotationSpaceForLimitOnly", 0):
            continue
        turn = next(evaluate.local_transforms(scene, None, [place], None)).rotation.numpy()[0]
        angles = node_.vector("Lcl Rotation", (0, 0, 0))
        expected = Rotation.from_euler("xyz", angles, degrees=True).as_quat(scalar_first=True)
        assert abs(turn @ expected) == pytest.approx(1, abs=1e-9)
        count += 1
    assert count


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
    assert walk.skeleton.parents == other.skeleton.parents
    for name, same, end in zip(
        walk.skeleton.joint_names, other.skeleton.joint_names, other.skeleton.is_end_site, strict=True
    ):
        assert name == same or end  # BVH leaves the ends without names
    assert (walk.fps, round(other.fps)) == (60, 24)
    fbx_positions, bvh_positions = positions(walk)[::5], positions(other)[::2]  # both every 1/12 s
    assert len(fbx_positions) == len(bvh_positions)
    np.testing.assert_allclose(fbx_positions, bvh_positions, atol=1e-5 * np.ptp(bvh_positions[0], axis=0).max())


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
    assert_same_tree(recordings / "fbx" / "ufbx_maya_anim_layers_7500_binary.fbx", version)


@pytest.mark.parametrize("version", [6100, 7400, 7500])
def test_the_bundled_duet_is_the_same_tree_in_records_of_32_and_64_bits(version):
    assert_same_tree(PROJECT / "data" / "mocap" / "duet_dancer1.fbx", version)


def assert_same_tree(path, version):
    root = container.parse_binary(path.read_bytes())[1]
    read_version, again = container.parse_binary(fbx_bytes.to_bytes(root, version))
    assert read_version == version
    for node_, other in zip(fbx_bytes.walk(root), fbx_bytes.walk(again), strict=True):
        assert (node_.name, len(node_.values)) == (other.name, len(other.values))
        for value, same in zip(node_.values, other.values, strict=True):
            if hasattr(value, "unpack"):
                np.testing.assert_array_equal(value.unpack(), same.unpack())
            else:
                assert value == same
