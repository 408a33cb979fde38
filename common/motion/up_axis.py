"""Which axis of a recording is up, for files that do not say: rest pose, motion and floor together.

Shapes: T frames, J joints.
"""

import typing

from common.motion import axes, kinematics

import torch

SAMPLED = 500  # frames of a take that are looked at
LEVEL = 0.005  # of the body's size: how level a floor can be measured
ZERO = 0.05  # of the body's size: how near to the origin a floor lies that lies at zero
STILL = 0.001  # of the body's size: hips that move less are nailed to a point, and no floor is seen
TRUNK = 1.1  # the say of the trunk in the motion: it settles a tie
AT_ZERO = 0.5  # the say of a floor at zero, where rest pose, trunk and floor each have 1
DOUBT = 0.4  # the second candidate is that near to the first


class UpAxis(typing.NamedTuple):
    """The up axis, the second candidate, and whether the two are too near to be sure."""

    axis: str
    other: str
    doubtful: bool


def find_up_axis(mocap):
    """The UpAxis of a take: the one of six directions for which most speaks.

    Four things do. The trunk lies above the legs in the rest pose, if that shows a body at all. The trunk lies above
    the legs in the motion, the longer the more. The lowest point of the body stays level, since it is on the floor; and
    in many recordings the floor lies at zero. A dancer who lies, or stands on the hands, has rest pose and floor for
    the right axis, one who jumps has rest pose and trunk; a file that rests in other axes than it moves, trunk and
    floor.
    """
    positions = kinematics.sampled_positions(mocap, SAMPLED)
    trunk, legs = kinematics.trunk_and_legs(mocap.skeleton)
    scores = _resting(mocap.skeleton) + _floor(positions[:, kinematics.hips(mocap.skeleton) :])
    if len(legs):
        scores += TRUNK * _upright(positions[:, trunk].mean(dim=1) - positions[:, legs].mean(dim=1))
    first, second = scores.argsort(descending=True, stable=True)[:2].tolist()
    return UpAxis(axes.UP_AXES[first], axes.UP_AXES[second], bool(scores[first] - scores[second] < DOUBT))


def _resting(skeleton):
    """What the rest pose says for each of the six: (6,) from 0 to 1."""
    upright = kinematics.upright_at_rest(skeleton)
    if upright is not None:
        return torch.cat((upright, -upright)).clamp_min(0) ** 2
    if kinematics.trunk_and_legs(skeleton)[1]:
        return torch.zeros(6, dtype=torch.float64)
    extent = axes.extent(kinematics.rest_pose(skeleton))  # of a chain all that can be said is where it is longest
    return torch.cat((extent == extent.max(), torch.zeros(3))).double()


def _upright(trunk):
    """What the trunk says, from where it lies above the legs (F, 3): (6,) from 0 to 1."""
    mean = trunk.mean(dim=0) / trunk.norm(dim=1).mean().clamp_min(1e-9)
    return torch.cat((mean, -mean)).clamp_min(0)


def _floor(positions):
    """What the lowest points say, of positions (F, J, 3) with the hips first: (6,) from 0 to 1 for how level they stay
    beside the most level, and AT_ZERO for a floor at zero."""
    lowest = torch.cat((positions.amin(dim=1), -positions.amax(dim=1)), dim=1).T  # (6, F), in the order of UP_AXES
    size = axes.extent(positions, dim=1).norm(dim=1).mean().clamp_min(1e-9)
    low, middle, high = lowest.quantile(lowest.new_tensor((0.1, 0.5, 0.9)), dim=1) / size
    unlevel = high - low + LEVEL
    level = unlevel.min() / unlevel if axes.extent(positions[:, 0]).max() > STILL * size else 0
    return level + AT_ZERO * torch.exp(-((middle / ZERO) ** 2))
