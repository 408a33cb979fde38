"""From local rotations to joint positions, and what the resting body tells: bones, height, up axis.

Shapes: T frames (or any leading axes), J joints.
"""

import dataclasses
import functools
import itertools

from common.motion import quaternion

import numpy as np
import torch

SAMPLED = 1000  # frames of a take that tell how high it carries its hips


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
    """Joint positions with the root at the origin, (..., J, 4), (..., J, 3) -> (..., J, 3)."""
    lead = torch.broadcast_shapes(rot_local.shape[:-2], offsets.shape[:-2])
    planes = rot_local.expand(*lead, -1, -1).movedim((-1, -2), (0, 1)).contiguous()  # (4, J, ...)
    offsets = offsets[(None,) * (len(lead) + 2 - offsets.dim())].movedim((-1, -2), (0, 1))
    return positions_by_component(planes, offsets, parents).movedim((0, 1), (-1, -2))


def positions_by_component(rot_local, offsets, parents):
    """The same with components and joints first, (4, J, ...), (3, J, ...) -> (3, J, ...): nothing in memory is in the
    way of long vector instructions then. The gradient takes rotations of unit length for granted.
    """
    return _Positions.apply(rot_local, offsets, _tree(tuple(map(int, parents)), rot_local.device))


class _Positions(torch.autograd.Function):
    """Level by level of the tree, so a body of 57 joints takes about 12 steps instead of 57, and a gradient from
    mechanics instead of one through every product.

    A force on every joint, the gradient of its position, turns the joints above it by a torque. With F the sum of the
    forces on a joint and all below it, and b the bone from it to a child, `torque = Σ (torque_child + b × F_child)`
    over the children. A turn by δ in the joint's own axes changes its quaternion by ½·q∘(0, δ), hence
    `dq = 2·q∘(0, R⁻¹ torque)` with R the joint's world rotation.
    """

    @staticmethod
    def forward(ctx, rot_local, offsets, tree):
        rot_local, offsets = rot_local.index_select(1, tree.order), offsets.index_select(1, tree.order)
        rot_world, pos = torch.empty_like(rot_local), torch.zeros_like(rot_local[:3])
        rot_world[:, 0] = rot_local[:, 0]
        for level, parents in tree.levels:
            product = quaternion.mul_components(rot_world.index_select(1, parents), rot_local[:, level])
            rot_world[:, level] = torch.stack(product)
        bones = torch.stack(quaternion.rotate_components(rot_world.index_select(1, tree.parents), offsets[:, 1:]))
        for level, parents in tree.levels:
            pos[:, level] = pos.index_select(1, parents) + bones[:, level.start - 1 : level.stop - 1]
        ctx.save_for_backward(rot_local, rot_world, bones)
        ctx.tree = tree
        return pos.index_select(1, tree.places)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, forces):
        (rot_local, rot_world, bones), tree = ctx.saved_tensors, ctx.tree
        forces = forces.index_select(1, tree.order)
        for level, parents in reversed(tree.levels):
            forces.index_add_(1, parents, forces[:, level])
        torques = torch.zeros_like(forces)
        torques.index_add_(1, tree.parents, torch.stack(quaternion.cross_components(bones, forces[:, 1:])))
        for level, parents in reversed(tree.levels):
            torques.index_add_(1, parents, torques[:, level])
        w, x, y, z = rot_world
        turns = quaternion.rotate_components((w, -x, -y, -z), torques)
        gradient = 2 * torch.stack(quaternion.mul_components(rot_local, (torch.zeros_like(w), *turns)))
        return gradient.index_select(1, tree.places), None, None


@dataclasses.dataclass
class _Tree:
    """A hierarchy with its joints laid out by level, so that a level is a slice."""

    order: torch.Tensor  # (J,) the joint at each place
    places: torch.Tensor  # (J,) the place of each joint
    parents: torch.Tensor  # (J - 1,) the parent's place, for every place but the root's
    levels: list  # (slice of places, places of the parents) per level below the root


@functools.lru_cache(maxsize=32)
def _tree(parents, device):
    """The _Tree of a hierarchy, on a device."""
    depth = []
    for parent in parents:
        depth.append(0 if parent < 0 else depth[parent] + 1)
    order = torch.tensor(sorted(range(len(parents)), key=depth.__getitem__))
    places = torch.argsort(order)
    above = places[torch.tensor(parents)[order[1:]]].to(device)
    ends = np.cumsum(np.bincount(depth)).tolist()
    levels = [(slice(a, b), above[a - 1 : b - 1]) for a, b in itertools.pairwise(ends)]
    return _Tree(order.to(device), places.to(device), above, levels)


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
    """How high a standing body carries its hips above its lowest joint, in the unit of the offsets.

    Of frames from all over the take the height that one in ten exceeds: floor work does not make a body small.
    """
    frames = np.linspace(0, mocap.frame_count - 1, min(mocap.frame_count, SAMPLED)).astype(int)
    offsets = torch.from_numpy(mocap.skeleton.mean_offsets)
    positions = joint_positions(torch.from_numpy(mocap.rot_local[frames]), offsets, mocap.skeleton.parents)
    start, heights = hips(mocap.skeleton), positions[..., "XYZ".index(mocap.up_axis)]
    return float((heights[:, start] - heights[:, start:].min(dim=1).values).quantile(0.9))


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


def world_rotation(rotations, parents, joint):
    """The rotation of one joint in the room, (T, J, 4) -> (T, 4)."""
    world = rotations[:, joint]
    while parents[joint] >= 0:
        joint = int(parents[joint])
        world = quaternion.mul(rotations[:, joint], world)
    return world
