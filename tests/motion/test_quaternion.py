import itertools
import math

from common.motion import quaternion

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

ORDERS = ["".join(order) for order in itertools.permutations("XYZ")]


def random_rotations(*shape, dtype=torch.float64):
    return quaternion.normalise(torch.randn(*shape, 4, dtype=dtype, generator=torch.Generator().manual_seed(1)))


def scipy_rotation(q):
    return Rotation.from_quat(q.reshape(-1, 4).numpy()[:, [1, 2, 3, 0]])


def smooth_angles(order_seed, frames=400, joints=5):
    steps = torch.randn(frames, joints, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(order_seed))
    return torch.cumsum(0.15 * steps, dim=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_product_and_inverse_are_those_of_rotations(dtype):
    a, b = random_rotations(50, dtype=dtype), random_rotations(2, 50, dtype=dtype)[1]
    expected = (scipy_rotation(a) * scipy_rotation(b)).as_matrix()
    np.testing.assert_allclose(scipy_rotation(quaternion.mul(a, b)).as_matrix(), expected, atol=1e-6)
    identity = quaternion.mul(a, quaternion.inv(a))
    torch.testing.assert_close(identity, torch.tensor([1.0, 0, 0, 0], dtype=dtype).expand_as(a))
    c = quaternion.normalise(a + b)
    torch.testing.assert_close(quaternion.mul(quaternion.mul(a, b), c), quaternion.mul(a, quaternion.mul(b, c)))


def test_rotate_turns_vectors_and_broadcasts():
    q = random_rotations(6, 1)
    v = torch.randn(4, 3, dtype=torch.float64)
    turned = quaternion.rotate(q, v)
    assert turned.shape == (6, 4, 3)
    for i in range(6):
        np.testing.assert_allclose(turned[i], scipy_rotation(q[i]).apply(v.numpy()), atol=1e-12)


def test_half_angle_is_half_the_angle_and_blind_to_sign_and_length():
    axis = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64)
    for angle in (0.0, 1e-7, 0.5, 3.0, math.pi):
        q = torch.cat((torch.tensor([math.cos(angle / 2)], dtype=torch.float64), math.sin(angle / 2) * axis))
        start = random_rotations()
        for end in (quaternion.mul(start, q), -3 * quaternion.mul(start, q)):
            assert quaternion.half_angle(start, end).item() == pytest.approx(angle / 2, abs=1e-11)


def test_gradients_are_finite_where_rotations_agree_or_vanish():
    cases = torch.tensor([[1.0, 0, 0, 0], [0.0, 0, 0, 0], [-1.0, 0, 0, 0], [0.0, 1, 0, 0]], requires_grad=True)
    target = torch.tensor([1.0, 0, 0, 0]).expand(4, 4)
    quaternion.half_angle(quaternion.normalise(cases), target).sum().backward()
    assert torch.isfinite(cases.grad).all()


@pytest.mark.parametrize("order", ORDERS)
def test_from_euler_is_the_intrinsic_rotation_with_the_sign_of_the_angles(order):
    angles = smooth_angles(1)
    q = quaternion.from_euler(angles, order)
    expected = Rotation.from_euler(order, angles.reshape(-1, 3).numpy()).as_matrix()
    np.testing.assert_allclose(scipy_rotation(q).as_matrix(), expected, atol=1e-12)
    turned = angles.clone()
    turned[..., 1] += 2 * math.pi
    torch.testing.assert_close(quaternion.from_euler(turned, order), -q)


@pytest.mark.parametrize("order", ORDERS)
def test_to_euler_never_jumps_and_returns_the_same_rotations(order):
    angles = smooth_angles(2)
    back = quaternion.to_euler(quaternion.from_euler(angles, order), order)
    assert back.diff(dim=0).abs().max() < angles.diff(dim=0).abs().max() + 1e-6
    torch.testing.assert_close(
        quaternion.from_euler(back, order), quaternion.make_continuous(quaternion.from_euler(angles, order))
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tilt", [math.pi / 2, -math.pi / 2, math.pi / 2 - 1e-9])
def test_to_euler_does_not_jump_in_gimbal_lock(order, tilt):
    angles = torch.zeros(60, 1, 3, dtype=torch.float64)
    angles[:, 0, 0] = torch.linspace(0, 2, 60)
    angles[:, 0, 1] = tilt  # stays locked
    angles[:, 0, 2] = 0.4
    q = quaternion.from_euler(angles, order)
    back = quaternion.to_euler(q, order)
    assert back.diff(dim=0).abs().max() < 0.04
    torch.testing.assert_close(quaternion.from_euler(back, order), q)


def test_make_continuous_changes_signs_only_and_keeps_the_anchor():
    q = quaternion.from_euler(smooth_angles(3), "ZXY")
    signs = torch.where(torch.rand(q.shape[:2], generator=torch.Generator().manual_seed(0)) < 0.5, -1.0, 1.0)
    flipped = q * signs.unsqueeze(-1)
    for anchor in (0, 7, -1):
        smooth = quaternion.make_continuous(flipped, anchor)
        assert ((smooth[1:] * smooth[:-1]).sum(-1) > 0).all()
        torch.testing.assert_close(smooth.abs(), flipped.abs())
        torch.testing.assert_close(smooth[anchor], flipped[anchor])
