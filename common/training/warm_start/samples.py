"""Which training windows the regressions learn from. All that the warm start asks of windows and augmentation is here.

Shapes: W windows, L frames of a window, J joints, D pose_dim.
"""

import math

from common.dataset import augment
from common.training.warm_start import pose_metric

import torch

MOVEMENTS = 600  # windows at most that tell how a dancer moves, evenly spaced
UNTURNED = 1200  # at most that tell how a dancer moves as seen from the heading: turned copies tell no more of that
TURNED = 2  # augmented copies of each
PAIRS = 600  # that tell what dancer 2 does when dancer 1 moves so
BLOCK = 100  # windows at once, since windows take much memory


def sample_movements(windows, dancer, generator):
    """Training windows of a dancer (W, L, D), each followed by its augmented copies."""
    return _sample(windows, dancer, _evenly_spaced(windows.train, MOVEMENTS), generator, heading=True)


def sample_unturned(windows, dancer, generator):
    """Training windows of a dancer (W, L, D), each followed by its mirror image where windows are mirrored."""
    return _sample(windows, dancer, _evenly_spaced(windows.train, UNTURNED), generator, heading=False)


def draw_movements(windows, dancer, count, generator):
    """Random training windows of a dancer (count, L, D), recorded and augmented ones.

    Drawn anew for every block, they cost little memory.
    """
    starts = pick(windows.train.cpu(), count, generator).to(windows.train.device)
    return pick(_sample(windows, dancer, starts, generator, heading=True), count, generator)


def sample_pairs(windows, generator):
    """Training windows of dancer 1 and dancer 2 (W, L, D) in order of time, and their first frames in the recording
    (W,). None is turned, but each may be followed by its mirror image."""
    starts = _evenly_spaced(windows.train, PAIRS)
    source, target = (_sample(windows, dancer, starts, generator, heading=False) for dancer in (0, 1))
    return source, target, starts.cpu().repeat_interleave(len(source) // len(starts))


def _sample(windows, dancer, starts, generator, heading):
    """Windows by their first frames (W,), each followed by augmented ones: turned, if `heading`, and mirrored."""
    augmentation = windows.augmentation
    turns, mirrors = (augmentation.turns and heading, augmentation.mirrors) if augmentation else (False, False)
    copies = TURNED if turns else int(mirrors)
    sampled = torch.empty(len(starts), 1 + copies, len(windows.frames), windows.poses[dancer].shape[1])
    for part, block in zip(starts.split(BLOCK), sampled.split(BLOCK), strict=True):
        block[:, 0] = windows.gather(dancer, part)
        for copy in range(1, 1 + copies):
            draws = torch.randn(len(part), augment.Augmentation.DRAWS, generator=generator)
            draws[:, 2:] = draws[:, 2:].abs()  # which leaves no window as it is
            if not heading:
                draws[:, 2] = -1
            block[:, copy] = windows.gather(dancer, part, draws.to(part.device))
    return sampled.flatten(0, 1)


def _evenly_spaced(starts, count):
    return starts[:: math.ceil(len(starts) / count)]


def joint_weights(windows, dancer, poses):
    """How much each joint of a dancer counts, (D,), by its lever in the mean of poses (W, L, D)."""
    return pose_metric.lever_weights(poses.mean((0, 1)), windows.offsets[dancer][0].cpu(), windows.parents[dancer])


def pick(rows, count, generator):
    """Random rows (count, ...) of (W, ...)."""
    return rows[torch.randint(len(rows), (count,), generator=generator)]
