import dataclasses

from common.mocap import bvh
from common.mocap.fbx import load_fbx, save_fbx
from helpers.fbx_takes import (
    ORDERS,
    as_if_from_fbx,
    assert_read_alike,
    assert_same_take,
    extra_rotations,
    with_orders,
    with_prefix,
)
from helpers.project import positions
from helpers.sweeps import quick

import numpy as np
import pytest
import torch

FBX_FILES = [
    *("assimp_huesitos_25fps", "geno_stance_prerot_mixed_orders", "motionbuilder_walk01_fbx_twin"),
    *("ufbx_maya_character_7500_binary", "ufbx_maya_game_sausage_6100_binary_combined"),
    *("ufbx_blender_293_barbarian_7400_binary", "ufbx_motionbuilder_sausage_rrss_7700_ascii"),
    *("ufbx_max_transformed_skin_7500_binary", "ufbx_maya_kenney_character_7700_binary"),
]
BVH_FILES = [
    "duets/cmu_salsa_61_12",
    "bvh/cmu_cgspeed_motionbuilder_zyx_mixed_crlf",
    "bvh/olympe_dancing_mixed_orders_per_joint",
    "bvh/root_rotation_before_position",
    "bvh/fairmotion_sinusoidal_no_endsite",
    "bvh/bvhio_no_endsites_6ch",
    "bvh/classic_wisconsin_example_tabs_2frames",
]


@pytest.mark.parametrize("name", quick(FBX_FILES, "geno_stance_prerot_mixed_orders", *FBX_FILES[6:8]))
def test_from_fbx_to_fbx(ufbx, recordings, tmp_path, name):
    take = load_fbx(recordings / "fbx" / f"{name}.fbx")
    save_fbx(take, tmp_path / "again.fbx")
    again = load_fbx(tmp_path / "again.fbx")
    assert_same_take(again, take)
    assert (again.fps, again.unit_cm, again.up_axis) == (take.fps, take.unit_cm, take.up_axis)
    assert again.skeleton.rot_orders == take.skeleton.rot_orders
    for name in ("pre_rotation", "post_rotation", "rest_rotation", "inherit_type", "kinds", "axes", "take_name"):
        value, expected = (getattr(t.skeleton.fbx, name) for t in (again, take))
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert_read_alike(ufbx(tmp_path / "again.fbx"), [take], take.unit_cm)


def test_from_fbx_to_fbx_with_everything(body, tmp_path):
    take = with_orders(as_if_from_fbx(body, 2.54, "Z", **extra_rotations(body)), ORDERS)
    save_fbx(take, tmp_path / "take.fbx")
    again = load_fbx(tmp_path / "take.fbx")
    assert_same_take(again, take)
    np.testing.assert_allclose(again.rot_local[0], take.rot_local[0], atol=1e-6)  # the same signs, too
    assert (again.unit_cm, again.up_axis) == (2.54, "Z")


@pytest.mark.parametrize("prefixes", [("A:", "B:"), ("", "")], ids=["own names", "the same names"])
def test_two_skeletons_come_back_one_by_one(body, tmp_path, prefixes):
    takes = [with_prefix(take, p) for take, p in zip((body, with_orders(body, ORDERS)), prefixes, strict=True)]
    save_fbx(takes, tmp_path / "duet.fbx")
    for number, take in enumerate(takes):
        assert_same_take(load_fbx(tmp_path / "duet.fbx", number), take)


@pytest.mark.parametrize("name", quick(BVH_FILES, *BVH_FILES[3:]))
def test_from_bvh_through_fbx_to_bvh(recordings, tmp_path, name):
    take = bvh.load_bvh(recordings / f"{name}.bvh")
    save_fbx(take, tmp_path / "take.fbx")
    bvh.save_bvh(load_fbx(tmp_path / "take.fbx"), tmp_path / "again.bvh")
    again = bvh.load_bvh(tmp_path / "again.bvh")
    assert_same_take(again, take)
    assert again.skeleton.is_end_site == take.skeleton.is_end_site
    assert again.skeleton.rot_orders == take.skeleton.rot_orders


def test_bvh_of_a_take_from_fbx(body, tmp_path):
    names = [{"Spine": "a\nb"}.get(name, name) for name in body.skeleton.joint_names]
    offsets = body.skeleton.offsets.repeat(body.frame_count, 1, 1)
    offsets[:, [2, 7]] += torch.linspace(0, 3, body.frame_count)[:, None, None]  # an arm, and the end of the head
    skeleton = dataclasses.replace(body.skeleton, joint_names=names, offsets=offsets)
    take = as_if_from_fbx(dataclasses.replace(body, skeleton=skeleton), unit_cm=100.0)
    bvh.save_bvh(take, tmp_path / "take.bvh")
    again = bvh.load_bvh(tmp_path / "take.bvh")
    np.testing.assert_allclose(positions(again) * 100, positions(take), atol=1e-3)
    assert again.skeleton.joint_names == [name.replace("\n", "_") for name in names]
    moving = [joint for joint, channels in enumerate(again.skeleton.channels) if "Xposition" in channels]
    assert moving == [0, 2, 7]
    ends = [joint for joint, is_end in enumerate(again.skeleton.is_end_site) if is_end]
    assert ends == [3, 5, 9, 11]  # the head's end moves: a joint
