"""Windows by index: every training example is a stretch of frames of the two takes, never copied.

Shapes: N frames of all ranges end to end, W windows, B batch, T frames of a window, J joints, D pose_dim.
"""

import typing
from pathlib import Path

from common.mocap import cut_clip
from common.motion import kinematics, quaternion
from common.runtime import console
from common.runtime.errors import InputError

import numpy as np
import torch


class Target(typing.NamedTuple):
    """Recorded windows as the losses need them."""

    poses: torch.Tensor  # (B, T, D)
    pos: torch.Tensor  # (B, T, 3·J) joint positions in cm, the root at the origin
    offsets: torch.Tensor  # (B, J, 3) bones in cm
    parents: np.ndarray  # (J,)


class Windows:
    """Windows of both dancers at the same time, and their split into training and test.

    A window is the number of its first frame. Per dancer, `poses` holds all frames (N, D), `pos` the joint positions
    (N, 3·J) in cm of those whose movement is a target, `offsets` the bones of every pair of files (P, J, 3) and
    `parents` their hierarchy (J,). `changes`, an augment.Changes if there is one, makes more training windows of these.
    """

    def __init__(self, poses, pos, offsets, skeletons, up_axis, train, test, pair_of_frame, sequence_length, stretches):
        self.poses = poses
        self.pos = pos
        self.offsets = offsets
        self.skeletons = skeletons
        self.parents = [skeleton.parents for skeleton in skeletons]
        self.up_axis = up_axis
        self.changes = None
        self.train = train  # (W,)
        self.test = test  # (W,)
        self.pair_of_frame = pair_of_frame  # (N,)
        self.frames = torch.arange(sequence_length, device=pair_of_frame.device)
        self.stretches = stretches  # (first of N, first frame of the take, names of the pair's files), in order

    def gather(self, dancer, windows, chance=None):
        """Poses of dancer 0 or 1 in the given windows, (B,) -> (B, T, D), changed as their chance (B, 4) has it."""
        poses = self.poses[dancer][windows[:, None] + self.frames]
        return poses if chance is None or self.changes is None else self.changes(dancer, poses, chance)

    def target(self, dancer, windows, chance=None):
        """What the decoder of dancer 0 or 1 should give in the given windows (B,), changed or not."""
        poses, parents = self.gather(dancer, windows, chance), self.parents[dancer]
        offsets = self.offsets[dancer][self.pair_of_frame[windows]]
        if chance is None or self.changes is None:
            return Target(poses, self.pos[dancer][windows[:, None] + self.frames], offsets, parents)
        pos = kinematics.joint_positions(poses.unflatten(-1, (-1, 4)), offsets.unsqueeze(1), parents)
        return Target(poses, pos.flatten(-2), offsets, parents)

    def describe(self, window):
        """Where a window comes from, in words."""
        first, start, names = max(stretch for stretch in self.stretches if stretch[0] <= window)
        start += window - first
        return f"frames {start} to {start + len(self.frames) - 1} of {' and '.join(names)}"

    def description(self, fps):
        """How much there is to learn from, and to test on."""
        length = len(self.frames)
        return (
            f"{len(self.train)} training windows and {len(self.test)} held-out windows "
            f"of {length} frames ({length / fps:.2f} s)"
        )


def poses_of(take):
    """A take's poses as the models see them: (T, D) float32."""
    return torch.as_tensor(take.rot_local, dtype=torch.float32).flatten(1)


def make_windows(pairs, ranges, targets, sequence_length, sequence_offset, test_percentage, device):
    """Windows over the frame ranges of pairs of takes [(mocap1, mocap2), ...], [[(start, end), ...], ...].

    `targets` are the dancers, 0 or 1, whose movement is to be learnt. The last `test_percentage` of every range is held
    out. No window crosses that border: overlapping windows would show the test frames to the training.
    """
    stretches = [(pair, *frame_range) for pair, pair_ranges in enumerate(ranges) for frame_range in pair_ranges]
    lengths = [end - start for _, start, end in stretches]
    train, test, origins, first = [], [], [], 0
    for (pair, start, end), count in zip(stretches, lengths, strict=True):
        learnt = border_frame(start, end, test_percentage) - start
        _check_lengths(pair, (start, end), count, count - learnt, sequence_length)
        middle, last = first + learnt, first + count
        origins.append((first, start, [Path(take.path).name for take in pairs[pair]]))
        train.append(torch.arange(first, middle - sequence_length + 1, sequence_offset))
        test.append(torch.arange(middle, max(middle, last - sequence_length + 1), sequence_offset))
        first = last
    takes_of = list(zip(*pairs, strict=True))  # per dancer
    poses = [_all_poses([takes[pair] for pair, *_ in stretches], stretches, sum(lengths)) for takes in takes_of]
    offsets = [
        torch.stack([torch.as_tensor(take.skeleton.mean_offsets, dtype=torch.float32) for take in takes])
        for takes in takes_of
    ]
    skeletons = [takes[0].skeleton for takes in takes_of]
    parents = [skeleton.parents for skeleton in skeletons]
    pair_of_frame = torch.repeat_interleave(torch.tensor([pair for pair, *_ in stretches]), torch.tensor(lengths))
    pos = [
        _all_positions(poses[dancer], offsets[dancer], parents[dancer], pair_of_frame) if dancer in targets else None
        for dancer in (0, 1)
    ]
    return Windows(
        poses=[dancer.to(device) for dancer in poses],
        pos=[dancer if dancer is None else dancer.to(device) for dancer in pos],
        offsets=[dancer.to(device) for dancer in offsets],
        skeletons=skeletons,
        up_axis=takes_of[0][0].up_axis,
        train=torch.cat(train).to(device),
        test=torch.cat(test).to(device),
        pair_of_frame=pair_of_frame.to(device),
        sequence_length=sequence_length,
        stretches=origins,
    )


def border_frame(start, end, test_percentage):
    """The first frame of a range that is held out; its end where none is."""
    return end - round((end - start) * test_percentage)


def held_out_clips(pairs, ranges, test_percentage, sequence_length):
    """What is held out, as clips of both dancers [(clip1, clip2), ...], of every range that holds out a window."""
    stretches = [
        (takes, pair_ranges, border_frame(start, end, test_percentage), end)
        for takes, pair_ranges in zip(pairs, ranges, strict=True)
        for start, end in pair_ranges
    ]
    return [
        tuple(cut_clip(take, first, end, pair_ranges) for take in takes)
        for takes, pair_ranges, first, end in stretches
        if end - first >= sequence_length
    ]


def preview_stretch(ranges, test_percentage, sequence_length, length):
    """A stretch of `length` frames, or of what there is: (pair, start, end, whether it is held out).

    The first frames of the first held-out part with room for a window, or else the last ones of the training part of
    the first range.
    """
    stretches = [
        (pair, start, border_frame(start, end, test_percentage), end)
        for pair, pair_ranges in enumerate(ranges)
        for start, end in pair_ranges
    ]
    for pair, _, middle, end in stretches:
        if end - middle >= sequence_length:
            return pair, middle, min(middle + length, end), True
    pair, start, middle, _ = stretches[0]
    return pair, max(start, middle - length), middle, False


def _all_poses(takes, stretches, frame_count):
    """The frames of all stretches (pair, start, end) end to end, (N, D) float32. In every stretch the first frame keeps
    the sign that the file's own Euler angles give, and the signs are continuous from there."""
    poses = torch.empty(frame_count, 4 * takes[0].skeleton.joint_count)
    first = 0
    for take, (_, start, end) in zip(takes, stretches, strict=True):
        rot_local = torch.from_numpy(take.rot_local[start:end])
        signs = quaternion.continuous_signs(rot_local)
        for block in _blocks(end - start):  # so that no copy of a long take is made on the way
            poses[first:][block] = (rot_local[block] * signs[block].unsqueeze(-1)).flatten(1)
        first += end - start
    return poses


def _all_positions(poses, offsets, parents, pair_of_frame):
    """Joint positions of all frames (N, D) with the root at the origin, (N, 3·J) in cm."""
    pos = torch.empty(len(poses), 3 * len(parents))
    for block in _blocks(len(poses)):
        rotations = poses[block].unflatten(-1, (-1, 4))
        pos[block] = kinematics.joint_positions(rotations, offsets[pair_of_frame[block]], parents).flatten(1)
    return pos


def _blocks(count):
    return [slice(start, min(start + quaternion.BLOCK, count)) for start in range(0, count, quaternion.BLOCK)]


def _check_lengths(pair, frame_range, count, held_out, sequence_length):
    where = f"mocap_valid_frame_ranges, pair {pair}, range {list(frame_range)}"
    if count - held_out < sequence_length:
        raise InputError(
            f"{where}: {held_out} of its {count} frames are held out for the test; the other "
            f"{count - held_out} are fewer than one window of sequence_length = {sequence_length}. Use a "
            f"longer range, a smaller sequence_length or a smaller test_percentage."
        )
    if 0 < held_out < sequence_length:
        console.note(
            f"{where}: its {held_out} held-out frames are fewer than sequence_length = {sequence_length}; "
            f"nothing of this range is tested."
        )


def check_batch_size(windows, batch_size):
    """A batch cannot be larger than what there is to train on."""
    if batch_size > len(windows.train):
        raise InputError(
            f"batch_size = {batch_size} is larger than the training set of {len(windows.train)} windows. "
            f"Use a smaller batch_size, a smaller sequence_offset or longer frame ranges."
        )


def split_into_batches(windows, batch_size, generator=None):
    """Split windows (W,) into batches (B,), the last one smaller; in random order if given a generator."""
    if generator is not None:
        windows = windows[torch.randperm(len(windows), generator=generator).to(windows.device)]
    return windows.split(batch_size)
