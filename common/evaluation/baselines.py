"""What the recordings say about their dancers, for what measures generated motion: which joints move, the mean pose,
the feet, and windows of the training part and of the held-out part.

Shapes: T frames, W windows, L frames of a window, J joints, D pose_dim.
"""

import dataclasses
import math
import typing

from common.dataset.duet import TRAINING, windows_at
from common.evaluation import metrics
from common.mocap import without_namespace
from common.motion import kinematics, quaternion
from common.motion.facing import forward_axis
from common.motion.feet import find_feet

import numpy as np
import torch

MOVES = 1.0  # degrees off the mean pose, on average: a joint that has less hardly moves
MOST_FRAMES = 20_000  # that a mean pose is taken from, evenly spaced
FEW_FRAMES = 2000  # that show where the feet are
MOST_WINDOWS = 1000  # of each part, evenly spaced: half an hour of windows half over each other tells enough


@dataclasses.dataclass
class Dancer:
    """One of the two dancers. The mean pose is that of the training part, as (J, 4); `moving` (J,) has the joints whose
    rotation is more than MOVES off it, averaged over the recording. End sites, and fingers that were not recorded, are
    not among them."""

    skeleton: object
    up_axis: str
    fps: float
    mean_pose: torch.Tensor  # (J, 4) float32
    moving: torch.Tensor  # (J,) bool
    hips: int
    feet: list  # the joints of each foot, the tip first
    front: torch.Tensor | None  # (3,) the body's front in the axes of the hips, where the feet tell

    @property
    def names(self):
        return [without_namespace(name) for name in self.skeleton.joint_names]


@dataclasses.dataclass
class RecordedWindows:
    """Windows of both dancers at the same time, on the CPU, by their first frames (W,) among all frames of a Duet. They
    are gathered when they are asked for: overlapping windows hold every frame several times."""

    duet: object
    starts: torch.Tensor
    length: int

    def __len__(self):
        return len(self.starts)

    def some(self, numbers):
        """The windows of these numbers."""
        return dataclasses.replace(self, starts=self.starts[numbers])

    def poses(self, dancer):
        """(W, L, D) float32, with the signs that the training sees."""
        return windows_at(self.duet.poses[dancer], self.starts, self.length)

    def rotations(self, dancer):
        """The same as (W, L, J, 4)."""
        return self.poses(dancer).unflatten(-1, (-1, 4))

    def offsets(self, dancer):
        """(W, J, 3) in cm."""
        return self.duet.offsets[dancer][self.duet.pair_of_frame()[self.starts]]


def describe_dancer(duet, number):
    """The Dancer 0 or 1 of a Duet."""
    takes = duet.takes(number)
    skeleton = takes[0].skeleton
    step = max(1, sum(stretch.frame_count for stretch in duet.stretches) // MOST_FRAMES)
    training = [
        takes[stretch.pair].rot_local[stretch.start : max(stretch.border, stretch.start + 1) : step]
        for stretch in duet.stretches
    ]
    mean_pose = quaternion.mean_rotation(sum(map(quaternion.scatter, _blocks(training))))
    recorded = [takes[s.pair].rot_local[s.start : s.end : step] for s in duet.stretches]
    errors = sum(quaternion.angle_degrees(mean_pose, block).sum(dim=0) for block in _blocks(recorded))
    errors = errors / sum(map(len, recorded))
    feet, front = _feet_and_front(takes[0], *duet.ranges[0][0])
    return Dancer(
        skeleton=skeleton,
        up_axis=takes[0].up_axis,
        fps=takes[0].fps,
        mean_pose=mean_pose.float(),
        moving=errors > MOVES,
        hips=kinematics.hips(skeleton),
        feet=feet,
        front=front,
    )


def _blocks(parts):
    """Parts of takes, (T, J, 4) each, a few frames at a time: what is computed of them is several times as large."""
    return (block for part in parts for block in part.split(quaternion.BLOCK))


def _feet_and_front(take, start, end):
    frames = kinematics.evenly_spaced(start, end, FEW_FRAMES)
    offsets, rotations = take.skeleton.offsets, take.rot_local[frames]
    skeleton = dataclasses.replace(take.skeleton, offsets=offsets if offsets.dim() == 2 else offsets[frames])
    positions = kinematics.forward_kinematics(rotations, take.root_pos[frames], skeleton)
    feet = find_feet(positions, skeleton.parents, take.up_axis, kinematics.body_height(take))
    turned = kinematics.world_rotation(rotations, skeleton.parents, kinematics.hips(skeleton))
    return feet, forward_axis(positions, turned, feet, take.up_axis)


def recorded_windows(duet, sequence_length, part):
    """Windows of one part of every frame range, one every half window, and the last one. Those of the training part are
    more closely spaced, since what is learnt from them needs examples. There may be none."""
    hop = max(1, sequence_length // (8 if part == TRAINING else 2))
    spaced = duet.window_starts(sequence_length, hop, part)
    last = duet.window_starts(sequence_length, 1, part)
    pairs = zip(spaced, last, strict=True)
    starts = torch.cat([torch.cat((starts, all_starts[-1:])).unique() for (_, starts), (_, all_starts) in pairs])
    if len(starts) > MOST_WINDOWS:
        starts = starts[kinematics.evenly_spaced(0, len(starts), MOST_WINDOWS)]
    return RecordedWindows(duet, starts, sequence_length)


# ---------------------------------------------------------------------------------------------------------------------
# what motion is off the recorded windows


class PredictionErrors(typing.NamedTuple):
    """What windows are off by, and where the joints are."""

    angles: torch.Tensor  # (W, L, J) degrees
    predicted: torch.Tensor  # (W, L, J, 3) cm, the root at the origin
    expected: torch.Tensor  # (W, L, J, 3)
    dancer: Dancer

    def degrees(self, joints):
        """Mean rotation error of the joints (J,) bool."""
        return _mean(self.angles[..., joints])

    def degrees_at(self, percent, joints):
        """A percentile of it."""
        angles = self.angles[..., joints].numpy()  # torch.quantile takes no more than 16 million numbers
        return float(np.percentile(angles, percent)) if angles.size else math.nan

    def centimetres(self, joints):
        """Mean position error of the joints, the root at the origin."""
        return _mean(metrics.position_errors(self.predicted[..., joints, :], self.expected[..., joints, :]))

    def centimetres_aligned(self, joints):
        """The same with the body turned about the up axis through the hips to lie best on the recorded one."""
        hips = [self.dancer.hips]
        predicted, expected = ((pos - pos[..., hips, :])[..., joints, :] for pos in (self.predicted, self.expected))
        return _mean(metrics.position_errors(metrics.align_heading(predicted, expected, self.dancer.up_axis), expected))


def prediction_errors(rotations, windows, number, dancer):
    """The Errors of rotations (W, L, J, 4) beside the recorded windows of dancer 0 or 1, who is the Dancer `dancer`."""
    expected, offsets = windows.rotations(number), windows.offsets(number).unsqueeze(1)
    predicted_pos, expected_pos = (
        kinematics.joint_positions(local, offsets, dancer.skeleton.parents) for local in (rotations, expected)
    )
    return PredictionErrors(quaternion.angle_degrees(rotations, expected), predicted_pos, expected_pos, dancer)


def _mean(errors):
    return float(errors.mean())
