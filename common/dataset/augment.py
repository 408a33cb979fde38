"""Augmentation of training windows: both dancers are turned by one random heading, or mirrored.

Shapes: B batch, T frames, J joints, D pose_dim. Quaternions are w x y z.
"""

from common.mocap.joint_names import other_side, without_namespace
from common.motion import kinematics, quaternion
from common.motion.axes import extent, horizontal_axes, up_vector
from common.runtime.errors import InputError

import torch

UNLIKE = 0.1  # of the body's size: how far a resting joint may lie from the mirror image of its partner


class Augmentation:
    """Heading and mirror augmentation. The duet stays a duet: both dancers are changed alike."""

    DRAWS = 4  # normal random numbers that decide what a window is changed to

    def __init__(self, windows, turns, mirrors):
        self.turns, self.mirrors = turns, mirrors
        self.up = up_vector(windows.up_axis).to(windows.device)
        self.parents = windows.parents
        self.hips = [kinematics.hips(skeleton) for skeleton in windows.skeletons]
        if mirrors:
            side = torch.eye(3)[horizontal_axes(windows.up_axis)[0]]
            means = [poses.mean(dim=0).unflatten(0, (-1, 4)).cpu() for poses in windows.poses]
            self.images = [
                Mirror(skeleton, side, mean).to(windows.frames.device)
                for skeleton, mean in zip(windows.skeletons, means, strict=True)
            ]

    def __call__(self, dancer, poses, draws):
        """Windows of a dancer (B, T, D), each as it is or changed, as its draws (B, 4) have it."""
        rotations = poses.unflatten(-1, (-1, 4))
        if self.mirrors:
            mirrored = self.images[dancer](rotations)
            rotations = torch.where((draws[:, 3] > 0).view(-1, 1, 1, 1), mirrored, rotations)
        if self.turns:
            turned = self.turned(dancer, rotations, turn_of(draws[:, :2], self.up))
            rotations = torch.where((draws[:, 2] > 0).view(-1, 1, 1, 1), turned, rotations)
        return rotations.flatten(-2)

    def turned(self, dancer, rotations, turn):
        """Bodies (B, T, J, 4) turned in the room by (B, 4): only the rotation of the hips changes, most often that of
        the root. With P the rotation of what the hips hang from, in the room, it is P⁻¹·turn·P·rotation."""
        hips, parents = self.hips[dancer], self.parents[dancer]
        local = turn[:, None]
        if parents[hips] >= 0:
            above = kinematics.world_rotation(rotations.flatten(0, 1), parents, parents[hips])
            above = above.unflatten(0, rotations.shape[:2])
            local = quaternion.mul(quaternion.inv(above), quaternion.mul(local, above))
        turned_hips = quaternion.mul(local.expand_as(rotations[:, :, hips]), rotations[:, :, hips])
        return torch.cat((rotations[:, :, :hips], turned_hips.unsqueeze(2), rotations[:, :, hips + 1 :]), dim=2)


def turn_of(draws, up):
    """Turns about the up axis (3,) from two normal numbers each (B, 2) -> (B, 4), by every angle and with either sign
    alike: of the encoder's inputs, q and −q are two."""
    half = draws / draws.norm(dim=1, keepdim=True).clamp_min(1e-12)  # cosine and sine of half the angle
    return torch.cat((half[:, :1], half[:, 1:] * up), dim=1)


class Mirror:
    """The mirror image of a dancer's movement, left and right swapped.

    With n the normal of a mirror as a pure quaternion, v ↦ n v n mirrors a vector. Seen in a mirror, joint j of a body
    does what its partner j* on the other side does: the rotation G that brings its resting place to where it is
    becomes `n_room·G*·n_rest`. With R the rotations of the rest pose in the room that makes local rotations
    `A_p⁻¹·q*·A_j` with `A_j = R*⁻¹·n_rest·R_j` and p the parent, and `n_room·q*·A` at the root.
    """

    def __init__(self, skeleton, side, mean_pose):
        self.partners = torch.tensor(find_partners(skeleton))
        normal = rest_normal(skeleton, self.partners).float()
        n_rest, n_room = (torch.cat((torch.zeros(1), vector)) for vector in (normal, side))
        rest = _rest_rotations(skeleton)
        after = quaternion.mul(quaternion.mul(quaternion.inv(rest[self.partners]), n_rest.expand_as(rest)), rest)
        parents = torch.tensor(skeleton.parents)
        before = quaternion.inv(after)[parents.clamp_min(0)]
        before[parents < 0] = n_room
        self.before, self.after = before, after
        agrees = (self(mean_pose) * mean_pose).sum(-1, keepdim=True) >= 0
        self.after = torch.where(agrees, self.after, -self.after)  # the signs that the encoder learns from

    def __call__(self, rotations):
        """(..., J, 4) -> (..., J, 4)."""
        swapped = rotations[..., self.partners, :]
        before, after = self.before.expand_as(swapped), self.after.expand_as(swapped)
        return quaternion.mul(before, quaternion.mul(swapped, after))

    def to(self, device):
        self.partners, self.before = self.partners.to(device), self.before.to(device)
        self.after = self.after.to(device)
        return self


def find_partners(skeleton):
    """The joint on the other side of each joint, itself where it is in the middle: J numbers. Raises InputError where
    the names tell of no sides, or of sides that do not hang together alike."""
    names = [without_namespace(name) for name in skeleton.joint_names]
    places = {name: joint for joint, name in reversed(list(enumerate(names)))}
    partners = list(range(len(names)))
    for joint, name in enumerate(names):
        partners[joint] = places.get(other_side(name), joint)
    for joint in range(len(names)):  # ends of chains have names of their own, or none
        parent = skeleton.parents[joint]
        if partners[joint] == joint and parent >= 0 and partners[parent] != parent:
            partners[joint] = _by_place(skeleton, joint, partners)
    if all(partner == joint for joint, partner in enumerate(partners)):
        raise InputError(
            "augment_mirror = True: no joint's name tells left from right, as in LeftArm and RightArm, L_Arm and "
            f"R_Arm, Arm.L and Arm.R, lArm and rArm. The joints are {', '.join(names)}. Use augment_mirror = False."
        )
    for joint, partner in enumerate(partners):
        parent = skeleton.parents[joint]
        above = partners[parent] if parent >= 0 else -1
        if partners[partner] != joint or skeleton.parents[partner] != above:
            raise InputError(
                f"augment_mirror = True: {names[joint]!r} and {names[partner]!r} are not the two sides of one body: "
                "they do not hang from joints that are. Use augment_mirror = False."
            )
    return partners


def _by_place(skeleton, joint, partners):
    """The child of the partner of the joint's parent that stands in the same place among its siblings."""
    parent = skeleton.parents[joint]
    siblings = [j for j, above in enumerate(skeleton.parents) if above == parent]
    others = [j for j, above in enumerate(skeleton.parents) if above == partners[parent]]
    place = siblings.index(joint)
    return others[place] if place < len(others) else joint


def rest_normal(skeleton, partners):
    """The normal of the mirror in which the resting body is its own image, (3,), from the partner of each joint (J,).
    Raises InputError where there is none."""
    positions = kinematics.rest_pose(skeleton)
    differences = positions - positions[partners]  # across the body, and twice: there and back
    differences = differences[partners > torch.arange(len(partners))]
    normal = torch.linalg.eigh(differences.T @ differences).eigenvectors[:, -1]
    hips = kinematics.hips(skeleton)
    centre = positions[hips]
    image = positions[partners] - centre
    image = image - 2 * torch.outer(image @ normal, normal) + centre
    errors = (image - positions).norm(dim=1)
    errors[:hips] = 0  # what the body hangs from is no part of it
    if errors.max() > UNLIKE * extent(positions[hips:]).max():
        worst = int(errors.argmax())
        raise InputError(
            f"augment_mirror = True: in its rest pose the body is not its own mirror image; joint "
            f"{skeleton.joint_names[worst]!r} is {errors[worst]:.1f} cm off. Use augment_mirror = False."
        )
    return normal


def _rest_rotations(skeleton):
    """The rotations of the resting joints in the room, (J, 4) float32."""
    local = kinematics.rest_rotations(skeleton).float()
    joints = range(skeleton.joint_count)
    return torch.cat([kinematics.world_rotation(local[None], skeleton.parents, joint) for joint in joints])
