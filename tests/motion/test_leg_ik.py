"""Inverse kinematics of legs: the ankle is where it should be, the foot points where it did, nothing else has moved."""

import dataclasses
import math

from common.mocap import load_mocap
from common.motion import kinematics, leg_ik, quaternion
from helpers.project import PROJECT, positions

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def take():
    """Two seconds of the bundled duet."""
    take = load_mocap(PROJECT / "data/mocap/duet_dancer2.fbx")
    return dataclasses.replace(take, rot_local=take.rot_local[500:600], root_pos=take.root_pos[500:600])


def joint(take, name):
    return take.skeleton.joint_names.index(name)


def worlds(take):
    """World rotations, (T, J, 4), joint by joint."""
    world = []
    for number, parent in enumerate(take.skeleton.parents):
        local = take.rot_local[:, number]
        world.append(local if parent < 0 else quaternion.mul(world[parent], local))
    return torch.stack(world, dim=1)


def wave(take, size):
    swing = torch.linspace(0, 2 * math.pi, take.frame_count, dtype=torch.float64)
    return size * torch.stack((torch.sin(swing), 0 * swing, 1 - torch.cos(swing)), dim=1)


def test_the_ankle_is_put_where_it_should_be(take):
    ankle = joint(take, "LeftFoot")
    assert leg_ik.has_leg(take.skeleton, ankle, 170)
    shift = wave(take, 3.0)
    shift[:, 1] = 2.0  # up, so that no leg is too short
    bent = leg_ik.reach(take, ankle, shift)
    before, after = kinematics.positions_of(take), kinematics.positions_of(bent)
    np.testing.assert_allclose(after[:, ankle], before[:, ankle] + shift, atol=1e-6)
    toes = [joint(take, name) for name in take.skeleton.joint_names if "LeftToe" in name]
    np.testing.assert_allclose(after[:, toes], before[:, toes] + shift[:, None], atol=1e-6)
    leg = [ankle, joint(take, "LeftLeg"), joint(take, "LeftUpLeg")]
    rest = [number for number in range(take.skeleton.joint_count) if number not in leg]
    assert torch.equal(bent.rot_local[:, rest], take.rot_local[:, rest])
    assert ((bent.rot_local * take.rot_local).sum(-1) > 0.5).all()  # of the same sign
    torch.testing.assert_close(worlds(bent)[:, ankle], worlds(take)[:, ankle], atol=1e-6, rtol=0)


def test_a_leg_stretches_as_far_as_it_reaches(take):
    ankle, hip = joint(take, "RightFoot"), joint(take, "RightUpLeg")
    shift = torch.tensor((0.0, -40.0, 0.0)).double().repeat(take.frame_count, 1)
    pos = positions(leg_ik.reach(take, ankle, shift))
    length = np.linalg.norm(take.skeleton.mean_offsets[[ankle, joint(take, "RightLeg")]], axis=1).sum()
    leg = pos[:, ankle] - pos[:, hip]
    assert (np.linalg.norm(leg, axis=1) <= length * (1 + 1e-9)).all()
    assert (np.linalg.norm(leg, axis=1) > 0.99 * length).all()
    target = positions(take)[:, ankle] + shift.numpy() - pos[:, hip]
    cosine = (leg * target).sum(1) / np.linalg.norm(leg, axis=1) / np.linalg.norm(target, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-9)


def test_no_shift_changes_nothing(take):
    bent = leg_ik.reach(take, joint(take, "LeftFoot"), torch.zeros(take.frame_count, 3, dtype=torch.float64))
    np.testing.assert_allclose(bent.rot_local, take.rot_local, atol=1e-6)


def test_straight_legs_without_a_knee_that_bends_are_finite(take):
    identity = torch.tensor((1.0, 0, 0, 0)).double().expand_as(take.rot_local)
    bent = leg_ik.reach(dataclasses.replace(take, rot_local=identity), joint(take, "LeftFoot"), wave(take, 5.0))
    assert bent.rot_local.isfinite().all()
    np.testing.assert_allclose(bent.rot_local.norm(dim=-1), 1, atol=1e-9)


def test_what_hangs_from_no_two_long_bones_is_no_leg(take):
    skeleton = take.skeleton
    assert not leg_ik.has_leg(skeleton, 0, 170)
    assert not leg_ik.has_leg(skeleton, joint(take, "LeftUpLeg"), 170)
    assert not leg_ik.has_leg(skeleton, joint(take, "LeftToeBase"), 170)  # below a shank, but short itself
