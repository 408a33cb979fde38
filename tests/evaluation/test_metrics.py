"""The measures themselves: against SciPy, brute force, and motion whose numbers are known."""

import math

from common.evaluation import metrics
from common.motion import kinematics, quaternion
from common.motion.axes import horizontal_axes
from common.motion.facing import angles_between, forward_axis, headings
from common.motion.feet import FOOT_SLIDES, find_feet, foot_slides

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

UP_AXES = ("X", "Y", "Z")


def draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def turn_about(up_axis, degrees):
    """Rotations about the up axis, degrees (...) -> (..., 4)."""
    return quaternion.from_euler(torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float64))[..., None], up_axis)


def as_scipy(q):
    return Rotation.from_quat(q.numpy()[..., [1, 2, 3, 0]])


def test_rotation_errors_are_the_angles_between():
    first, second = quaternion.normalise(draw(500, 4)), quaternion.normalise(draw(500, 4, seed=1))
    expected = np.degrees((as_scipy(first).inv() * as_scipy(second)).magnitude())
    np.testing.assert_allclose(quaternion.angle_degrees(first, second), expected, atol=1e-9)
    np.testing.assert_allclose(quaternion.angle_degrees(-first, second), expected, atol=1e-9)
    assert expected.max() > 170
    assert quaternion.angle_degrees(first, -first).max() < 1e-9


def test_the_mean_rotation_is_scipys_whatever_the_signs():
    rotations = quaternion.normalise(draw(60, 3, 4) + torch.tensor([2.0, 1, 0, 0]))
    flipped = rotations * torch.where(draw(60, 3, 1, seed=2) > 0, 1.0, -1.0)
    parts = quaternion.scatter(flipped[:25]) + quaternion.scatter(flipped[25:])
    mean = quaternion.mean_rotation(parts)
    for joint in range(3):
        expected = as_scipy(rotations[:, joint]).mean()
        assert (as_scipy(mean[joint]).inv() * expected).magnitude() < 1e-7


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_aligned_headings_are_the_best_there_are(up_axis):
    recorded = draw(40, 7, 3)
    turned = quaternion.rotate(turn_about(up_axis, torch.arange(40.0) * 9)[:, None], recorded)
    assert metrics.position_errors(turned, recorded).mean() > 0.5
    assert metrics.position_errors(metrics.align_heading(turned, recorded, up_axis), recorded).max() < 1e-9
    other = draw(40, 7, 3, seed=3)
    aligned = metrics.align_heading(other, recorded, up_axis)
    tried = [quaternion.rotate(turn_about(up_axis, angle), other) for angle in range(360)]
    squares = torch.stack([(turned - recorded).square().sum((1, 2)) for turned in tried]).min(dim=0).values
    aligned_squares = (aligned - recorded).square().sum((1, 2))
    assert (aligned_squares <= squares + 1e-9).all()
    assert (aligned_squares > squares - 0.02).all()
    up = UP_AXES.index(up_axis)
    assert torch.equal(aligned[..., up], other[..., up])


@pytest.mark.parametrize("fps", [30, 120])
def test_accelerations_are_those_of_a_parabola(fps):
    time = torch.arange(50, dtype=torch.float64) / fps
    falling = torch.stack((time, 3 - 490 * time.square(), 0 * time), dim=-1)[:, None]
    still = torch.ones(50, 1, 3, dtype=torch.float64)
    accelerations = metrics.accelerations(torch.cat((falling, still), dim=1), fps)
    assert accelerations.shape == (48, 2)
    torch.testing.assert_close(accelerations, torch.tensor([980.0, 0.0], dtype=torch.float64).expand(48, 2))


def test_angular_speeds_and_their_mean():
    time = torch.arange(100, dtype=torch.float64) / 50
    turning = turn_about("Y", torch.stack((90 * time, 0 * time, 30 * time), dim=1))
    expected = torch.tensor([90.0, 0.0, 30.0], dtype=torch.float64).expand(99, 3)
    torch.testing.assert_close(metrics.angular_speeds(turning, 50), expected)
    torch.testing.assert_close(metrics.angular_speeds(turning[None].expand(2, -1, -1, -1), 50)[1], expected)
    energy = metrics.movement_energy(turning, torch.tensor([True, False, True]), 50)
    torch.testing.assert_close(energy, torch.full((99,), 60.0, dtype=torch.float64))


def test_movement_energy_is_a_moving_mean():
    angles = torch.cumsum(draw(80, 2).abs(), dim=0)
    rotations = turn_about("X", angles)
    speed = metrics.angular_speeds(rotations, 20).mean(dim=1).numpy()
    expected = [speed[max(0, i - 5) : i + 6].mean() for i in range(len(speed))]  # half a second at 20 fps
    np.testing.assert_allclose(metrics.movement_energy(rotations, torch.tensor([True, True]), 20), expected)


def test_correlation_is_numpys():
    a, b = draw(90), draw(90, seed=4)
    assert metrics.correlation(a, a + b) == pytest.approx(np.corrcoef(a, a + b)[0, 1])
    assert metrics.correlation(a, -2 * a) == pytest.approx(-1)
    assert math.isnan(metrics.correlation(a, torch.ones(90)))


def test_active_dimensions_are_those_whose_means_vary():
    codes = draw(5000, 4) * torch.tensor([0.11, 0.09, 0.0, 0.5]) + torch.tensor([0.0, 0.0, 0.9, 0.0])
    assert metrics.active_dimensions(codes) == 2


# ---------------------------------------------------------------------------------------------------------------------
# feet: joints 0 hips, 1 and 2 ankle and toe, 3 and 4 the other foot's, 5 a hand

PARENTS = [-1, 0, 1, 0, 3, 0]
FEET = [[2, 1], [4, 3]]


def walker(fps, left_speed=0.0, heel=0.0, seconds=4, up_axis="Y"):
    """Standing for half of the time; then the left foot slides at a speed, its ankle `heel` cm higher."""
    frames = round(seconds * fps)
    pos = torch.zeros(frames, 6, 3, dtype=torch.float64)
    pos[:, 0, 1], pos[:, 5, 1] = 90, 70
    pos[:, 1] = pos[:, 3] = torch.tensor([0.0, 8, 0])
    pos[:, 2] = pos[:, 4] = torch.tensor([0.0, 2, 12])
    half = frames // 2
    pos[half:, 1:3, 2] += torch.arange(frames - half)[:, None] * left_speed / fps
    pos[half:, 1, 1] += heel
    a, b = horizontal_axes(up_axis)
    turned = torch.empty_like(pos)  # y up to another axis up
    turned[..., "XYZ".index(up_axis)], turned[..., a], turned[..., b] = pos[..., 1], pos[..., 2], pos[..., 0]
    return turned


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_feet_are_found_by_their_height(up_axis):
    assert find_feet(walker(50, up_axis=up_axis), PARENTS, up_axis, 180) == FEET
    raised = walker(50, up_axis=up_axis)
    raised[..., "XYZ".index(up_axis)] += 300  # whatever the floor's height
    assert find_feet(raised, PARENTS, up_axis, 180) == FEET
    raised[: len(raised) * 6 // 10, 3:5, "XYZ".index(up_axis)] += 50  # most of the time in the air
    assert find_feet(raised, PARENTS, up_axis, 180) == FEET[:1]


@pytest.mark.parametrize("fps", [24, 50, 120])
@pytest.mark.parametrize("up_axis", UP_AXES)
def test_a_foot_slides_where_all_of_it_is_low_and_fast(fps, up_axis):
    def share(**how):
        return foot_slides(walker(fps, up_axis=up_axis, **how), FEET, up_axis, fps).double().mean()

    assert share(left_speed=60) == pytest.approx(0.5, abs=0.02)
    assert share(left_speed=40) == 0
    assert share(left_speed=60, heel=4) == pytest.approx(0.5, abs=0.03)
    assert share(left_speed=60, heel=6) < 0.02  # a step, whose toe passes low
    assert foot_slides(walker(fps, 60, up_axis=up_axis), FEET[1:], up_axis, fps).sum() == 0


def test_a_foot_that_lands_or_leaves_does_not_slide():
    body = walker(50)
    for start in (20, 80, 140):  # 1 m in half a second, lifted; as for a step that begins and ends at full speed
        body[start : start + 25, 1:3, 1] += 20
        body[start:, 1:3, 2] += torch.arange(200 - start).clamp_max(25)[:, None] * 4
    assert foot_slides(body, FEET, "Y", 50).sum() == 0


def test_noise_of_a_recording_is_no_sliding():
    noisy = walker(240) + 0.15 * draw(960, 6, 3)
    single = metrics.quaternion.length(torch.diff(noisy[:, 2, [0, 2]], dim=0)) * 240
    assert (single > FOOT_SLIDES).double().mean() > 0.3
    assert foot_slides(noisy, FEET, "Y", 240).sum() == 0


# ---------------------------------------------------------------------------------------------------------------------
# headings


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_the_front_is_where_the_feet_point(up_axis):
    body = walker(50, up_axis=up_axis)  # its feet point along the first horizontal axis
    turns = turn_about(up_axis, torch.arange(200.0) * 3)
    tilt = quaternion.normalise(torch.tensor([2.0, 0.3, 0.1, 0.5], dtype=torch.float64))  # of the hips' own axes
    front = forward_axis(quaternion.rotate(turns[:, None], body), quaternion.mul(turns, tilt), FEET, up_axis)
    pointing = headings(quaternion.mul(turns, tilt), front, up_axis)
    expected = quaternion.rotate(turns, torch.eye(3, dtype=torch.float64)[horizontal_axes(up_axis)[0]].expand(200, 3))
    assert angles_between(pointing, expected).max() < 1e-4
    assert angles_between(pointing, -expected).min() == pytest.approx(180, abs=1e-4)
    assert forward_axis(body, turns, [[2], [4]], up_axis) is None  # no foot, only its tip
    assert forward_axis(body, turns, [], up_axis) is None


def test_a_joints_rotation_in_the_room_is_scipys():
    rotations = quaternion.normalise(draw(20, 4, 4))
    world = kinematics.world_rotation(rotations, [-1, 0, 0, 2], 3)
    expected = as_scipy(rotations[:, 0]) * as_scipy(rotations[:, 2]) * as_scipy(rotations[:, 3])
    assert (as_scipy(world).inv() * expected).magnitude().max() < 1e-7
