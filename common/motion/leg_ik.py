"""Inverse kinematics of legs: a foot is put down elsewhere by bending its leg, and points where it did.

Shapes: T frames, J joints. Vectors are in the room, in the unit of the skeleton.
"""

import dataclasses

from common.motion import kinematics, quaternion

import torch

SHORTEST = 0.1  # of the body's height: less is no thigh or shank
STRETCHED = 0.995  # of a leg's length: as far as it reaches


def has_leg(skeleton, ankle, body_height):
    """Whether two long bones lead from a joint upwards, as shank and thigh do in a body of that height."""
    knee = skeleton.parents[ankle]
    if knee < 0 or skeleton.parents[knee] < 0:
        return False
    lengths = skeleton.mean_offsets[[ankle, knee]].norm(dim=1)
    return bool((lengths > SHORTEST * body_height).all())


def reach(take, ankle, shift):
    """A take whose ankle is put aside by (T, 3), as far as the leg reaches: a Mocap.

    The knee bends until hip and ankle are as far apart as they should be, by the law of cosines, and the leg then turns
    about the hip, by the smallest angle. The foot keeps its rotation in the room.
    """
    rotations, parents = take.rot_local, take.skeleton.parents
    knee = parents[ankle]
    hip = parents[knee]
    pos = kinematics.positions_of(take)
    thigh, shank = pos[:, knee] - pos[:, hip], pos[:, ankle] - pos[:, knee]
    leg = thigh + shank
    target = leg + shift
    hip_world, knee_world, ankle_world = (kinematics.world_rotation(rotations, parents, j) for j in (hip, knee, ankle))

    axis = _knee_axis(thigh, shank, hip_world)
    a, b = quaternion.length(thigh), quaternion.length(shank)
    distance = torch.minimum(quaternion.length(target), torch.maximum(STRETCHED * (a + b), quaternion.length(leg)))
    cosine = (distance.square() - a.square() - b.square()) / (2 * a * b)
    bent = torch.atan2((torch.linalg.cross(thigh, shank, dim=-1) * axis).sum(-1), (thigh * shank).sum(-1))
    bend = _turn(axis, torch.arccos(cosine.clamp(-1, 1)) - bent)
    swing = _shortest(thigh + quaternion.rotate(bend, shank), target)

    bent_hip = quaternion.mul(swing, hip_world)
    bent_knee = quaternion.mul(swing, quaternion.mul(bend, knee_world))
    above = quaternion.mul(hip_world, quaternion.inv(rotations[:, hip]))  # what the hip hangs from
    bent_leg = rotations.clone()
    for joint, parent, world in ((hip, above, bent_hip), (knee, bent_hip, bent_knee), (ankle, bent_knee, ankle_world)):
        local = quaternion.mul(quaternion.inv(parent), world)
        opposite = (local * rotations[:, joint]).sum(-1, keepdim=True) < 0
        bent_leg[:, joint] = quaternion.normalise(torch.where(opposite, -local, local))
    return dataclasses.replace(take, rot_local=bent_leg)


def _knee_axis(thigh, shank, hip_world):
    """About which the knee bends, (T, 3): one direction in the thigh's own axes, where it bends most."""
    bending = quaternion.rotate(quaternion.inv(hip_world), torch.linalg.cross(thigh, shank, dim=-1)).sum(dim=0)
    axis = torch.nn.functional.normalize(bending, dim=0, eps=1e-9)
    axis = quaternion.rotate(hip_world, axis.expand(len(thigh), 3))
    along = torch.nn.functional.normalize(thigh, dim=1)
    return torch.nn.functional.normalize(axis - (axis * along).sum(1, keepdim=True) * along, dim=1)


def _turn(axis, angle):
    """(T, 3), (T,) -> (T, 4)."""
    half = angle.unsqueeze(-1) / 2
    return torch.cat((torch.cos(half), torch.sin(half) * axis), dim=-1)


def _shortest(one, other):
    """The shortest turn from the direction of one vector to that of another, (T, 3), (T, 3) -> (T, 4): with unit
    vectors u and v it is (1 + u·v, u × v), brought to unit length."""
    one, other = (torch.nn.functional.normalize(vector, dim=-1) for vector in (one, other))
    turn = torch.cat((1 + (one * other).sum(-1, keepdim=True), torch.linalg.cross(one, other, dim=-1)), dim=-1)
    return quaternion.normalise(turn)
