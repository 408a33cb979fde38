"""Windows by index: every training example is a stretch of frames of the two takes, never copied.

Shapes: N frames of all ranges end to end, W windows, B batch, L frames of a window, J joints, D pose_dim.
"""

import functools
import typing

from common.dataset.augment import Augmentation
from common.dataset.duet import HELD_OUT, TRAINING, VALIDATION, windows_at
from common.motion import kinematics, quaternion
from common.runtime import console
from common.runtime.errors import InputError

import torch


class WindowBatch(typing.NamedTuple):
    """Windows of one dancer, as the models and the losses need them."""

    poses: torch.Tensor  # (B, L, D)
    pos: torch.Tensor | None  # (B, L, 3·J) joint positions in cm, the root at the origin, of a dancer who is a target
    offsets: torch.Tensor  # (B, J, 3) bones in cm
    parents: list  # J whole numbers, −1 for the root


class Windows:
    """Windows of both dancers at the same time, of the training part (`train`) and the held-out part (`test`), of which
    `validation` are those that choose the best weights.

    A window is the number of its first frame. Per dancer, `poses` holds all frames (N, D), `pos` the joint positions
    (N, 3·J) in cm of the `targets`, the dancers (0 or 1) whose movement is learnt, `offsets` the bones of every pair of
    files (P, J, 3) and `parents` their hierarchy. `augmentation` makes more training windows of these, or is None.
    No window crosses the border between the parts: overlapping windows would show the held-out frames to the training.
    """

    def __init__(
        self, duet, targets, sequence_length, sequence_offset, device, augment_heading=False, augment_mirror=False
    ):
        self.duet, self.skeletons, self.up_axis = duet, duet.skeletons, duet.up_axis
        self.parents = [skeleton.parents for skeleton in duet.skeletons]
        self.poses = [poses.to(device) for poses in duet.poses]
        self.offsets = [offsets.to(device) for offsets in duet.offsets]
        self.pair_of_frame = duet.pair_of_frame().to(device)
        self.targets = targets
        self.device, self.frames = device, torch.arange(sequence_length, device=device)
        self.train, self.test, self.validation = (
            torch.cat([starts for _, starts in duet.window_starts(sequence_length, sequence_offset, part)]).to(device)
            for part in (TRAINING, HELD_OUT, VALIDATION)
        )
        self.augmentation = None
        if augment_heading or augment_mirror:
            self.augmentation = Augmentation(self, augment_heading, augment_mirror)
        console.line(
            f"{len(self.train)} training windows and {len(self.test)} held-out windows of {sequence_length} frames "
            f"({sequence_length / duet.fps:.2f} s)"
        )

    @functools.cached_property
    def pos(self):
        """Joint positions of the targets' frames as they were recorded. They are not needed where an augmentation
        changes windows, since then the positions of a batch are computed as it is drawn."""
        return [self._all_positions(dancer) if dancer in self.targets else None for dancer in (0, 1)]

    def draw(self, batch, *noise_shape):
        """What a training step needs of a training.loop.Batch: windows of dancer 1 and of dancer 2, augmented (two
        WindowBatch), and noise (B, *noise_shape). Both dancers are changed alike, by random numbers of their own."""
        draws = None if self.augmentation is None else batch.randn(self.augmentation.DRAWS)
        return self._of(0, batch.windows, draws), self._of(1, batch.windows, draws), batch.randn(*noise_shape)

    def recorded(self, batch):
        """Windows of dancer 1 and of dancer 2 as they were recorded: two WindowBatch."""
        return self._of(0, batch.windows), self._of(1, batch.windows)

    def gather(self, dancer, windows, draws=None):
        """Poses of dancer 0 or 1 in the given windows, (B,) -> (B, L, D), augmented as the draws (B, 4) have it."""
        poses = windows_at(self.poses[dancer], windows, len(self.frames))
        return poses if draws is None else self.augmentation(dancer, poses, draws)

    def _of(self, dancer, windows, draws=None):
        poses, parents = self.gather(dancer, windows, draws), self.parents[dancer]
        offsets = self.offsets[dancer][self.pair_of_frame[windows]]
        if dancer not in self.targets:
            pos = None
        elif self.augmentation is None:
            pos = windows_at(self.pos[dancer], windows, len(self.frames))
        else:
            pos = kinematics.joint_positions(poses.unflatten(-1, (-1, 4)), offsets.unsqueeze(1), parents).flatten(-2)
        return WindowBatch(poses, pos, offsets, parents)

    def _all_positions(self, dancer):
        """Joint positions of all frames with the root at the origin, (N, 3·J) in cm."""
        poses, parents, offsets = self.duet.poses[dancer], self.parents[dancer], self.duet.offsets[dancer]
        pairs = self.duet.pair_of_frame()
        pos = torch.empty(len(poses), 3 * len(parents))
        for block in quaternion.blocks(len(poses)):
            rotations = poses[block].unflatten(-1, (-1, 4))
            pos[block] = kinematics.joint_positions(rotations, offsets[pairs[block]], parents).flatten(1)
        return pos.to(self.poses[dancer].device)

    def describe(self, window):
        """Where a window comes from, in words."""
        stretch = max((stretch for stretch in self.duet.stretches if stretch.first <= window), key=lambda s: s.first)
        start = stretch.start + window - stretch.first
        names = " and ".join(self.duet.names(stretch.pair))
        return f"frames {start} to {start + len(self.frames) - 1} of {names}"

    def check(self, epochs, batch_size):
        """Raise InputError where there is too little to train on for so many epochs in batches of that size."""
        if epochs == 0:
            return
        for stretch in self.duet.stretches:
            _check_length(stretch, len(self.frames))
        if batch_size > len(self.train):
            raise InputError(
                f"batch_size = {batch_size} is larger than the training set of {len(self.train)} windows. "
                f"Use a smaller batch_size, a smaller sequence_offset or longer frame ranges."
            )


def _check_length(stretch, sequence_length):
    where = f"mocap_valid_frame_ranges, pair {stretch.pair}, range {[stretch.start, stretch.end]}"
    held_out, learnt = stretch.end - stretch.border, stretch.border - stretch.start
    if learnt < sequence_length:
        raise InputError(
            f"{where}: {held_out} of its {stretch.frame_count} frames are held out for the test; the other "
            f"{learnt} are fewer than one window of sequence_length = {sequence_length}. Use a "
            f"longer range, a smaller sequence_length or a smaller test_percentage."
        )
    if 0 < held_out < sequence_length:
        console.note(
            f"{where}: its {held_out} held-out frames are fewer than sequence_length = {sequence_length}; "
            f"nothing of this range is tested."
        )
