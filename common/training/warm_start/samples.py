"""Which training windows the regressions learn from. All that the warm start asks of windows and augmentation is here.

Shapes: W windows, L frames of a window, J joints, D pose_dim.
"""

import math

from common.dataset import augment
from common.motion import kinematics, quaternion

import torch

SAMPLED = 600  # windows at most, evenly spaced
COPIES = 2  # augmented ones of each


def sample(windows, generator, heading=True):
    """Training windows of both dancers [(W, L, D)] in order of time, each followed by augmented copies; without
    `heading` these are mirrored only."""
    starts, augmentation = _starts(windows), windows.changes
    augmented = augmentation is not None and (augmentation.mirrors or (heading and augmentation.turns))
    draws = [None, *(_surely_augmented(starts, generator, heading) for _ in range(COPIES if augmented else 0))]
    copies = [[windows.gather(dancer, starts, draw).cpu() for draw in draws] for dancer in (0, 1)]
    return [torch.stack(of_dancer, dim=1).flatten(0, 1) for of_dancer in copies]


def sample_in_order(windows, generator):
    """The same without other headings, and the first frames of the windows in the recording, (W,)."""
    source, target = sample(windows, generator, heading=False)
    starts = _starts(windows).cpu()
    return source, target, starts.repeat_interleave(len(source) // len(starts))


def joint_weights(windows, dancer, poses):
    """How much each joint of a dancer counts, (D,): the square root of its lever, which is the root mean square
    distance from it to all joints below it, at least 1 cm, in the mean of poses (W, L, D)."""
    return lever_weights(poses.mean((0, 1)), windows.offsets[dancer][0].cpu(), windows.parents[dancer])


def lever_weights(mean, offsets, parents):
    """The same of a mean pose (D,) with bones (J, 3) -> (D,)."""
    pos = kinematics.joint_positions(quaternion.normalise(mean.unflatten(0, (-1, 4))), offsets, parents)
    squares = torch.zeros(len(parents))
    for joint in range(len(parents)):
        above = int(parents[joint])
        while above >= 0:
            squares[above] += (pos[joint] - pos[above]).square().sum()
            above = int(parents[above])
    levers = (squares / len(parents)).sqrt().clamp_min(1.0)
    return levers.sqrt().repeat_interleave(4)


def pick(rows, count, generator):
    """Random rows (count, ...) of (W, ...)."""
    return rows[torch.randint(len(rows), (count,), generator=generator)]


def _starts(windows):
    """The first frames of the sampled windows, (W,)."""
    return windows.train[:: math.ceil(len(windows.train) / SAMPLED)]


def _surely_augmented(starts, generator, heading):
    """Draws for the augmentation that leave no window as it is."""
    draws = torch.randn(len(starts), augment.DRAWS, generator=generator)
    draws[:, 2:] = draws[:, 2:].abs()
    if not heading:
        draws[:, 2] = -1
    return draws.to(starts.device)
