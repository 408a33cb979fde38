"""Where a body's front points, whatever its joints are called.

Shapes: T frames, J joints. Rotations are unit quaternions w x y z, angles degrees.
"""

from common.motion import quaternion
from common.motion.axes import axis_and_sign

import torch


def forward_axis(positions, hip_rotations, feet, up_axis):
    """Where the body's front is, in the axes of its hips, (T, J, 3), (T, 4) -> (3,): where the feet point, on average
    over both feet and all frames. None where no foot has two joints.

    Feet are found by their height, and point forward on every skeleton, whatever its joints are called.
    """
    pointing = sum(positions[:, foot[0]] - positions[:, foot[-1]] for foot in feet if len(foot) > 1)
    if isinstance(pointing, int):
        return None
    pointing = flat(pointing, up_axis)
    forward = quaternion.rotate(quaternion.inv(hip_rotations), pointing).mean(dim=0)
    return forward if forward.norm() > 0 else None


def flat(vectors, up_axis):
    """Vectors (..., 3) without their height."""
    vectors = vectors.clone()
    vectors[..., axis_and_sign(up_axis)[0]] = 0
    return vectors


def headings(hip_rotations, forward, up_axis):
    """Where the front of the body points over the floor, (T, 4), (3,) -> (T, 3)."""
    return flat(quaternion.rotate(hip_rotations, forward.expand(len(hip_rotations), 3)), up_axis)


def angles_between(first, second):
    """Between directions, (T, 3), (T, 3) -> (T,) from 0 to 180 degrees."""
    cross, dot = torch.linalg.cross(first, second, dim=-1).norm(dim=-1), (first * second).sum(-1)
    return torch.rad2deg(torch.atan2(cross, dot))


def turn_upright(positions, up_axis):
    """The same positions (..., 3) with the up axis as y, in a right-handed system as before."""
    x, y, z = positions.unbind(-1)
    upright = {
        "X": (-y, x, z),
        "Y": (x, y, z),
        "Z": (x, z, -y),
        "-X": (y, -x, z),
        "-Y": (x, -y, -z),
        "-Z": (x, -z, y),
    }
    return torch.stack(upright[up_axis], dim=-1)
