"""Foot lock: standing feet of generated motion stay where they are."""

import dataclasses
import math

from common.mocap import load_mocap, rescale
from common.model import generate
from common.motion import foot_lock, kinematics, quaternion, root_path
from common.motion.feet import find_feet, foot_slides
from helpers.project import PROJECT, positions, write_body
from helpers.pushed import pushed
from helpers.resting_root import RESTING, turned, with_turned_root

import numpy as np
import pytest
import torch

DUET = PROJECT / "data" / "mocap"


@pytest.fixture(scope="module")
def dancer():
    """Five seconds of the bundled duet, with the horizontal axes that are X and Z."""
    take = load_mocap(DUET / "duet_dancer2.fbx")
    part = slice(1500, 1750)
    return dataclasses.replace(take, rot_local=take.rot_local[part], root_pos=take.root_pos[part])


def slides(take):
    """The share of frames in which a foot that is down slides, of a take that has feet."""
    pos = kinematics.positions_of(take)
    feet = find_feet(pos, take.skeleton.parents, take.up_axis, kinematics.body_height(take))
    assert len(feet) == 2
    return float(foot_slides(pos, feet, take.up_axis, take.fps).double().mean())


def test_feet_that_slide_are_held(dancer):
    swaying = pushed(dancer)
    held = foot_lock.hold(swaying)
    assert slides(dancer) == 0
    assert slides(swaying) > 0.5
    assert slides(held) < 0.05
    away, before = (np.linalg.norm(take.root_pos - dancer.root_pos, axis=1).mean() for take in (held, swaying))
    assert away < 0.5 * before  # the recorded path is found again


def test_feet_that_stand_leave_the_path_almost_as_it_was(dancer):
    held = foot_lock.hold(dancer)
    assert np.linalg.norm(held.root_pos - dancer.root_pos, axis=1).max() < 5
    np.testing.assert_array_equal(held.root_pos[:, 1], dancer.root_pos[:, 1])
    turns = 2 * quaternion.half_angle(held.rot_local, dancer.rot_local)
    assert torch.rad2deg(turns).max() < 3
    assert torch.rad2deg(turns).mean() < 0.1


def test_legs_hold_two_feet_that_no_path_holds(dancer):
    """A body that turns to and fro over both its feet."""
    pos = kinematics.positions_of(dancer)
    feet = find_feet(pos, dancer.skeleton.parents, dancer.up_axis, kinematics.body_height(dancer))
    tips = [foot[-1] for foot in feet]
    frame = int((pos[:, tips, 1].amax(dim=1)).argmin())
    time = torch.arange(dancer.frame_count, dtype=torch.float64) / dancer.fps
    turn = quaternion.from_euler(math.radians(40) * torch.sin(3 * math.pi * time)[:, None], "Y")
    rot_local = dancer.rot_local[frame].repeat(dancer.frame_count, 1, 1)
    rot_local[:, 0] = quaternion.mul(turn, rot_local[:, 0])
    root_pos = dancer.root_pos[frame].repeat(dancer.frame_count, 1)
    twisting = dataclasses.replace(dancer, rot_local=rot_local, root_pos=root_pos)
    held = foot_lock.hold(twisting)
    assert slides(twisting) > 0.3
    assert slides(dataclasses.replace(held, rot_local=twisting.rot_local)) > 0.2
    assert slides(held) < 0.05


def test_it_is_much_the_same_with_half_the_frames(dancer):
    swaying = pushed(dancer)
    every_second = dataclasses.replace(
        swaying, rot_local=swaying.rot_local[::2], root_pos=swaying.root_pos[::2], fps=swaying.fps / 2
    )
    expected, path = foot_lock.hold(swaying).root_pos[::2], foot_lock.hold(every_second).root_pos
    detour = np.linalg.norm(expected - every_second.root_pos, axis=1).mean()
    assert np.linalg.norm(path - expected, axis=1).mean() < 0.2 * detour


@pytest.mark.parametrize("size", [0.5, 1 / 2.54, 10.0])
def test_a_body_of_any_size_is_held_alike(size, dancer):
    swaying = pushed(dancer)
    path = foot_lock.hold(rescale(swaying, size)).root_pos / size
    np.testing.assert_allclose(path, foot_lock.hold(swaying).root_pos, atol=1e-6)


def test_what_was_recorded_in_place_stays_there(dancer):
    for guide, stays in ((root_path.stand(dancer), True), (dancer, False)):
        placed = generate.place(pushed(dancer), guide, lock_feet=True)
        assert root_path.travels(guide) != stays
        assert torch.equal(placed.root_pos, guide.root_pos) == stays
    np.testing.assert_array_equal(generate.place(dancer, dancer, lock_feet=False).root_pos, dancer.root_pos)


@pytest.mark.parametrize("up", ["X", "Z"])
def test_any_axis_may_be_up(up, dancer):
    order = {"X": [1, 2, 0], "Z": [2, 0, 1]}[up]
    swaying = pushed(dancer)
    path = foot_lock.hold(turned(swaying, up)).root_pos
    np.testing.assert_allclose(path, foot_lock.hold(swaying).root_pos[:, order], atol=1e-6)


def test_below_a_root_at_rest_the_joint_that_travels_takes_the_detour(tmp_path):
    write_body(tmp_path / "body.bvh", body=RESTING)
    take = with_turned_root(load_mocap(tmp_path / "body.bvh"))
    held = foot_lock.hold(take)
    np.testing.assert_array_equal(held.root_pos, take.root_pos)
    moved = positions(held)[:, 1] - positions(take)[:, 1]
    assert np.abs(moved[:, [0, 2]]).max() > 1
    np.testing.assert_allclose(moved[:, 1], 0, atol=1e-9)
    np.testing.assert_allclose(positions(held)[:, 1:], positions(take)[:, 1:] + moved[:, None], atol=1e-9)


def test_without_feet_or_time_nothing_changes(dancer):
    standing = dataclasses.replace(dancer, rot_local=dancer.rot_local[:1], root_pos=dancer.root_pos[:1])
    assert foot_lock.hold(standing) is standing
    height = torch.zeros(dancer.frame_count, 3, dtype=torch.float64)
    height[:, 1] = torch.linspace(0, 3000, dancer.frame_count)
    flying = root_path.aside(dancer, height)
    assert foot_lock.hold(flying) is flying
