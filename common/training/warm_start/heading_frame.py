"""The frame of reference of a movement: where a dancer faces.

Where a duet faces in the room changes nothing else of it. A translation splits a pair of windows into the heading of
dancer 1 and dancer 2's window as seen from there; a deepfake splits each dancer's window into the dancer's own heading
and what is seen from there. Only the joint that turns the body holds the heading; all others are local.

The heading is written as cosine and sine of half an angle, (W, 2): linear in the quaternion, and with its sign.

Whether another joint is written as q or as −q says nothing of the movement, but may change from take to take. What
changes then lies along the joint's mean rotation, where rotations near it hardly differ: an encoder need not read it.

Shapes: W windows, L frames of a window, J joints, D pose_dim. Quaternions are w x y z.
"""

import dataclasses

from common.motion import axes, kinematics, quaternion

import torch


@dataclasses.dataclass
class Body:
    """How a dancer's joints divide into the one that turns the body, and the others."""

    joint: int  # turns the body
    above: torch.Tensor  # (4,) the mean rotation of its parent in the room
    others: torch.Tensor  # joints; without those that carry the body, if an encoder reads them
    means: torch.Tensor  # (J, 4) the joints' mean rotations, with the sign that most frames have
    weights: torch.Tensor  # (J,) how much the rotation of a joint counts

    def turning(self, windows):
        """The rotation of the turning joint in the room, (W, L, D) -> (W, L, 4)."""
        turning = self.local_turning(windows)
        return quaternion.mul(self.above.expand_as(turning), turning)

    def local_turning(self, windows):
        """The same as poses have it, relative to its parent."""
        return windows.unflatten(-1, (-1, 4))[:, :, self.joint]

    def other_poses(self, windows):
        """The poses of the other joints, (W, L, D) -> (W, L, J', 4)."""
        return windows.unflatten(-1, (-1, 4))[:, :, self.others]

    def across_means(self, poses):
        """Poses (..., D) without what of each joint, but the turning one, lies along its mean rotation."""
        kept = across(poses.unflatten(-1, (-1, 4)), self.means)
        kept[..., self.joint, :] = poses.unflatten(-1, (-1, 4))[..., self.joint, :]
        return kept.flatten(-2)


def find_body(windows, skeleton, weights, is_source):
    """The Body of a dancer's windows (W, L, D), weights (D,): of the joints from the root to the hips, the one that
    turns most."""
    frames = windows.flatten(0, 1).unflatten(-1, (-1, 4))
    mean = quaternion.mean_rotation(quaternion.scatter(frames))
    mean = torch.where((mean * frames.mean(dim=0)).sum(-1, keepdim=True) < 0, -mean, mean)
    chain = [kinematics.hips(skeleton)]
    while skeleton.parents[chain[0]] >= 0:
        chain.insert(0, int(skeleton.parents[chain[0]]))
    deviation = quaternion.angle_degrees(mean[chain], frames[:, chain]).mean(dim=0)
    joint = chain[int(deviation.argmax())]
    parent = int(skeleton.parents[joint])
    above = kinematics.world_rotation(mean[None], skeleton.parents, parent)[0] if parent >= 0 else torch.eye(4)[0]
    left_out = chain if is_source else [joint]
    others = [number for number in range(skeleton.joint_count) if number not in left_out] or [joint]
    return Body(joint, above, torch.tensor(others), mean, weights.view(-1, 4)[:, 0])


def across(rotations, means):
    """Rotations (..., J, 4) without what lies along their means (J, 4)."""
    return rotations - (rotations * means).sum(-1, keepdim=True) * means


class HeadingFrame:
    """Where dancer 1 faces, and what dancer 2 does as seen from there."""

    def __init__(self, source_windows, target_windows, skeletons, weights, up_axis):
        """Recorded windows of dancer 1 and dancer 2, (W, L, D) both; skeletons and weights (D,) of each."""
        self.source = find_body(source_windows, skeletons[0], weights[0], is_source=True)
        self.target = find_body(target_windows, skeletons[1], weights[1], is_source=False)
        self.up = torch.cat((torch.zeros(1), axes.up_vector(up_axis)))
        self.forward = forward_direction(self.source.turning(source_windows), self.up)

    def heading(self, source_windows):
        """Where dancer 1 faces, (W, L, D) -> (W, 2): cosine and sine of half the angle about the up axis, as means over
        the window. They are linear in the poses, and shorter than 1 where dancer 1 turns fast."""
        mean = self.source.turning(source_windows).mean(dim=1)
        return torch.stack((mean @ self.forward, mean @ quaternion.mul(self.up, self.forward)), dim=1)

    def rotation(self, heading):
        """A heading as a rotation about the up axis, (W, 2) -> (W, 1, 4); a missing sine is zero."""
        heading = torch.nn.functional.pad(heading, (0, 2 - heading.shape[1]))
        heading = torch.nn.functional.normalize(heading, dim=1)
        return (heading[:, :1] * torch.eye(4)[0] + heading[:, 1:] * self.up).unsqueeze(1)

    def relative_turning(self, target_windows, heading):
        """How dancer 2's turning joint is rotated, as seen from the heading: (W, L, D), (W, 2) -> (W, L, 4)."""
        turning = self.target.turning(target_windows)
        return quaternion.mul(quaternion.inv(self.rotation(heading)).expand_as(turning), turning)

    def in_room(self, relative_windows, heading):
        """Dancer 2's windows as seen from the heading -> as poses, (W, L, D), (W, 2) -> (W, L, D)."""
        turning = self.target.local_turning(relative_windows)
        turning = quaternion.mul(self.rotation(heading).expand_as(turning), turning)
        windows = relative_windows.unflatten(-1, (-1, 4)).clone()
        above = quaternion.inv(self.target.above)
        windows[:, :, self.target.joint] = quaternion.mul(above.expand_as(turning), turning)
        return windows.flatten(2)


def forward_direction(turning, up):
    """The direction from which headings are counted, as a unit quaternion c, from rotations (W, L, 4).

    A turn by 2θ makes c into `cos θ·c + sin θ·up·c`. Of all c these planes hold most of the rotations where
    `Σ (q·c)² + (q·up·c)²` is largest: the largest eigenvector of S + UᵀSU, with S the sum of all q·qᵀ and U the product
    with up from the left.
    """
    scatter = quaternion.scatter(turning.flatten(0, 1)[:, None])[0]
    product = quaternion.mul(up.expand(4, 4), torch.eye(4)).T
    return torch.linalg.eigh(scatter + product.T @ scatter @ product).eigenvectors[:, -1]
