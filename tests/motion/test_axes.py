"""Up axes with their signs: what stands upright, what is high, what is horizontal, and feet, heading and foot lock."""

import dataclasses

from common.dataset import augment
from common.evaluation import metrics
from common.motion import axes, foot_lock, kinematics, root_path
from common.motion.facing import flat, turn_upright
from common.motion.feet import find_feet, foot_slides
from helpers.made_takes import turned, walk
from helpers.project import positions

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("up", axes.UP_AXES)
def test_the_up_axis_is_turned_upright_by_a_rotation(up):
    matrix = turn_upright(torch.eye(3), up)  # the images of the three axes
    assert torch.equal(matrix @ matrix.T, torch.eye(3))
    assert torch.linalg.det(matrix) == pytest.approx(1)
    assert torch.equal(turn_upright(axes.up_vector(up), up), torch.tensor([0.0, 1.0, 0.0]))
    points = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(axes.heights(points, up), turn_upright(points, up)[:, 1])
    torch.testing.assert_close(points @ axes.up_vector(up), axes.heights(points, up))


@pytest.mark.parametrize("up", axes.UP_AXES)
def test_both_horizontal_axes_and_the_up_axis_are_right_handed(up):
    first, second = (np.eye(3)[axis] for axis in axes.horizontal_axes(up))
    np.testing.assert_allclose(np.cross(first, second), axes.up_vector(up).numpy())
    assert not flat(axes.up_vector(up)[None], up).any()


@pytest.mark.parametrize("up", axes.UP_AXES)
def test_a_body_is_the_same_whatever_its_axes_are(up):
    """Height, hips, feet, slides, foot lock and path of a walk are those of the same walk with Y up."""
    take = walk(path=(0, np.arange(180) * 1.0))
    other = turned(take, up)
    height = kinematics.body_height(take)
    assert height == pytest.approx(177)
    assert kinematics.body_height(other) == pytest.approx(height)
    assert kinematics.hip_height(other) == pytest.approx(kinematics.hip_height(take))
    before, after = (kinematics.positions_of(body) for body in (take, other))
    feet = find_feet(before, take.skeleton.parents, "Y", height)
    assert len(feet) == 2
    assert find_feet(after, take.skeleton.parents, up, height) == feet
    slides = foot_slides(before, feet, "Y", 30), foot_slides(after, feet, up, 30)
    assert slides[0].any()
    assert torch.equal(*slides)
    expected = turned(foot_lock.hold(take), up)
    assert np.abs(positions(expected) - positions(other)).max() > 1
    np.testing.assert_allclose(positions(foot_lock.hold(other)), positions(expected), atol=1e-6)
    np.testing.assert_allclose(
        positions(root_path.stand(other)), positions(turned(root_path.stand(take), up)), atol=1e-9
    )


@pytest.mark.parametrize("up", axes.UP_AXES)
def test_headings_are_aligned_about_the_up_axis(up):
    body = kinematics.positions_of(turned(walk(path=(0, 0)), up))
    body = body - body[:, :1]
    turn = augment.turn_of(torch.tensor([[0.3, 0.8]]), axes.up_vector(up))[0].double()
    spun = torch.stack([augment.quaternion.rotate(turn.expand(len(body), 4), body[:, j]) for j in range(18)], dim=1)
    np.testing.assert_allclose(axes.heights(spun, up), axes.heights(body, up), atol=1e-5)
    np.testing.assert_allclose(metrics.align_heading(spun, body, up), body, atol=1e-4)


def test_a_body_upside_down_has_other_feet():
    take = walk(path=(0, 0))
    wrong = dataclasses.replace(take, up_axis="-Y")
    feet = find_feet(kinematics.positions_of(take), take.skeleton.parents, wrong.up_axis, 177)
    assert [take.skeleton.joint_names[foot[0]] for foot in feet] == ["HeadTop"]
