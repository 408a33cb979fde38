"""Takes as an FBX file has them, for tests: made from others, and compared with what readers find."""

import dataclasses
import itertools
from fractions import Fraction

from common.mocap.fbx.joints import default_setup
from common.motion import kinematics, quaternion
from helpers import plain_fbx
from helpers.project import positions

import numpy as np
import pytest
import torch

TICKS = 46186158000
ORDERS = ["".join(order) for order in itertools.permutations("XYZ")]
RATES = {  # time mode by rate, as Autodesk documents them; 14 is a custom one
    **{120: 1, 100: 2, 60: 3, 50: 4, 48: 5, 30: 6, 25: 10, 24: 11, 96: 15, 72: 16, 1000: 12},
    **{Fraction(30000, 1001): 9, Fraction(24000, 1001): 13, Fraction(60000, 1001): 17, Fraction(120000, 1001): 14},
    **{90: 14, Fraction(201, 2): 14, 240: 14, Fraction(133, 4): 14},
}


def as_if_from_fbx(take, unit_cm=1.0, up_axis="Y", **setup):
    """The same take with what an FBX reader would know of it."""
    fbx = dataclasses.replace(default_setup(take.skeleton, up_axis), **setup)
    skeleton = dataclasses.replace(take.skeleton, fbx=fbx, channels=None, is_end_site=None)
    return dataclasses.replace(take, skeleton=skeleton, unit_cm=unit_cm, up_axis=up_axis)


def with_orders(take, orders):
    """Every joint turns through every attitude, in the given rotation orders."""
    count = take.skeleton.joint_count
    steps = torch.randn(take.frame_count, count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    rot_local = quaternion.from_euler(steps.cumsum(0) * 0.3, "XYZ")
    skeleton = dataclasses.replace(take.skeleton, rot_orders=list(itertools.islice(itertools.cycle(orders), count)))
    return dataclasses.replace(take, skeleton=skeleton, rot_local=rot_local)


def extra_rotations(take):
    random = np.random.default_rng(6)
    shape = (take.skeleton.joint_count, 3)
    return {"pre_rotation": random.uniform(-180, 180, shape), "post_rotation": random.uniform(-180, 180, shape)}


def with_prefix(take, prefix):
    names = [prefix + name for name in take.skeleton.joint_names]
    return dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, joint_names=names))


def paths_from_root(names, parents):
    paths = []
    for name, parent in zip(names, parents, strict=True):
        paths.append((*(paths[parent] if parent >= 0 else ()), str(name)))
    return paths


def assert_read_alike(ufbx_scene, takes, unit_cm=1.0):
    """ufbx finds the joints, frame rate, frame count, unit, and at every frame the positions of our takes."""
    places = {path[1:]: i for i, path in enumerate(paths_from_root(ufbx_scene["names"], ufbx_scene["parents"]))}
    assert len(places) == 1 + sum(take.skeleton.joint_count for take in takes)
    assert ufbx_scene["bone"].sum() == len(places) - 1
    assert ufbx_scene["fps"] == pytest.approx(takes[0].fps, rel=1e-3)
    assert ufbx_scene["unit_m"] == pytest.approx(unit_cm / 100, rel=1e-9)
    assert ufbx_scene["frame_count"] == max(take.frame_count for take in takes)
    for take in takes:
        joints = [places[path] for path in paths_from_root(take.skeleton.joint_names, take.skeleton.parents)]
        positions_cm = ufbx_scene["positions"][: take.frame_count, joints] * unit_cm
        height = kinematics.body_height(take)
        np.testing.assert_allclose(positions_cm, positions(take), atol=1e-4 * height)


def assert_same_take(again, take):
    assert again.skeleton.joint_names == take.skeleton.joint_names
    assert again.skeleton.parents == take.skeleton.parents
    assert again.frame_count == take.frame_count
    assert again.fps == pytest.approx(take.fps, rel=1e-4)
    height = max(np.ptp(kinematics.rest_pose(take.skeleton).numpy()), 1e-9)
    np.testing.assert_allclose(positions(again), positions(take), atol=1e-4 * height)
    np.testing.assert_allclose(again.skeleton.rest_offsets, take.skeleton.rest_offsets, atol=1e-6 * height)


def tree(path):
    return plain_fbx.parse(path.read_bytes())[1]


def settings(path):
    return tree(path).one("GlobalSettings").properties()
