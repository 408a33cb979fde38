"""The motion basis: windows as coefficients of principal components in space and cosines in time.

A pose is written in principal components, weighted by the lever of each joint, and each component over time as a
discrete cosine transform. Such a separable basis needs few numbers from minutes of dance: principal components of whole
windows fit what they have seen and little else.

Shapes: W windows, L frames of a window, D pose_dim, P components, K cosines, Z latent.
"""

import dataclasses

from common.training.warm_start.ridge import RidgeRegression

import numpy as np
import torch

COSINES = 16  # at most: the fastest is 7½ full swings in a window
SPREAD = 0.3  # standard deviation of a code: tanh is close to straight there
LARGEST = 0.97  # of a code
RARE = 0.05  # of the mean variance: what is drawn for a coefficient that the recording hardly has
BLOCK = 100  # windows at once, since windows take much memory


@dataclasses.dataclass
class MotionBasis:
    """Components and cosines, and the Z pairs of them with the largest variance: what a latent code starts as."""

    mean: torch.Tensor  # (D,)
    weights: torch.Tensor  # (D,)
    excluded: torch.Tensor  # (D,) of unit length, or zeros: the direction of weighted poses without a window's mean
    components: torch.Tensor  # (D, P), orthonormal, of weighted poses
    cosines: torch.Tensor  # (K, L), orthonormal
    variances: torch.Tensor  # (K, P) of the coefficients
    selection: torch.Tensor  # (Z, 2) cosine and component, the strongest first

    def coefficients(self, windows):
        """(W, L, D) -> (W, K, P)."""
        over_time = _over_time(windows - self.mean, self.weights, self.cosines, self.excluded)
        return over_time @ self.components

    def windows(self, coefficients):
        """(W, K, P) -> (W, L, D), the quaternions close to unit length."""
        return self.mean + (self.cosines.T @ coefficients) @ self.components.T / self.weights

    def codes(self, windows):
        """(W, L, D) -> (W, Z), of standard deviation SPREAD."""
        cosine, component = self.selection.T
        selected = self.coefficients(windows)[:, cosine, component]
        return (selected * (SPREAD / self.variances[cosine, component].sqrt())).clamp(-LARGEST, LARGEST)

    def relative_variances(self):
        """The variance of each number of a code in the recording, of that of the strongest, (Z,)."""
        variances = self.variances[self.selection[:, 0], self.selection[:, 1]]
        return variances / variances.max()

    def draw(self, count, generator):
        """Random windows with the recording's statistics and a little of everything, (count, L, D)."""
        variances = self.variances + RARE * self.variances.mean()
        return self.windows(torch.randn(count, *variances.shape, generator=generator) * variances.sqrt())

    def decoding(self, codes_of, windows, generator):
        """The LinearMap from codes (W, Z) to coefficients (W, K·P): how a dancer most likely moves, given a code.

        `codes_of` gives the codes of windows. The regression sees recorded windows (W, L, D) and as many drawn ones.
        """
        regression = RidgeRegression()
        for block in windows.split(BLOCK):
            for examples in (block, self.draw(len(block), generator)):
                regression.add(codes_of(examples), self.coefficients(examples).flatten(1))
        return regression.solve()


def fit(windows, means, weights, latent_dim=0, excluded=None):
    """The MotionBasis of one or several dancers together: windows [(W, L, D)] and the poses they vary about [(D,)].

    Without a `latent_dim` it gives coefficients, and no codes. `excluded` (D,) is a difference between the means of
    dancers that no code is to tell of.
    """
    excluded = torch.zeros_like(weights) if excluded is None else excluded * weights
    excluded = excluded / excluded.norm().clamp_min(1e-6)

    def deviations():
        for of_dancer, mean in zip(windows, means, strict=True):
            yield from (block - mean for block in of_dancer.split(BLOCK))

    window_count = sum(map(len, windows))
    components = _principal_components(_exclude(block * weights, excluded) for block in deviations())
    cosines = cosine_basis(windows[0].shape[1])
    over_time = (_over_time(block, weights, cosines, excluded) for block in deviations())
    squares = sum((block @ components).square().sum(dim=0) for block in over_time)
    variances = (squares / window_count).clamp_min(1e-12)
    order = variances.flatten().argsort(descending=True)
    order = order[torch.arange(latent_dim) % len(order)]  # a long code of a short window has some of them twice
    selection = torch.stack((order // variances.shape[1], order % variances.shape[1]), dim=1)
    return MotionBasis(sum(means) / len(means), weights, excluded, components, cosines, variances, selection)


def cosine_basis(length):
    """The first cosines of the orthonormal discrete cosine transform (DCT-II; Ahmed, Natarajan & Rao, 1974), (K, L)."""
    import scipy.fft  # here, since it takes a moment that a script without a warm start can save

    transform = scipy.fft.dct(np.eye(length), axis=0, norm="ortho")
    return torch.from_numpy(transform[:COSINES]).float().contiguous()


def _principal_components(deviations):
    """Of poses in blocks of windows (W, L, D) -> (D, P), the strongest first; those without variance are left out."""
    scatter = sum((frames.T @ frames).double() for frames in (block.flatten(0, 1) for block in deviations))
    strengths, components = torch.linalg.eigh(scatter)
    varies = strengths > 1e-6 * strengths[-1]
    varies[-1] = True  # also where nothing moves
    return components[:, varies].flip(1).float()


def _over_time(deviations, weights, cosines, excluded):
    """Cosine coefficients of weighted windows without what is excluded, (W, L, D) -> (W, K, D). A window's mean is in
    the first cosine alone."""
    over_time = (cosines @ deviations) * weights
    over_time[:, 0] -= (over_time[:, 0] @ excluded).unsqueeze(-1) * excluded
    return over_time


def _exclude(deviations, direction):
    """Weighted windows (W, L, D) without their means' part along a direction (D,); what moves along it stays."""
    return deviations - (deviations.mean(dim=1, keepdim=True) @ direction).unsqueeze(-1) * direction
