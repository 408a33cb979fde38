"""The principal movements of a recording: what its windows are made of, and how one dancer's go with the other's.

A window of poses is written as coefficients: the principal components of the pose, weighted by how far each joint
swings what hangs from it, and each component over time as a sum of cosines. Taking components and time apart leaves few
numbers to be found out from minutes of dance: over windows as a whole, principal components fit what they have seen
and little else.

Shapes: W windows, L frames of a window, J joints, D pose_dim, P components, K cosines, Z latent.
"""

import dataclasses
import math

from common.dataset import augment
from common.motion import kinematics, quaternion

import torch

COSINES = 16  # at most: the fastest is 7½ full swings in a window
SAMPLED = 600  # windows that tell what moves how, evenly spaced
CHANGED = 2  # times that each of them is also turned, or mirrored
SPREAD = 0.3  # standard deviation of a code: tanh is close to straight there
LARGEST = 0.97  # of a code
RARE = 0.05  # of the mean variance: what is drawn for a coefficient that the recording hardly has


@dataclasses.dataclass
class MotionBasis:
    """Components and cosines, and the Z pairs of them with the largest variance: what a latent code starts as."""

    mean: torch.Tensor  # (D,)
    weights: torch.Tensor  # (D,)
    apart: torch.Tensor  # (D,) of unit length, or zeros: of weighted poses, what a window's mean is not asked for
    components: torch.Tensor  # (D, P), orthonormal, of weighted poses
    cosines: torch.Tensor  # (K, L), orthonormal
    variances: torch.Tensor  # (K, P) of the coefficients
    chosen: torch.Tensor  # (Z, 2) cosine and component, the strongest first

    def coefficients(self, windows):
        """(W, L, D) -> (W, K, P)."""
        return self.cosines @ (_without((windows - self.mean) * self.weights, self.apart) @ self.components)

    def windows(self, coefficients):
        """(W, K, P) -> (W, L, D), the quaternions close to unit length."""
        return self.mean + (self.cosines.T @ coefficients) @ self.components.T / self.weights

    def codes(self, windows):
        """(W, L, D) -> (W, Z), of standard deviation SPREAD."""
        cosine, component = self.chosen.T
        found = self.coefficients(windows)[:, cosine, component]
        return (found * (SPREAD / self.variances[cosine, component].sqrt())).clamp(-LARGEST, LARGEST)

    def shares(self):
        """The variance of each number of a code in the recording, beside that of the strongest, (Z,)."""
        variances = self.variances[self.chosen[:, 0], self.chosen[:, 1]]
        return variances / variances.max()

    def draw(self, count, generator):
        """Random windows with the recording's statistics and a little of everything, (count, L, D)."""
        variances = self.variances + RARE * self.variances.mean()
        return self.windows(torch.randn(count, *variances.shape, generator=generator) * variances.sqrt())


def find(windows, means, weights, latent_dim, apart=None):
    """The Movements of one or several dancers together: windows [(W, L, D)] and what they move about [(D,)].

    `apart` (D,) is a difference between the means of dancers that no code is to tell of.
    """
    apart = torch.zeros_like(weights) if apart is None else apart * weights
    apart = apart / apart.norm().clamp_min(1e-6)
    off = torch.cat([(each - mean) * weights for each, mean in zip(windows, means, strict=True)])
    off = _without(off, apart)
    frames = off.flatten(0, 1)
    scatter = sum((block.T @ block).double() for block in frames.split(quaternion.BLOCK)) / len(frames)
    strengths, components = torch.linalg.eigh(scatter)
    kept = strengths > 1e-6 * strengths[-1]
    kept[-1] = True  # also where nothing moves
    components = components[:, kept].flip(1).float()
    cosines = cosine_table(min(COSINES, off.shape[1]), off.shape[1])
    variances = (cosines @ (off @ components)).square().mean(dim=0).clamp_min(1e-12)
    order = variances.flatten().argsort(descending=True)
    order = order[torch.arange(latent_dim) % len(order)]  # a long code of a short window has some of them twice
    chosen = torch.stack((order // variances.shape[1], order % variances.shape[1]), dim=1)
    return MotionBasis(sum(means) / len(means), weights, apart, components, cosines, variances, chosen)


def _without(off, apart):
    """Weighted windows (W, L, D) but for what their means have along a direction (D,): what moves along it stays."""
    return off - (off.mean(dim=1, keepdim=True) @ apart).unsqueeze(-1) * apart


def cosine_table(count, length):
    """The first cosines of the orthonormal discrete cosine transform (DCT-II; Ahmed, Natarajan & Rao, 1974), (K, L)."""
    frames = (torch.arange(length) + 0.5) / length
    table = torch.cos(math.pi * torch.arange(count)[:, None] * frames)
    return table / table.norm(dim=1, keepdim=True)


def joint_weights(mean, offsets, parents):
    """How much the rotation of each joint counts, (D,), (J, 3) -> (D,): the square root of its lever, which is the root
    mean square distance from it to all joints below it, at least 1 cm, in the mean pose."""
    pos = kinematics.joint_positions(quaternion.normalise(mean.unflatten(0, (-1, 4))), offsets, parents)
    squares = torch.zeros(len(parents))
    for joint in range(len(parents)):
        above = int(parents[joint])
        while above >= 0:
            squares[above] += (pos[joint] - pos[above]).square().sum()
            above = int(parents[above])
    levers = (squares / len(parents)).sqrt().clamp_min(1.0)
    return levers.sqrt().repeat_interleave(4)


def sample(windows, generator, turned=True):
    """Training windows of both dancers [(W, L, D)] in order of time: as they are, and again changed at random, as far
    as the training changes them; or, unless `turned`, again in a mirror only."""
    chosen, changes = sampled(windows), windows.augmentation
    changed = changes is not None and (changes.mirrors or (turned and changes.turns))
    chances = [None, *(_surely_changed(chosen, generator, turned) for _ in range(CHANGED if changed else 0))]
    found = [[windows.gather(dancer, chosen, chance).cpu() for chance in chances] for dancer in (0, 1)]
    return [torch.stack(copies, dim=1).flatten(0, 1) for copies in found]


def sampled(windows):
    """The first frames of the windows that tell what moves how, (W,)."""
    return windows.train[:: math.ceil(len(windows.train) / SAMPLED)]


def _surely_changed(windows, generator, turned):
    """Chances that leave no window as it is."""
    chance = torch.randn(len(windows), augment.Augmentation.DRAWS, generator=generator)
    chance[:, 2:] = chance[:, 2:].abs()
    if not turned:
        chance[:, 2] = -1
    return chance.to(windows.device)


# ---------------------------------------------------------------------------------------------------------------------
# what goes with what


class Regression:
    """Linear regression with a penalty (ridge regression; Hoerl & Kennard, Technometrics 12, 1970), from sums that are
    added up block by block."""

    def __init__(self):
        self.count, self.sums = 0, None

    def add(self, inputs, outputs):
        """Examples (N, F), (N, Y)."""
        inputs, outputs = inputs.double(), outputs.double()
        sums = inputs.sum(0), outputs.sum(0), inputs.T @ inputs, inputs.T @ outputs
        self.sums = sums if self.sums is None else [a + b for a, b in zip(self.sums, sums, strict=True)]
        self.count += len(inputs)

    def solve(self, strength):
        """Slope (Y, F) and constant (Y,); the penalty is `strength` times the mean variance of the inputs."""
        mean_in, mean_out = self.sums[0] / self.count, self.sums[1] / self.count
        square = self.sums[2] / self.count - torch.outer(mean_in, mean_in)
        product = self.sums[3] / self.count - torch.outer(mean_in, mean_out)
        penalty = strength * square.diagonal().mean().clamp_min(1e-12)
        slope = torch.linalg.solve(square + penalty * torch.eye(len(square), dtype=square.dtype), product)
        return slope.T.float(), (mean_out - mean_in @ slope).float()


def own_way(codes_of, own, windows, generator):
    """How a dancer most likely moves, given a code: slope and constant from codes (W, Z) to coefficients (W, K·P) of
    `own`, from recorded windows and as many drawn ones."""
    regression = Regression()
    for part in (windows, own.draw(len(windows), generator)):
        regression.add(codes_of(part), own.coefficients(part).flatten(1))
    return regression.solve(1e-4)
