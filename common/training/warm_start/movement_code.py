"""The latent code of a deepfake: where a dancer faces, and what the body does as seen from there.

A body that turns in the room makes another window of every movement. As seen from its own heading (heading_frame) it is
the same one, so the code says the heading once, and all its other numbers are for the movement: principal components of
the coefficients in a motion basis. Only the joint that turns the body changes with the heading.

Shapes: W windows, L frames of a window, J joints, D pose_dim, K cosines, M numbers of a movement.
"""

from common.training.warm_start import motion_basis, pose_metric
from common.training.warm_start.heading_frame import HeadingFrame
from common.training.warm_start.motion_basis import SPREAD
from common.training.warm_start.ridge import LinearMap

import torch

WEIGHTING = 0.25  # exponent of the displacements by which movements count: rotations count, too
TURNING_COSINES = 6  # of the turning joint in the room, from which an encoder learns
WINDOW_HOP = 3  # from one window to the next of those that tell how the body faces
NEGLIGIBLE = 1e-6  # of the largest variance: a component that varies less is left out
BLOCK = 100  # windows at once, since windows take much memory


class MovementCode:
    """Headings and movements of both dancers.

    "Seen" windows are as seen from the heading: their turning joint's rotation is that in the room, turned back by it.
    The recorded ones have the signs of mean rotations.
    """

    def __init__(self, recorded, skeletons, weights, up_axis, size, generator):
        """Of recorded windows of both dancers [(W, L, D)], which become seen ones in place, and how much their joints
        count, `weights` (D,); a movement is told by `size` numbers. How the dancers' mean poses differ is not in them.
        """
        sampled = torch.cat([windows[::WINDOW_HOP] for windows in recorded])
        self.frame = HeadingFrame(sampled, sampled, skeletons, [weights, weights], up_axis)
        del sampled
        self.signs = [torch.cat([self._see_in_place(block) for block in windows.split(BLOCK)]) for windows in recorded]
        self.seen, self.means = recorded, [windows.mean((0, 1)) for windows in recorded]  # (W, L, D) and (D,) of each
        self.basis = motion_basis.fit(self.seen, self.means, weights, excluded=self.means[0] - self.means[1])
        weighting = self._weighting(skeletons, generator)
        variances, components = self._principal_components(weighting)
        variances = variances[variances > NEGLIGIBLE * variances[0]]
        order = torch.arange(size) % len(variances)  # a long code has some of them twice
        self.relative_variances = (variances[order] / variances[0]).float()  # (M,)
        components = (components[:, order] * (SPREAD / variances[order].sqrt())).float()
        self.components = (weighting @ components.unflatten(0, (-1, len(weighting)))).flatten(0, 1)  # (K·P, M)
        self.of_turning = self._of_turning()

    def _see_in_place(self, windows):
        """Make recorded windows (W, L, D) seen ones with the signs of mean rotations, and return their own, (W, J)."""
        seen = self.see(windows).unflatten(-1, (-1, 4))
        along = (seen * self.frame.source.means).sum(-1).mean(dim=1)
        signs = torch.where(along < 0, -1.0, 1.0)
        signs[:, self.frame.target.joint] = 1
        windows.copy_((seen * signs[:, None, :, None]).flatten(2))
        return signs

    def _weighting(self, skeletons, generator):
        """What to multiply coefficients (K, P) by, so that all count alike for what is seen, and signs do not count:
        (P, P), symmetric."""
        dancers = zip(self.seen, skeletons, strict=True)
        displacement = sum(pose_metric.displacements(*dancer, generator) for dancer in dancers) / 2
        weighting = pose_metric.weighting(displacement, WEIGHTING)
        poses = (self.basis.components / self.basis.weights[:, None]).T  # (P, D)
        change = self.frame.source.across_means(poses) @ weighting
        return pose_metric.power(change @ change.T, 0.5)

    def _principal_components(self, weighting):
        """Of the weighted coefficients of both dancers' movements: their variances (K·P,), the largest first, and
        directions."""
        scatter = 0.0
        for windows, mean in zip(self.seen, self.means, strict=True):
            zero = self.basis.coefficients(mean.expand(1, windows.shape[1], -1))
            for block in windows.split(BLOCK):
                coefficients = ((self.basis.coefficients(block) - zero) @ weighting).flatten(1)
                scatter = scatter + (coefficients.T @ coefficients).double()
        variances, components = torch.linalg.eigh(scatter / sum(map(len, self.seen)))
        return variances.flip(0).clamp_min(1e-12), components.flip(1)

    def heading(self, windows):
        """The direction that dancers face, (W, L, D) -> (W, 2): cosine and sine of half the angle about the up axis."""
        return torch.nn.functional.normalize(self.frame.heading(windows), dim=1)

    def see(self, windows):
        """Windows in the room as seen from their headings, (W, L, D) -> (W, L, D)."""
        seen = windows.unflatten(-1, (-1, 4)).clone()
        seen[:, :, self.frame.target.joint] = self.frame.relative_turning(windows, self.heading(windows))
        return seen.flatten(2)

    def numbers(self, seen):
        """The movement in seen windows, (W, L, D) -> (W, M), of standard deviation SPREAD."""
        return self.basis.coefficients(seen).flatten(1) @ self.components

    def codes(self, seen):
        """The same as part of a latent code, between −1 and 1."""
        return torch.tanh(self.numbers(seen))

    def turning_numbers(self, turning):
        """What an encoder reads of the turning joint in the room: its slow cosines, (W, L, 4) -> (W, 4·6)."""
        return (self.basis.cosines[:TURNING_COSINES] @ turning).flatten(1) / turning.shape[1] ** 0.5

    def numbers_of_turning(self, seen_turning):
        """The part of `numbers` that is the turning joint's, (W, L, 4) -> (W, M); all numbers are sums over joints."""
        return self.of_turning((self.basis.cosines @ seen_turning).flatten(1))

    def _of_turning(self):
        """The LinearMap from the cosines of the turning joint, (W, K·4), to its part of the numbers. It is found by
        windows in which this joint alone moves, in one cosine."""
        cosines, mean = self.basis.cosines, self.basis.mean
        columns = 4 * self.frame.target.joint + torch.arange(4)
        waves = mean.repeat(len(cosines), 4, cosines.shape[1], 1)  # (K, 4, L, D)
        for number, column in enumerate(columns):
            waves[:, number, :, column] += cosines
        weight = self.numbers(waves.flatten(0, 1)).T
        still = mean[columns].expand(1, cosines.shape[1], -1)
        return LinearMap(weight, -weight @ (cosines @ still).flatten())

    def draw(self, count, generator):
        """Seen windows, half of them recorded and half random ones of the basis, (count, L, D)."""
        half = count // 2
        picked = torch.randint(len(self.seen[0]), (half,), generator=generator)
        recorded = torch.cat([self._recorded(dancer, picked[dancer::2]) for dancer in (0, 1)])
        return torch.cat((recorded, self.basis.draw(count - half, generator)))

    def _recorded(self, dancer, picked):
        """Seen windows by number (W',), with the signs that they were recorded with."""
        windows = self.seen[dancer][picked].unflatten(-1, (-1, 4))
        return (windows * self.signs[dancer][picked][:, None, :, None]).flatten(2)

    @staticmethod
    def draw_headings(count, generator):
        """Headings in any direction, (count, 2)."""
        return torch.nn.functional.normalize(torch.randn(count, 2, generator=generator), dim=1)
