"""From local rotations to joint positions, and what the resting body tells: bones, height, up axis.

Shapes: T frames (or any leading axes), J joints.
"""

import collections
import dataclasses
import functools
import itertools

from common.motion import axes, quaternion

import numpy as np
import torch

SAMPLED = 1000  # frames of a take that tell how high it carries its hips
UPRIGHT_REST = 0.5  # cosine of the angle between trunk and the opposite of the legs, for a rest pose that is a body's


def forward_kinematics(rot_local, root_pos, skeleton):
    """Joint positions of a take, (T, J, 4), (T, 3) -> (T, J, 3) in the unit of the offsets.

    With p the parent of joint j: `rot_world_j = rot_world_p · rot_local_j` and
    `pos_j = pos_p + rot_world_p offset_j`; the root stands at root_pos.
    """
    return joint_positions(rot_local, skeleton.offsets, skeleton.parents) + root_pos.unsqueeze(-2)


def positions_of(take):
    """Joint positions of a take along its path, (T, J, 3)."""
    return forward_kinematics(take.rot_local, take.root_pos, take.skeleton)


def joint_positions(rot_local, offsets, parents):
    """Joint positions with the root at the origin, (..., J, 4), (..., J, 3) -> (..., J, 3)."""
    lead = np.broadcast_shapes(rot_local.shape[:-2], offsets.shape[:-2])  # torch's own imports SymPy: 40 MB
    planes = rot_local.expand(*lead, -1, -1).movedim((-1, -2), (0, 1)).contiguous()  # (4, J, ...)
    offsets = offsets[(None,) * (len(lead) + 2 - offsets.dim())].movedim((-1, -2), (0, 1))
    return positions_by_component(planes, offsets, parents).movedim((0, 1), (-1, -2))


def positions_by_component(rot_local, offsets, parents):
    """The same with components and joints first, (4, J, ...), (3, J, ...) -> (3, J, ...): fast, since numbers that are
    computed alike lie side by side in memory. The gradient takes rotations of unit length for granted.
    """
    return _Positions.apply(rot_local, offsets, _tree(tuple(parents), rot_local.device))


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
    ends = torch.tensor(depth).bincount().cumsum(0).tolist()
    levels = [(slice(a, b), above[a - 1 : b - 1]) for a, b in itertools.pairwise(ends)]
    return _Tree(order.to(device), places.to(device), above, levels)


def bones(skeleton):
    """Pairs (parent, joint) of every joint but the root."""
    return [(parent, joint) for joint, parent in enumerate(skeleton.parents) if parent >= 0]


def rest_rotations(skeleton):
    """The local rotations of the rest pose, (J, 4)."""
    if skeleton.rest_rotations is not None:
        return skeleton.rest_rotations
    return torch.eye(4, dtype=torch.float64)[0].repeat(skeleton.joint_count, 1)


def rest_pose(skeleton):
    """Joint positions of the rest pose, root at the origin: (J, 3)."""
    offsets = skeleton.rest_offsets if skeleton.rest_offsets[1:].any() else skeleton.mean_offsets
    return joint_positions(rest_rotations(skeleton), offsets, skeleton.parents)


def hips(skeleton):
    """The joint that carries the body: the first that branches. Some files put a resting node above it."""
    children = collections.Counter(skeleton.parents)
    return min((joint for joint, count in children.items() if joint >= 0 and count > 1), default=0)


def trunk_and_legs(skeleton):
    """The joints above the hips and those of the legs, two lists of numbers, whatever they are called: of what hangs
    from the hips, the part of most joints is the trunk with arms and head. No legs where nothing branches."""
    start, branches = hips(skeleton), {}  # per joint below the hips the child of the hips that it hangs from
    for joint, parent in enumerate(skeleton.parents):
        if joint > start:
            branches[joint] = branches.get(parent, joint)
    sizes = collections.Counter(branches.values())
    trunk = max(sizes, key=sizes.get, default=None)
    return [j for j, branch in branches.items() if branch == trunk], [j for j, b in branches.items() if b != trunk]


def upright_at_rest(skeleton):
    """Where the trunk lies above the legs in the rest pose, a unit vector (3,). None where the rest pose shows no body:
    where the legs do not lie opposite to the trunk, as in files whose bones all lie along one axis of their joints."""
    positions, (trunk, legs) = rest_pose(skeleton), trunk_and_legs(skeleton)
    if not len(legs):
        return None
    above, below = (positions[joints].mean(dim=0) - positions[hips(skeleton)] for joints in (trunk, legs))
    if -(above @ below) <= UPRIGHT_REST * above.norm() * below.norm():
        return None
    return (above - below) / (above - below).norm()


def evenly_spaced(start, end, most):
    """At most so many of the numbers start ≤ n < end, evenly spaced, with the first and the last one: a tensor."""
    return torch.from_numpy(np.linspace(start, end - 1, most).astype(np.int64)).unique()


def sampled_positions(mocap, most=SAMPLED):
    """Joint positions of at most so many frames from all over a take, (F, J, 3)."""
    frames, offsets = evenly_spaced(0, mocap.frame_count, most), mocap.skeleton.offsets
    offsets = offsets if offsets.dim() == 2 else offsets[frames]
    in_place = joint_positions(mocap.rot_local[frames], offsets, mocap.skeleton.parents)
    return in_place + mocap.root_pos[frames].unsqueeze(-2)


def body_height(mocap):
    """Height of the standing body, in the unit of the offsets.

    That of the rest pose, along the axis along which its trunk lies above its legs, since some files rest in other axes
    than they move. Where the rest pose shows no body, that of the motion: along the trunk, which may be lying, or along
    the up axis where nothing tells trunk from legs; of frames from all over the take what one in four exceeds.
    """
    upright, start = upright_at_rest(mocap.skeleton), hips(mocap.skeleton)
    if upright is not None:
        return float(axes.extent(rest_pose(mocap.skeleton)[start:])[upright.abs().argmax()])
    positions, (trunk, legs) = sampled_positions(mocap), trunk_and_legs(mocap.skeleton)
    heights = axes.heights(positions[:, start:], mocap.up_axis)
    if len(legs):
        along = positions[:, trunk].mean(dim=1) - positions[:, legs].mean(dim=1)
        along = along / quaternion.length(along).unsqueeze(-1)
        heights = (positions[:, start:] * along.unsqueeze(1)).sum(-1)
    return float((heights.amax(dim=1) - heights.amin(dim=1)).quantile(0.75))


def hip_height(mocap):
    """How high a standing body carries its hips above its lowest joint, in the unit of the offsets.

    Of frames from all over the take the height that one in ten exceeds: floor work does not make a body small.
    """
    start, heights = hips(mocap.skeleton), axes.heights(sampled_positions(mocap), mocap.up_axis)
    return float((heights[:, start] - heights[:, start:].amin(dim=1)).quantile(0.9))


def world_rotation(rotations, parents, joint):
    """The rotation of one joint in the room, (T, J, 4) -> (T, 4)."""
    world = rotations[:, joint]
    while parents[joint] >= 0:
        joint = parents[joint]
        world = quaternion.mul(rotations[:, joint], world)
    return world
