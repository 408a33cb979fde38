"""From local rotations to joint positions, and what the resting body tells: bones, height, up axis.

Shapes: T frames (or any leading axes), J joints.
"""

import dataclasses
import functools

from common import quaternion

import numpy as np
import torch


def forward_kinematics(rot_local, root_pos, skeleton):
    """Joint positions of a take, (T, J, 4), (T, 3) -> (T, J, 3) tensor in the unit of the offsets.

    With p the parent of joint j: `rot_world_j = rot_world_p · rot_local_j` and
    `pos_j = pos_p + rot_world_p offset_j`; the root stands at root_pos.
    """
    rot_local = torch.as_tensor(rot_local)
    root_pos = torch.as_tensor(root_pos).to(rot_local)
    offsets = torch.as_tensor(skeleton.offsets).to(rot_local)
    return joint_positions(rot_local, offsets, skeleton.parents) + root_pos.unsqueeze(-2)


def joint_positions(rot_local, offsets, parents):
    """Joint positions with the root at the origin, (..., J, 4), (..., J, 3) -> (..., J, 3).

    Works level by level of the tree, so a body of 57 joints takes about 12 steps instead of 57.
    """
    levels, order = _tree_levels(tuple(int(parent) for parent in parents))
    rot_world = rot_local[..., :1, :]
    pos = torch.zeros((*rot_local.shape[:-2], 1, 3), dtype=rot_local.dtype, device=rot_local.device)
    positions = [pos]
    for joints, parents_in_level in levels:
        parent_rot = rot_world[..., parents_in_level, :]
        pos = pos[..., parents_in_level, :] + quaternion.rotate(parent_rot, offsets[..., joints, :])
        rot_world = quaternion.mul(parent_rot, rot_local[..., joints, :])
        positions.append(pos)
    return torch.cat(positions, dim=-2)[..., order, :]


@functools.lru_cache(maxsize=32)
def _tree_levels(parents):
    """Per level below the root: its joints, and where their parents stand in the level above. And the
    order that brings the levels, laid end to end, back to file order."""
    depth = []
    for parent in parents:
        depth.append(0 if parent < 0 else depth[parent] + 1)
    by_level = [[] for _ in range(max(depth) + 1)]
    for joint, level in enumerate(depth):
        by_level[level].append(joint)
    place = {joint: i for level in by_level for i, joint in enumerate(level)}
    levels = [(level, [place[parents[joint]] for joint in level]) for level in by_level[1:]]
    laid_out = [joint for level in by_level for joint in level]
    return levels, np.argsort(laid_out).tolist()


def bones(skeleton):
    """Pairs (parent, joint) of every joint but the root."""
    return [(int(parent), joint) for joint, parent in enumerate(skeleton.parents) if parent >= 0]


def rest_pose(skeleton):
    """Joint positions of the rest pose, root at the origin: (J, 3)."""
    offsets = skeleton.rest_offsets if np.any(skeleton.rest_offsets[1:]) else skeleton.mean_offsets
    rotations = skeleton.rest_rotations
    if rotations is None:
        rotations = np.tile((1.0, 0.0, 0.0, 0.0), (skeleton.joint_count, 1))
    return joint_positions(torch.from_numpy(rotations), torch.from_numpy(offsets), skeleton.parents).numpy()


def hips(skeleton):
    """The joint that carries the body: the first that branches. Some files put a resting node above it."""
    children = np.bincount(skeleton.parents[skeleton.parents >= 0], minlength=skeleton.joint_count)
    return int(np.argmax(children > 1))


def body_height(skeleton):
    """Height of the rest pose, in the unit of the offsets. Some files keep it in other axes than the
    recording, so it is measured along its own upright axis."""
    positions = rest_pose(skeleton)[hips(skeleton) :]
    return float(np.ptp(positions, axis=0)[np.argmax(_asymmetry(positions))])


def hip_height(mocap):
    """Median height of the hips above the lowest joint over a take, in the unit of the offsets."""
    start = hips(mocap.skeleton)
    heights = forward_kinematics(mocap.rot_local, mocap.root_pos, mocap.skeleton)[..., "XYZ".index(mocap.up_axis)]
    return float((heights[:, start] - heights[:, start:].min(dim=1).values).median())


def follow_path(take, guide):
    """A take's body on the path of another, scaled by the ratio of their hip heights.

    The path is that of the root, and of the hips where they travel below a resting root.
    """
    heights = hip_height(take), hip_height(guide)
    scale = heights[0] / heights[1] if min(heights) > 0.05 * max(heights) else 1.0
    place, start = take.skeleton, hips(take.skeleton)
    if guide.skeleton.offsets.ndim == 3 and start > 0 and place.joint_count == guide.skeleton.joint_count:
        offsets = np.tile(place.mean_offsets, (guide.frame_count, 1, 1))
        offsets[:, start] = guide.skeleton.offsets[:, start] * scale
        place = dataclasses.replace(place, offsets=offsets)
    else:
        place = dataclasses.replace(place, offsets=place.mean_offsets)
    return dataclasses.replace(take, skeleton=place, root_pos=guide.root_pos * scale)


def find_up_axis(rot_local, skeleton):
    """ "X", "Y" or "Z", for files that do not say: the axis along which the rest pose is tallest.

    A T-pose is as wide as it is tall; there, the up axis is the one along which it is less its own mirror image. And
    some files rest in other axes than they move: where the recorded body is clearly longest along one axis, it is that.
    """
    frames = np.linspace(0, len(rot_local) - 1, min(len(rot_local), 200)).astype(int)
    offsets = torch.from_numpy(skeleton.mean_offsets)
    positions = joint_positions(torch.from_numpy(rot_local[frames]), offsets, skeleton.parents).numpy()
    moving = np.ptp(positions, axis=1).mean(axis=0)
    if moving.max() > 1.5 * np.median(moving):
        return "XYZ"[int(np.argmax(moving))]
    body = rest_pose(skeleton)[hips(skeleton) :]
    resting = np.ptp(body, axis=0)
    return "XYZ"[int(np.argmax(np.where(resting > 0.85 * resting.max(), 1 + _asymmetry(body), 0)))]


def _asymmetry(positions):
    """Per axis, how far positions (J, 3) mirrored about the first lie from the nearest real ones: (3,)."""
    positions = positions - positions[0]
    mirrored = (positions * (1 - 2 * np.eye(3))[:, None, :]).reshape(-1, 3)  # of all axes, one after the other
    nearest = [np.linalg.norm(positions - position, axis=1).min() for position in mirrored]
    return np.reshape(nearest, (3, -1)).mean(axis=1)
