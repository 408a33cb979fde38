"""How much a change of a pose counts."""

from common.mocap.take import Skeleton
from common.motion import kinematics, quaternion
from common.training.warm_start import pose_metric

import torch

OFFSETS = torch.tensor([[0.0, 0, 0], [0, 50, 0], [0, 50, 0]])
PARENTS = [-1, 0, 1]


def test_joints_count_by_what_hangs_from_them():
    mean = torch.tensor([1.0, 0, 0, 0]).repeat(3)
    weights = pose_metric.lever_weights(mean, OFFSETS, PARENTS)
    levers = torch.tensor([(50**2 + 100**2) / 3, 50**2 / 3, 1.0]).sqrt()
    torch.testing.assert_close(weights, levers.sqrt().repeat_interleave(4))


def test_displacements_are_those_of_a_small_change():
    pose = torch.nn.functional.normalize(torch.randn(3, 4, generator=seeded()).double(), dim=1).flatten()
    matrix = displacements(pose.float()).double()

    def positions(change):
        rotations = quaternion.normalise((pose + change).unflatten(0, (3, 4)))
        return kinematics.joint_positions(rotations, OFFSETS.double(), PARENTS)

    for change in 1e-5 * torch.randn(20, 12, dtype=torch.float64, generator=seeded()):
        moved = (positions(change) - positions(-change)) / 2
        expected = moved.square().sum(dim=1).mean()
        torch.testing.assert_close(change @ matrix @ change, expected, rtol=0.03, atol=0)


def test_what_a_joint_takes_back_counts_less():
    """An elbow that turns back as far as its shoulder turns leaves the forearm's direction as it is."""
    weighting = pose_metric.weighting(displacements(torch.tensor([1.0, 0, 0, 0]).repeat(3)), 0.25)
    alike, taken_back = torch.zeros(12), torch.zeros(12)
    alike[3], alike[7] = 1, 1  # z of both joints
    taken_back[3], taken_back[7] = 1, -1
    assert (taken_back @ weighting).norm() < 0.8 * (alike @ weighting).norm()


def test_a_root_of_a_matrix():
    factor = torch.randn(6, 4, generator=seeded())
    matrix = factor @ factor.T  # of rank 4
    root = pose_metric.power(matrix, 0.5)
    torch.testing.assert_close(root @ root, matrix, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(root, root.T)


def displacements(pose):
    """In very many windows of one pose (D,), of the body above."""
    body = Skeleton("body", ["hips", "chest", "head"], PARENTS, OFFSETS.double(), ["ZXY"] * 3, OFFSETS.double())
    return pose_metric.displacements(pose.expand(1000, 1600, -1), body, seeded())


def seeded():
    return torch.Generator().manual_seed(0)
