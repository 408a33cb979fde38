"""Takes at another frame rate."""

import dataclasses

from common.mocap import load_mocap, resample
from common.motion import quaternion
from helpers.fbx_takes import with_orders
from helpers.made_takes import walk
from helpers.project import positions, with_rotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp


def test_there_and_back_is_the_same_take(duet):
    take = dataclasses.replace(load_mocap(duet / "one.bvh"), fps=60.0)
    flips = torch.where(torch.arange(100) % 7 < 3, -1.0, 1.0)[:, None, None]
    take = with_rotations(take, take.rot_local * flips)  # signs as Euler angles give them
    twice = resample(take, 120)
    assert (twice.fps, twice.frame_count) == (120, 199)
    again = resample(twice, 60)
    assert (again.fps, again.frame_count) == (60, 100)
    np.testing.assert_allclose(again.rot_local, take.rot_local, atol=1e-6)
    np.testing.assert_allclose(again.root_pos, take.root_pos, atol=1e-6)
    assert resample(take, 60.0001) is take


@pytest.mark.parametrize("frame_count", [100, 97, 2, 1])
def test_rotations_are_those_of_scipys_slerp(body, frame_count):
    take = with_orders(body, ["ZXY"])
    count = min(frame_count, take.frame_count)
    path = torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    take = dataclasses.replace(take, rot_local=take.rot_local[:count], root_pos=path, fps=120.0)
    slow = resample(take, 50)
    times = np.arange(count) / 120
    at = np.arange(slow.frame_count) / 50
    assert at[-1] <= times[-1] + 1e-9 < at[-1] + 1 / 50
    for axis in range(3):
        np.testing.assert_allclose(slow.root_pos[:, axis], np.interp(at, times, take.root_pos[:, axis]), atol=1e-9)
    if count == 1:
        np.testing.assert_array_equal(slow.rot_local, take.rot_local)
        return
    for joint in range(take.skeleton.joint_count):
        recorded = Rotation.from_quat(take.rot_local[:, joint, [1, 2, 3, 0]])
        expected = Slerp(times, recorded)(np.minimum(at, times[-1])).as_quat()[:, [3, 0, 1, 2]]
        cosines = (slow.rot_local[:, joint].numpy() * expected).sum(-1)
        np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(slow.rot_local, axis=-1), 1, atol=1e-12)


@pytest.mark.parametrize("fps", [25, 24, 60, 29.97])
def test_a_movement_stays_where_and_when_it_was(fps):
    take = walk()
    other = resample(take, fps)
    assert other.frame_count / other.fps == pytest.approx(take.frame_count / take.fps, abs=2 / 24)
    at = np.arange(other.frame_count) / fps * 30
    before = positions(take)[at.astype(int)]
    after = positions(take)[np.minimum(at.astype(int) + 1, take.frame_count - 1)]
    share = (at - at.astype(int))[:, None, None]
    np.testing.assert_allclose(positions(other), before * (1 - share) + after * share, atol=0.5)


def test_offsets_that_move_are_between_too():
    take = walk()
    offsets = take.skeleton.offsets.repeat(take.frame_count, 1, 1)
    offsets[:, 1, 0] = torch.arange(take.frame_count)
    take = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, offsets=offsets))
    np.testing.assert_allclose(resample(take, 60).skeleton.offsets[:, 1, 0], np.arange(359) / 2)


def test_slerp_of_neighbours_and_opposites_is_finite():
    a = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0.6, 0.8, 0, 0]], dtype=torch.float64)
    b = torch.tensor([[1.0, 1e-9, 0, 0], [-1, 0, 0, 0], [-0.8, 0.6, 0, 0]], dtype=torch.float64)
    halfway = quaternion.slerp(a, b, torch.full((3,), 0.5, dtype=torch.float64))
    np.testing.assert_allclose(quaternion.half_angle(a, halfway), [0, 0, np.pi / 4], atol=1e-8)
    np.testing.assert_allclose(halfway[1], a[1])
