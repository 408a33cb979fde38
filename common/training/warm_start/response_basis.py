"""The response basis: principal components of dancer 2's windows as seen from dancer 1's heading.

The rotation of the joint that turns dancer 2 may lie all around the circle. It is averaged as q·qᵀ, which is the same
for q and −q, and is recovered as its largest eigenvector (Markley et al., "Averaging Quaternions", Journal of Guidance,
Control, and Dynamics 30(4), 2007). All other joints stay near their mean, and are taken as quaternions of its sign.

Shapes: W windows, L frames of a window, J joints, D pose_dim, K cosines, Z numbers of a response.
"""

from common.motion import quaternion
from common.training.warm_start import motion_basis

import torch

SQUARINGS = 6  # of the power iteration: the 64th power of a matrix
NEGLIGIBLE = 1e-3  # of the largest deviation: a component that varies less is left out
ROWS, COLUMNS = torch.triu_indices(4, 4)
DOUBLED = torch.where(ROWS == COLUMNS, 1.0, 2**0.5)  # off the diagonal a symmetric matrix has each number twice


class ResponseBasis:
    """Dancer 2's windows as seen from the heading, written as codes of variance 1, the strongest first."""

    def __init__(self, frame, target_windows, heading, code_count):
        """Of recorded windows (W, L, D) and dancer 1's heading in them (W, 2), in a HeadingFrame."""
        self.frame, body = frame, frame.target
        turning = frame.relative_turning(target_windows, heading).flatten(0, 1)[:, None]
        others = body.other_poses(target_windows).flatten(0, 1)
        self.mean_others = quaternion.mean_rotation(quaternion.scatter(others))  # (J - 1, 4)
        self.mean_turning = quaternion.mean_rotation(quaternion.scatter(turning))[0]  # (4,)
        self.cosines = motion_basis.cosine_basis(target_windows.shape[1])
        weights = body.weights
        self.weights = torch.cat((weights[body.joint].expand(10), weights[body.others].repeat_interleave(4)))

        coefficients = self._coefficients(target_windows, heading)
        self.mean = coefficients.mean(dim=0)
        deviations, components = principal_components(coefficients - self.mean, code_count)
        count = len(deviations)
        self.deviations, self.components = torch.ones(code_count), torch.zeros(code_count, coefficients.shape[1])
        self.deviations[:count], self.components[:count] = deviations[:count], components[:count]
        self.relative_variances = torch.zeros(code_count)  # of that of the first
        self.relative_variances[:count] = (deviations[:count] / deviations[0].clamp_min(1e-6)).square()

    def codes(self, target_windows, heading):
        """(W, L, D), (W, 2) -> (W, Z)."""
        return (self._coefficients(target_windows, heading) - self.mean) @ self.components.T / self.deviations

    def windows(self, codes):
        """Dancer 2's windows as seen from the heading, (W, Z) -> (W, L, D); HeadingFrame.in_room makes poses of them:
        until then the turning joint has its rotation in the room."""
        body = self.frame.target
        coefficients = self.mean + (codes * self.deviations) @ self.components
        frames = self.cosines.T @ (coefficients.unflatten(1, (len(self.cosines), -1)) / self.weights)
        turning = largest_eigenvector(frames[..., :10] / DOUBLED)  # (W, L, 4)
        turning = turning * quaternion.continuous_signs(turning.transpose(0, 1)).T.unsqueeze(-1)
        opposite = (turning * self.mean_turning).sum((1, 2), keepdim=True) < 0
        turning = torch.where(opposite, -turning, turning)
        others = quaternion.normalise(frames[..., 10:].unflatten(-1, (-1, 4)))  # all joints but one, in file order
        before, after = others[:, :, : body.joint], others[:, :, body.joint : len(body.weights) - 1]
        return torch.cat((before, turning.unsqueeze(2), after), dim=2).flatten(2)

    def _coefficients(self, target_windows, heading):
        """Cosine coefficients of the weighted numbers of a response, (W, L, D), (W, 2) -> (W, K·(10 + 4·(J - 1)))."""
        turning = self.frame.relative_turning(target_windows, heading)
        others = self.frame.target.other_poses(target_windows)
        opposite = (others * self.mean_others).sum((1, 3), keepdim=True) < 0
        others = torch.where(opposite, -others, others)
        products = turning[..., ROWS] * turning[..., COLUMNS] * DOUBLED
        return (self.cosines @ (torch.cat((products, others.flatten(2)), dim=2) * self.weights)).flatten(1)


def principal_components(coefficients, count):
    """The standard deviations (Z,) and directions (Z, M) of the strongest principal components of centred coefficients
    (W, M), at most `count` and without negligible ones.

    There are fewer windows than coefficients, so they come from the W × W Gram matrix: it has the eigenvalues W·σ².
    """
    coefficients = coefficients.double()
    values, vectors = torch.linalg.eigh(coefficients @ coefficients.T / len(coefficients))
    deviations = values.flip(0)[:count].clamp_min(0).sqrt()
    deviations = deviations[deviations > NEGLIGIBLE * deviations[0].clamp_min(1e-6)]
    directions = vectors.flip(1)[:, : len(deviations)].T @ coefficients
    return deviations.float(), torch.nn.functional.normalize(directions, dim=1).float()


def largest_eigenvector(upper):
    """Of symmetric matrices, by their upper triangles, (..., 10) -> (..., 4), by power iteration.

    Squaring all matrices at once takes a quarter of the time of their eigendecompositions. Half the Frobenius norm on
    the diagonal makes the largest eigenvalue the largest in size too.
    """
    numbers = upper.flatten(0, -2).T  # (10, N)
    matrix = numbers.new_zeros(4, 4, numbers.shape[1])
    matrix[ROWS, COLUMNS] = numbers
    matrix[COLUMNS, ROWS] = numbers
    size = matrix.square().sum((0, 1)).sqrt().clamp_min(1e-12)
    matrix = matrix / size + torch.eye(4).unsqueeze(-1) / 2
    for _ in range(SQUARINGS):
        matrix = (matrix.unsqueeze(2) * matrix).sum(dim=1)
    column = matrix.diagonal().argmax(dim=1)  # each column is the eigenvector, times one of its numbers
    vector = matrix[:, column, torch.arange(len(column))]
    return torch.nn.functional.normalize(vector, dim=0).T.unflatten(0, upper.shape[:-1])
