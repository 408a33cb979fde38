"""Windows by index: every training example is a stretch of frames of the two takes, never copied.

Shapes: N frames of all ranges end to end, W windows, B batch, T frames of a window, D pose_dim.
"""

from common import console, mocap
from common.errors import InputError

import torch


class Windows:
    """Windows of both dancers at the same time, and their split into training and test.

    A window is the number of its first frame. Per dancer, `poses` holds all frames (N, D), `offsets` the bones of
    every pair of files (P, J, 3) and `parents` their hierarchy (J,).
    """

    def __init__(self, poses, offsets, parents, train, test, pair_of_frame, sequence_length):
        self.poses = poses
        self.offsets = offsets
        self.parents = parents
        self.train = train  # (W,)
        self.test = test  # (W,)
        self.pair_of_frame = pair_of_frame  # (N,)
        self.frames = torch.arange(sequence_length, device=pair_of_frame.device)

    def gather(self, dancer, windows):
        """Poses of dancer 0 or 1 in the given windows, (B,) -> (B, T, D)."""
        return self.poses[dancer][windows[:, None] + self.frames]

    def bones(self, dancer, windows):
        """Bone offsets (B, 1, J, 3) in cm of dancer 0 or 1 in the given windows (B,), and their parents (J,)."""
        return self.offsets[dancer][self.pair_of_frame[windows]].unsqueeze(1), self.parents[dancer]

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


def make_windows(pairs, ranges, sequence_length, sequence_offset, test_percentage, device):
    """Windows over the frame ranges of pairs of takes [(mocap1, mocap2), ...], [[(start, end), ...], ...].

    The last `test_percentage` of every range is held out. No window crosses that border: overlapping windows would
    show the test frames to the training.
    """
    poses, train, test, pair_of_frame = ([], []), [], [], []
    first = 0
    for pair, (takes, pair_ranges) in enumerate(zip(pairs, ranges, strict=True)):
        for start, end in pair_ranges:
            count = end - start
            held_out = round(count * test_percentage)
            _check_lengths(pair, (start, end), count, held_out, sequence_length)
            for dancer in (0, 1):
                poses[dancer].append(poses_of(mocap.cut(takes[dancer], start, end)))
            border, last = first + count - held_out, first + count
            train.append(torch.arange(first, border - sequence_length + 1, sequence_offset))
            test.append(torch.arange(border, max(border, last - sequence_length + 1), sequence_offset))
            pair_of_frame.append(torch.full((count,), pair))
            first = last
    offsets = [
        torch.stack([torch.as_tensor(takes[dancer].skeleton.mean_offsets, dtype=torch.float32) for takes in pairs])
        for dancer in (0, 1)
    ]
    return Windows(
        poses=[torch.cat(dancer).to(device) for dancer in poses],
        offsets=[dancer.to(device) for dancer in offsets],
        parents=[take.skeleton.parents for take in pairs[0]],
        train=torch.cat(train).to(device),
        test=torch.cat(test).to(device),
        pair_of_frame=torch.cat(pair_of_frame).to(device),
        sequence_length=sequence_length,
    )


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


def batches(windows, batch_size, generator=None):
    """Split windows (W,) into batches (B,), the last one smaller; in random order if given a generator."""
    if generator is not None:
        windows = windows[torch.randperm(len(windows), generator=generator).to(windows.device)]
    return windows.split(batch_size)
