"""Where a body goes: along a recorded path through the room, or nowhere.

The models learn rotations, so the path of what they generate is a recorded one, from which foot lock may depart for
feet that stand. It is that of the root; in files that hang the body from a root at rest, it is that of the joint below
it that travels. Shapes: T frames, J joints.
"""

import dataclasses

from common.motion import axes, kinematics, quaternion
from common.motion.facing import flat

TRAVELS = 1e-3  # of the longest bone: what moves less inside its parent is taken to be still
COMPARABLE = 0.2  # hips whose heights are further apart tell nothing of the sizes of two bodies


def follow(body, guide, scale=1.0):
    """A body, as it moves its joints, on the path of another take of as many frames: a Mocap.

    The path is scaled, height and all, by what `scale_between` gives for bodies of two sizes. How the body turns on it
    is the body's. Bones hold still, at their mean length.
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
    if joint == 0 or _moves(take.root_pos, take.skeleton):
        take = dataclasses.replace(take, root_pos=_over_the_origin(take.root_pos, take.up_axis))
    return _bring(take, joint, joint, _over_the_origin(_chain(take, joint)[0], take.up_axis))


def _over_the_origin(path, up_axis):
    """A path (T, 3) with its height alone."""
    return path - flat(path, up_axis)


def travels(take):
    """Whether a take goes anywhere over the floor; what was recorded in place does not."""
    return _moves(flat(_chain(take, traveller(take.skeleton))[0], take.up_axis), take.skeleton)


def scale_between(take, guide):
    """The size of one body in that of another: the ratio of how high they carry their hips over whole takes."""
    heights = kinematics.hip_height(take), kinematics.hip_height(guide)
    return heights[0] / heights[1] if min(heights) > COMPARABLE * max(heights) else 1.0


def traveller(skeleton):
    """The joint that carries the path: the last one, from the root to the hips, that moves inside its parent."""
    if skeleton.offsets.dim() == 2:
        return 0
    chain = range(1, kinematics.hips(skeleton) + 1)  # none of them branches, so each is the child of the one before
    return max((joint for joint in chain if _moves(skeleton.offsets[:, joint], skeleton)), default=0)


def _moves(positions, skeleton):
    """Whether positions (T, 3) change by more than what is noise in a body of this size."""
    longest = max(skeleton.mean_offsets[1:].norm(dim=-1).tolist(), default=0.0)
    return float(axes.extent(positions).max()) > TRAVELS * longest


def _chain(take, joint):
    """The path (T, 3) of a joint between root and hips, and the rotation (T, 4) of its parent, of none for the root."""
    pos, rot = take.root_pos, None
    for below in range(1, joint + 1):
        turn = take.rot_local[:, below - 1]
        rot = turn if rot is None else quaternion.mul(rot, turn)
        pos = pos + quaternion.rotate(rot, take.skeleton.offsets[..., below, :])
    return pos, rot


def _bring(take, moved, joint, path):
    """The take with one joint moved such that another, itself or one below it, follows a path (T, 3)."""
    missing = path - _chain(take, joint)[0]
    if moved == 0:
        return dataclasses.replace(take, root_pos=take.root_pos + missing)
    _, rot = _chain(take, moved)
    offsets = take.skeleton.offsets.expand(take.frame_count, -1, -1).clone()
    offsets[:, moved] += quaternion.rotate(quaternion.inv(rot), missing)
    return dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, offsets=offsets))
