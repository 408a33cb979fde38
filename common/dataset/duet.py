"""The duet: pairs of takes, where in them the dancers dance, and what of that is held out.

Shapes: T frames, N frames of all frame ranges end to end, W windows, L frames of a window, J joints, D pose_dim.
"""

import functools
import typing
from pathlib import Path

from common.dataset.clip import RECORDED, Clip
from common.dataset.pairs import load_pairs
from common.dataset.take_findings import check_takes
from common.mocap import cut
from common.motion import quaternion

import torch

# Parts of every frame range. Of what is held out, the first half chooses the best weights and the second one tells how
# good they are; no window lies in two parts.
TRAINING, HELD_OUT, VALIDATION, REPORTED = "training", "held out", "validation", "reported"
FEWEST = 4  # windows, half over each other, in a half of what is held out: with fewer, the whole does both


class Stretch(typing.NamedTuple):
    """A frame range of a pair, and the first frame of it that is held out: `end` where none is."""

    pair: int
    start: int
    border: int
    end: int
    first: int  # where the range begins among the N frames of all ranges

    @property
    def frame_count(self):
        return self.end - self.start

    @property
    def middle(self):
        """Halfway through what is held out."""
        return self.border + (self.end - self.border) // 2

    def part(self, name):
        """The frames of one part, (first, end)."""
        return {
            TRAINING: (self.start, self.border),
            HELD_OUT: (self.border, self.end),
            VALIDATION: (self.border, self.middle),
            REPORTED: (self.middle, self.end),
        }[name]


class Duet:
    """The loaded pairs of takes [(mocap1, mocap2), ...] and their frame ranges [[(start, end), ...], ...].

    The last `held_out_share` of every range is held out. `load_duet` loads one; dancers count from 0.
    """

    def __init__(self, pairs, ranges, held_out_share):
        self.pairs, self.ranges, self.held_out_share = pairs, ranges, held_out_share
        self.fps, self.up_axis = pairs[0][0].fps, pairs[0][0].up_axis
        self.skeletons = [take.skeleton for take in pairs[0]]
        self.pose_dims = [4 * skeleton.joint_count for skeleton in self.skeletons]
        self.findings = []  # of check_takes, where the takes were checked
        self.stretches, first = [], 0
        for pair, pair_ranges in enumerate(ranges):
            for start, end in pair_ranges:
                border = end - round((end - start) * held_out_share)
                self.stretches.append(Stretch(pair, start, border, end, first))
                first += end - start

    def joint_names(self, dancer):
        """The names of a dancer's joints, in file order."""
        return self.skeletons[dancer].joint_names

    def takes(self, dancer):
        """A dancer's takes, one for each pair."""
        return [pair[dancer] for pair in self.pairs]

    def names(self, pair):
        """The file names of a pair."""
        return [Path(take.path).name for take in self.pairs[pair]]

    @property
    def training_seconds(self):
        return sum(stretch.border - stretch.start for stretch in self.stretches) / self.fps

    @property
    def held_out_seconds(self):
        return sum(stretch.end - stretch.border for stretch in self.stretches) / self.fps

    # -----------------------------------------------------------------------------------------------------------------
    # stretches of both dancers

    def motions(self, pair, start, end):
        """Frames start ≤ f < end of both dancers, (motion1, motion2), with the signs that the training sees: those of
        the frame range in which they start, or else of the pair's first range."""
        inside = [stretch.start for stretch in self.stretches if stretch.pair == pair and self._holds(stretch, start)]
        anchor = inside[0] if inside else self.ranges[pair][0][0]
        return tuple(cut(take, start, end, anchor) for take in self.pairs[pair])

    def recorded_clips(self, pair, start, length, keep_length=False):
        """A Clip of each dancer, cut to what the takes have: ((clip1, clip2), start, length). A start beyond the takes
        is moved back, and with `keep_length` so is one too near to their end."""
        frame_count = self.pairs[pair][0].frame_count
        if start >= frame_count or keep_length:
            start = max(0, min(start, frame_count - length))
        length = min(length, frame_count - start)
        names = (f"orig_sequence_dancer{n}_index_{pair}_seq_start_{start}_length_{length}" for n in (1, 2))
        motions, stretch = self.motions(pair, start, start + length), (pair, start, length)
        clips = [
            Clip(name, motion, RECORDED, dancer, dancer, stretch=stretch)
            for dancer, (name, motion) in enumerate(zip(names, motions, strict=True))
        ]
        return clips, start, length

    def held_out_motions(self, sequence_length, part):
        """One part of what is held out, [(motion1, motion2), ...], of every range in which it has room for a window."""
        if not self.has_halves(sequence_length):
            part = HELD_OUT
        frames = [(stretch.pair, *stretch.part(part)) for stretch in self.stretches]
        return [self.motions(pair, start, end) for pair, start, end in frames if end - start >= sequence_length]

    def preview(self, sequence_length, length):
        """A stretch of `length` frames, or of what there is, for previews: (pair, start, end, whether it is held out).

        The first frames of the first held-out part with room for a window, or else the last ones of the training part
        of the first range.
        """
        for stretch in self.stretches:
            if stretch.end - stretch.border >= sequence_length:
                return stretch.pair, stretch.border, min(stretch.border + length, stretch.end), True
        stretch = self.stretches[0]
        return stretch.pair, max(stretch.start, stretch.border - length), stretch.border, False

    @staticmethod
    def _holds(stretch, frame):
        return stretch.start <= frame < stretch.end

    # -----------------------------------------------------------------------------------------------------------------
    # windows

    @functools.cached_property
    def poses(self):
        """Per dancer the poses of all frame ranges end to end, (N, D) float32 on the CPU.

        In every range the first frame has the sign that the file's own Euler angles give, and the signs are continuous
        from there.
        """
        return [self._poses(dancer) for dancer in (0, 1)]

    @functools.cached_property
    def offsets(self):
        """Per dancer the bones of every pair of files, (P, J, 3) float32 in cm."""
        return [torch.stack([take.skeleton.mean_offsets.float() for take in self.takes(dancer)]) for dancer in (0, 1)]

    def _poses(self, dancer):
        poses = torch.empty(sum(stretch.frame_count for stretch in self.stretches), self.pose_dims[dancer])
        for stretch in self.stretches:
            rot_local = self.pairs[stretch.pair][dancer].rot_local[stretch.start : stretch.end]
            signs = quaternion.continuous_signs(rot_local)
            for block in quaternion.blocks(stretch.frame_count):  # so that no copy of a long take is made
                poses[stretch.first :][block] = (rot_local[block] * signs[block].unsqueeze(-1)).flatten(1)
        return poses

    def pair_of_frame(self):
        """The pair of each of the N frames, (N,)."""
        pairs = torch.tensor([stretch.pair for stretch in self.stretches])
        return torch.repeat_interleave(pairs, torch.tensor([stretch.frame_count for stretch in self.stretches]))

    def window_starts(self, sequence_length, hop, part):
        """Where windows that lie in one part begin, every `hop` frames: [(stretch, starts among the N frames), ...]."""
        if part in (VALIDATION, REPORTED) and not self.has_halves(sequence_length):
            part = HELD_OUT
        starts = []
        for stretch in self.stretches:
            first, last = stretch.part(part)
            frames = torch.arange(first, max(first, last - sequence_length + 1), hop)
            starts.append((stretch, frames - stretch.start + stretch.first))
        return starts

    def has_halves(self, sequence_length):
        """Whether each half of what is held out has windows enough to choose by, or to report."""
        hop = max(1, sequence_length // 2)
        counts = [], []
        for stretch in self.stretches:
            for half, (first, last) in enumerate((stretch.part(VALIDATION), stretch.part(REPORTED))):
                counts[half].append(max(0, (last - first - sequence_length) // hop + 1))
        return min(sum(count) for count in counts) >= FEWEST


def windows_at(frames, starts, sequence_length):
    """Windows of frames (N, ...) that begin at `starts` (W,) -> (W, L, ...)."""
    return frames[starts[:, None] + torch.arange(sequence_length, device=starts.device)]


def load_duet(folder, files, frame_ranges, frame_offsets, held_out_share, *settings, **options):
    """Read the pairs of takes that a script names as a Duet, and print the findings in them; all other arguments go to
    `pairs.load_pairs`, whose errors these are."""
    pairs, ranges = load_pairs(folder, files, frame_ranges, *settings, frame_offsets=frame_offsets, **options)
    duet = Duet(pairs, ranges, held_out_share)
    duet.findings = check_takes(duet.pairs, duet.ranges)
    return duet
