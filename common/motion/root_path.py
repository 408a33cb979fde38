"""Where a body goes: along a recorded path through the room, or nowhere.

The models learn rotations, so the path of what they generate is a recorded one, from which foot_lock may depart
for feet that stand. It is that of the root; in files that
hang the body from a root at rest, it is that of the joint below it that travels. Shapes: T frames, J joints.
"""

import dataclasses

from common.motion import axes, kinematics, quaternion

import numpy as np
import torch

TRAVELS = 1e-3  # of the longest bone: what moves less inside its parent is taken to be still
COMPARABLE = 0.2  # hips whose heights are further apart tell nothing of the sizes of two bodies


def follow(body, guide, scale=1.0):
    """A body, as it moves its joints, on the path of another take of as many frames: a Mocap.

    The path is scaled, height and all, by what `scale_between` gives for bodies of two sizes. How the body turns on it
    is its own affair. Bones hold still, at their mean length.
    """
    skeleton = dataclasses.replace(body.skeleton, offsets=body.skeleton.mean_offsets)
    root_pos = body.root_pos
    if traveller(body.skeleton) == 0 or _moves(guide.root_pos, guide.skeleton):
        root_pos = guide.root_pos * scale
    placed = dataclasses.replace(body, skeleton=skeleton, root_pos=root_pos)
    joint = max(traveller(body.skeleton), traveller(guide.skeleton))  # what has a path in both
    return _bring(placed, traveller(body.skeleton), joint, _chain(guide, joint)[0] * scale)


def aside(take, detour):
    """A take that leaves its path by so much, (T, 3)."""
    joint = traveller(take.skeleton)
    return _bring(take, joint, joint, _chain(take, joint)[0] + detour)


def stand(take):
    """A take in place: what travels stays over the origin of the floor. Its height is as it was, jumps and all."""
    joint = traveller(take.skeleton)
    on_the_floor = _on_the_floor(take.up_axis)
    if joint == 0 or _moves(take.root_pos, take.skeleton):
        take = dataclasses.replace(take, root_pos=np.where(on_the_floor, 0.0, take.root_pos))
    return _bring(take, joint, joint, np.where(on_the_floor, 0.0, _chain(take, joint)[0]))


def travels(take):
    """Whether a take goes anywhere over the floor; what was recorded in place does not."""
    on_the_floor = _on_the_floor(take.up_axis)
    return _moves(np.where(on_the_floor, _chain(take, traveller(take.skeleton))[0], 0.0), take.skeleton)


def _on_the_floor(up_axis):
    """Which of the three axes lie on the floor, (3,) bool."""
    return np.arange(3) != axes.axis_and_sign(up_axis)[0]


def scale_between(take, guide):
    """The size of one body in that of another: the ratio of how high they carry their hips over whole takes."""
    heights = kinematics.hip_height(take), kinematics.hip_height(guide)
    return heights[0] / heights[1] if min(heights) > COMPARABLE * max(heights) else 1.0


def traveller(skeleton):
    """The joint that carries the path: the last one, from the root to the hips, that moves inside its parent."""
    if skeleton.offsets.ndim == 2:
        return 0
    chain = range(1, kinematics.hips(skeleton) + 1)  # none of them branches, so each is the child of the one before
    return max((joint for joint in chain if _moves(skeleton.offsets[:, joint], skeleton)), default=0)


def _moves(positions, skeleton):
    """Whether positions (T, 3) change by more than what is noise in a body of this size."""
    longest = np.linalg.norm(skeleton.mean_offsets[1:], axis=-1).max(initial=0.0)
    return np.ptp(positions, axis=0).max() > TRAVELS * longest


def _chain(take, joint):
    """The path (T, 3) of a joint between root and hips, and the rotation (T, 4) of its parent, of none for the root."""
    pos, rot = torch.from_numpy(np.array(take.root_pos)), None
    for below in range(1, joint + 1):
        turn = torch.from_numpy(take.rot_local[:, below - 1])
        rot = turn if rot is None else quaternion.mul(rot, turn)
        pos = pos + quaternion.rotate(rot, torch.from_numpy(np.array(take.skeleton.offsets[..., below, :])))
    return pos.numpy(), rot


def _bring(take, moved, joint, path):
    """The take with one joint moved such that another, itself or one below it, follows a path (T, 3)."""
    missing = path - _chain(take, joint)[0]
    if moved == 0:
        return dataclasses.replace(take, root_pos=take.root_pos + missing)
    _, rot = _chain(take, moved)
    offsets = np.broadcast_to(take.skeleton.offsets, (take.frame_count, take.skeleton.joint_count, 3)).copy()
    offsets[:, moved] += quaternion.rotate(quaternion.inv(rot), torch.from_numpy(missing)).numpy()
    return dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, offsets=offsets))
