"""Quaternions as torch tensors (..., 4), used as a namespace: `quaternion.mul(a, b)`.

Convention, everywhere in this project: components w x y z, unit length, Hamilton product, active rotation.
A local rotation maps the joint's frame to its parent's, so a world rotation is the product from the root
down: `world = mul(parent_world, local)`. Angles are radians. Any leading axes broadcast.

All formulas follow from the definition q = (cos θ/2, sin θ/2 · axis) and the Hamilton product.
"""

import math

import torch

AXES = "XYZ"
SMALLEST_SQUARE = 1e-30  # of a length
MOST_TURNS = 20  # that signed_euler counts up to: a file of 32-bit numbers still has 1e-5 of an angle so large
BLOCK = 4096  # frames at a time, where the intermediate results of a long take would fill the memory


def mul(a, b):
    """Hamilton product, (..., 4) x (..., 4) -> (..., 4): first b rotates, then a."""
    return torch.stack(mul_components(a.unbind(-1), b.unbind(-1)), dim=-1)


def inv(q):
    """Inverse of unit quaternions, (..., 4) -> (..., 4)."""
    return torch.cat((q[..., :1], -q[..., 1:]), dim=-1)


def normalise(q, dim=-1, eps=1e-8):
    """Unit length, (..., 4) -> (..., 4). A zero quaternion stays zero, with finite gradients."""
    return q / length(q, dim).clamp_min(eps).unsqueeze(dim)


def rotate(q, v):
    """Rotate vectors v (..., 3) by unit quaternions q (..., 4) -> (..., 3)."""
    return torch.stack(rotate_components(q.unbind(-1), v.unbind(-1)), dim=-1)


def length(q, dim=-1):
    """Length of quaternions or vectors, without their components' axis. Where it is zero, so is the gradient.

    Written out, since torch's own norm over so few components is many times slower.
    """
    squares = sum(part.square() for part in q.unbind(dim))
    return squares.clamp_min(SMALLEST_SQUARE).sqrt()


def slerp(a, b, share):
    """From a to b along the shortest arc, (..., 4) x (..., 4), share (...) from 0 to 1 -> (..., 4).

    `sin((1 − t)·θ)/sin θ · a ± sin(t·θ)/sin θ · b`, θ being the angle between a and ±b, whichever is nearer to a:
    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985. At 0 it is a, with a's sign.
    """
    cosine = (a * b).sum(-1)
    sign = torch.where(cosine < 0, -1.0, 1.0).to(a)
    angle = torch.atan2(length(b * sign.unsqueeze(-1) - a), length(b * sign.unsqueeze(-1) + a)) * 2
    sine = torch.sin(angle)
    is_arc = sine > 1e-6  # else the straight line will do
    sine = torch.where(is_arc, sine, torch.ones_like(sine))
    of_a = torch.where(is_arc, torch.sin((1 - share) * angle) / sine, 1 - share)
    of_b = torch.where(is_arc, torch.sin(share * angle) / sine, share) * sign
    return normalise(of_a.unsqueeze(-1) * a + of_b.unsqueeze(-1) * b)


def half_angle(a, b, dim=-1):
    """Half the rotation angle between a and b, (..., 4) x (..., 4) -> (...) in [0, π/2] radians.

    atan2(|v|, |s|) of (s, v) = a⁻¹ b. |s|, since q and −q are the same rotation; atan2, since arccos loses
    all precision (and its gradient) where the two agree. Scaling a or b changes nothing. The tiny constant
    keeps the gradient finite where a or b is zero.
    """
    w, x, y, z = a.unbind(dim)
    s, *v = mul_components((w, -x, -y, -z), b.unbind(dim))
    return torch.atan2(length(torch.stack(v), dim=0), s.abs() + 1e-12)


def make_continuous(q, anchor=0):
    """Choose signs so that neighbouring frames (first axis, T) never flip, (T, ..., 4) -> (T, ..., 4).

    Frame `anchor` keeps the sign it has; q and −q are the same rotation, so no rotation changes.
    """
    signs = continuous_signs(q)
    return q * (signs * signs[anchor]).unsqueeze(-1)


def blocks(count):
    """Slices of BLOCK frames that cover `count` frames."""
    return [slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]


def continuous_signs(q):
    """The signs ±1 that make_continuous gives with the first frame as it is, (T, ..., 4) -> (T, ...) of 8 bits."""
    flips = torch.ones(q.shape[:-1], dtype=torch.int8, device=q.device)
    for start in range(1, len(q), BLOCK):
        after, before = q[start : start + BLOCK], q[start - 1 : start + BLOCK - 1]
        flips[start : start + BLOCK] -= 2 * ((after * before[: len(after)]).sum(-1) < 0)
    return torch.cumprod(flips, dim=0, dtype=torch.int8)


def from_euler(angles, order):
    """Intrinsic Euler angles (..., n) in radians and their axes, as "ZXY", -> (..., 4).

    "ZXY" means R = Rz·Rx·Ry. The result is the plain product of the half-angle quaternions, so its sign is
    the one the angles themselves give: turning one angle by 2π flips it. n may be 0 to 3.
    """
    half = angles / 2
    cos, sin = torch.cos(half), torch.sin(half)
    w = torch.ones(angles.shape[:-1], dtype=angles.dtype, device=angles.device)
    vector = [torch.zeros_like(w)] * 3
    for i, axis in enumerate(order):  # times (c + s·e_k), of which two of four components are zero
        c, s, k = cos[..., i], sin[..., i], AXES.index(axis)
        a, b = (k + 1) % 3, (k + 2) % 3
        w, vector[k], vector[a], vector[b] = (
            w * c - vector[k] * s,
            vector[k] * c + w * s,
            vector[a] * c + vector[b] * s,
            vector[b] * c - vector[a] * s,
        )
    return torch.stack((w, *vector), dim=-1)


def to_euler(q, order):
    """Unit quaternions over time (T, ..., 4) -> intrinsic Euler angles (T, ..., 3) in radians, unrolled.

    `order` names three different axes, as "ZXY". No angle jumps between two frames: of the two solutions and
    all full turns the nearest to the frame before is taken, and where the middle angle is at ±90° (gimbal
    lock), the free angle stays where it was. The first frame takes the smaller solution, with the full turn
    that makes `from_euler` return q itself and not −q.

    With axes i, j, k and s = ±1 for (i × j = s·k), the turn by φ = −s·π/2 about j carries i to k, hence
    q_i(a) q_j(b) q_k(c) q_j(φ) = q_i(a) q_j(b + φ) q_i(c), whose components are products of the sine and
    cosine of (a ± c)/2 and (b + φ)/2. See Bernardes & Viollet, "Quaternion to Euler angles conversion:
    a direct, general and computationally efficient method", PLOS ONE 17(11), 2022.
    """
    i, j, k = (AXES.index(axis) for axis in order)
    s = 1 if (j - i) % 3 == 1 else -1
    half_sum, half_difference, b = _proper_euler(q, i, j, k, s)
    angles = torch.stack((half_sum + half_difference, b, half_sum - half_difference), dim=-1)

    # The other solution is (a + π, π − b, c + π). Swapping solutions keeps distances, so whether a frame
    # swaps relative to the frame before depends on these two frames alone: no loop over time is needed.
    other = torch.stack((angles[..., 0] + math.pi, math.pi - b, angles[..., 2] + math.pi), dim=-1)
    other = _wrap(other)
    angles = _wrap(angles)
    nearer = _wrap(other[1:] - angles[:-1]).abs().sum(-1) < _wrap(angles[1:] - angles[:-1]).abs().sum(-1)
    first = other[:1].abs().sum(-1) < angles[:1].abs().sum(-1)
    swapped = torch.cumsum(torch.cat((first, nearer)).long(), dim=0) % 2 == 1
    angles = torch.where(swapped.unsqueeze(-1), other, angles)

    steps = torch.cat((angles[:1], _wrap(angles[1:] - angles[:-1])))
    steps[0] += _full_turn(q[0], angles[0], order)
    return torch.cumsum(steps, dim=0)


def signed_euler(q, order):
    """`to_euler` with angles (T, ..., 3) for which `from_euler` returns q in every frame, and −q in none.

    Where the sign of q (T, ..., 4) flips between two frames, the first angle steps by a full turn. An angle beyond
    MOST_TURNS turns goes on from the other end, by an even number of turns, which changes no sign.
    """
    angles = to_euler(q, order)
    opposite = (from_euler(angles, order) * q).sum(-1) < 0
    angles[..., 0] += 2 * math.pi * opposite
    span = 2 * MOST_TURNS * 2 * math.pi
    return angles - span * torch.round(angles / span)


def _proper_euler(q, i, j, k, s):
    """(a + c)/2, (a − c)/2 and b of q = q_i(a) q_j(b) q_k(c), each (T, ...)."""
    # p = q · q_j(φ), up to the factor √½ that atan2 does not see
    p_w = q[..., 0] + s * q[..., 1 + j]
    p_i = q[..., 1 + i] + q[..., 1 + k]
    p_j = q[..., 1 + j] - s * q[..., 0]
    p_k = q[..., 1 + k] - q[..., 1 + i]
    sum_length, difference_length = torch.hypot(p_w, p_i), torch.hypot(p_j, p_k)
    half_sum = _hold(torch.atan2(p_i, p_w), sum_length < 1e-7)
    half_difference = _hold(torch.atan2(s * p_k, p_j), difference_length < 1e-7)
    # (b + φ)/2 is the angle between the two pairs
    return half_sum, half_difference, 2 * torch.atan2(difference_length, sum_length) + s * math.pi / 2


def _hold(x, undefined):
    """Replace undefined frames of x (T, ...) by the last defined value, or 0 before the first."""
    time = torch.arange(len(x), device=x.device).reshape((-1,) + (1,) * (x.dim() - 1)).expand(x.shape)
    last = torch.cummax(torch.where(undefined, -1, time), dim=0).values
    return torch.where(last < 0, 0.0, x.gather(0, last.clamp_min(0)))


def _wrap(x):
    """The same angles in [−π, π)."""
    return torch.remainder(x + math.pi, 2 * math.pi) - math.pi


def _full_turn(q, angles, order):
    """A full turn (..., 3) on the angle that stays smallest by it, where `angles` (..., 3) give −q."""
    opposite = (from_euler(angles, order) * q).sum(-1) < 0
    largest = angles.abs().argmax(-1, keepdim=True)
    sign = torch.where(angles.gather(-1, largest) > 0, -1.0, 1.0).to(angles.dtype)
    turn = torch.zeros_like(angles).scatter(-1, largest, sign * 2 * math.pi)
    return torch.where(opposite.unsqueeze(-1), turn, torch.zeros_like(turn))


# ---------------------------------------------------------------------------------------------------------------------
# by component: where all w stand together in memory, then all x, y and z, a processor works on many at once


def mul_components(a, b):
    """Hamilton product of quaternions given as four tensors each."""
    (aw, ax, ay, az), (bw, bx, by, bz) = a, b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def cross_components(a, b):
    """Cross product of vectors given as three tensors each."""
    (ax, ay, az), (bx, by, bz) = a, b
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


def rotate_components(q, v):
    """Vectors, three tensors, turned by unit quaternions, four.

    q v q* written out with the vector part u: v + 2 (w (u x v) + u x (u x v)).
    """
    w, *u = q
    t = [2 * part for part in cross_components(u, v)]
    return [a + w * b + c for a, b, c in zip(v, t, cross_components(u, t), strict=True)]


def angle_degrees(prediction, recorded):
    """Angle of the rotation from one to the other, (..., 4), (..., 4) -> (...) from 0 to 180 degrees.

    2·atan2(|v|, |s|) of prediction⁻¹·recorded = (s, v): the geodesic distance of rotations, as in Huynh, "Metrics for
    3D Rotations: Comparison and Analysis", Journal of Mathematical Imaging and Vision 35, 2009.
    """
    return torch.rad2deg(2 * half_angle(prediction, recorded))


def scatter(rotations):
    """The sum of q·qᵀ over the frames, (T, J, 4) -> (J, 4, 4), from which `mean_rotation` follows."""
    rotations = rotations.transpose(0, 1)  # (J, T, 4)
    return rotations.transpose(1, 2) @ rotations


def mean_rotation(scatter):
    """The mean of rotations, from the sum of their q·qᵀ (J, 4, 4) -> (J, 4).

    The eigenvector of the largest eigenvalue, which q and −q give alike: Markley et al., "Averaging Quaternions",
    Journal of Guidance, Control, and Dynamics 30(4), 2007.
    """
    return torch.linalg.eigh(scatter).eigenvectors[..., -1]
