"""Where a body's front points, whatever its joints are called.

Shapes: T frames, J joints. Rotations are unit quaternions w x y z, angles degrees.
"""

from common import quaternion

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
    vectors[..., "XYZ".index(up_axis)] = 0
    return vectors


def world_rotation(rotations, parents, joint):
    """The rotation of one joint in the room, (T, J, 4) -> (T, 4)."""
    world = rotations[:, joint]
    while parents[joint] >= 0:
        joint = int(parents[joint])
        world = quaternion.mul(rotations[:, joint], world)
    return world


def headings(hip_rotations, forward, up_axis):
    """Where the front of the body points over the floor, (T, 4), (3,) -> (T, 3)."""
    return flat(quaternion.rotate(hip_rotations, forward.expand(len(hip_rotations), 3)), up_axis)


def angles(first, second):
    """Between directions, (T, 3), (T, 3) -> (T,) from 0 to 180 degrees."""
    cross, dot = torch.linalg.cross(first, second, dim=-1).norm(dim=-1), (first * second).sum(-1)
    return torch.rad2deg(torch.atan2(cross, dot))
