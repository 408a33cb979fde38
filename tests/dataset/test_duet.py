"""The duet: its parts, which share no frame, and clips with the signs of the training."""

import dataclasses

from common.dataset import Duet
from common.dataset.duet import FEWEST, HELD_OUT, REPORTED, TRAINING, VALIDATION, windows_at
from common.mocap import cut, load_mocap, poses_of

import numpy as np
import pytest
import torch

RANGES = [[(50, 98), (3, 40)], [(10, 100)]]  # in any order
PARTS = (TRAINING, HELD_OUT, VALIDATION, REPORTED)


@pytest.fixture
def takes(duet):
    """Two takes whose signs leap now and then, as those of Euler angles do."""
    flips = torch.where(torch.arange(100) % 7 < 3, -1.0, 1.0)[:, None, None]
    whole = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    return tuple(dataclasses.replace(take, rot_local=take.rot_local * flips) for take in whole)


def make(takes, share=0.25, ranges=None):
    ranges = ranges or RANGES
    return Duet([takes] * len(ranges), ranges, share)


def frames_of(duet, part, length, hop=1):
    """The frames, among the N of all ranges, that the windows of a part hold."""
    starts = torch.cat([starts for _, starts in duet.window_starts(length, hop, part)])
    return set((starts[:, None] + torch.arange(length)).flatten().tolist())


@pytest.mark.parametrize(("share", "borders"), [(0.25, [86, 31, 78]), (0.0, [98, 40, 100]), (0.5, [74, 22, 55])])
def test_the_border_is_in_one_place(takes, share, borders):
    duet = make(takes, share)
    assert [stretch.border for stretch in duet.stretches] == borders
    assert [stretch.first for stretch in duet.stretches] == [0, 48, 85]
    held_out = sum(stretch.end - stretch.border for stretch in duet.stretches)
    assert duet.held_out_seconds == pytest.approx(held_out / 50)
    assert duet.training_seconds == pytest.approx((175 - held_out) / 50)
    for stretch in duet.stretches:  # the parts lie end to end
        assert stretch.part(TRAINING) == (stretch.start, stretch.border)
        assert stretch.part(HELD_OUT) == (stretch.part(VALIDATION)[0], stretch.part(REPORTED)[1])
        assert stretch.part(VALIDATION)[1] == stretch.part(REPORTED)[0] == stretch.middle
    for part in PARTS:
        for stretch, starts in duet.window_starts(4, 1, part):
            first, last = stretch.part(part if duet.has_halves(4) or part == TRAINING else HELD_OUT)
            expected = range(first, last - 4 + 1)
            assert (starts - stretch.first + stretch.start).tolist() == list(expected)


@pytest.mark.parametrize(("length", "hop"), [(4, 1), (4, 3), (5, 2), (8, 1)])
@pytest.mark.parametrize("share", [0.5, 0.6])
def test_no_frame_is_in_two_parts(takes, length, hop, share):
    duet = make(takes, share)
    assert duet.has_halves(length)
    trained, held_out, validation, reported = (frames_of(duet, part, length, hop) for part in PARTS)
    assert trained
    assert validation
    assert reported
    assert not trained & held_out
    assert not trained & (validation | reported)
    assert not validation & reported
    if hop == 1:
        assert validation | reported <= held_out


def test_halves_need_windows_enough(takes):
    length = 8
    for held_out, enough in ((2 * (length + length // 2 * (FEWEST - 1)), True), (39, False), (0, False)):
        duet = make(takes, held_out / 100, [[(0, 100)]])
        assert duet.has_halves(length) == enough
        whole = frames_of(duet, HELD_OUT, length)
        for part in (VALIDATION, REPORTED):  # else the whole does both
            assert (frames_of(duet, part, length) == whole) != enough
            count = sum(clip[0].frame_count for clip in duet.held_out_motions(length, part))
            assert count == (held_out / 2 if enough else held_out)


def test_clips_have_the_signs_of_the_training(takes):
    duet = make(takes)
    assert not torch.equal(duet.motions(0, 60, 70)[0].rot_local, takes[0].rot_local[60:70])  # whose signs leap
    for dancer in (0, 1):
        for stretch in duet.stretches:
            clip = duet.motions(stretch.pair, stretch.start + 9, stretch.end - 4)[dancer]
            trained = duet.poses[dancer][stretch.first :][9 : stretch.frame_count - 4]
            torch.testing.assert_close(poses_of(clip), trained, atol=1e-6, rtol=0)
            window = windows_at(duet.poses[dancer], torch.tensor([stretch.first + 9]), 5)[0]
            torch.testing.assert_close(poses_of(clip)[:5], window, atol=1e-6, rtol=0)
        for start in (0, 45):  # outside of every range: as from the pair's first one on
            clip, expected = duet.motions(0, start, start + 5)[dancer], cut(takes[dancer], start, start + 5, 50)
            np.testing.assert_array_equal(clip.rot_local, expected.rot_local)


def test_a_preview_is_of_what_is_held_out_where_there_is_room(takes):
    assert make(takes).preview(10, 500) == (0, 86, 98, True)
    assert make(takes).preview(10, 11) == (0, 86, 97, True)
    assert make(takes).preview(15, 20) == (1, 78, 98, True)  # the first two ranges hold out too little
    assert make(takes).preview(30, 20) == (0, 66, 86, False)
    assert make(takes, 0.0).preview(10, 30) == (0, 68, 98, False)
    assert make(takes, 0.0).preview(10, 500) == (0, 50, 98, False)


@pytest.mark.parametrize(
    ("start", "length", "keep_length", "expected"),
    [
        (20, 30, False, (20, 30)),
        (20, 30, True, (20, 30)),
        (90, 30, False, (90, 10)),
        (90, 30, True, (70, 30)),
        (500, 30, False, (70, 30)),
        (500, 300, True, (0, 100)),
        (100, 30, False, (70, 30)),
    ],
)
def test_a_cut_is_brought_into_the_takes(takes, start, length, keep_length, expected):
    duet = make(takes)
    clips, first, count = duet.recorded_clips(1, start, length, keep_length)
    assert (first, count) == expected
    for dancer, motion in enumerate(duet.motions(1, first, first + count)):
        clip = clips[dancer]
        assert (clip.kind, clip.source, clip.dancer, clip.epoch) == ("recorded", dancer, dancer, 0)
        assert clip.stretch == (1, first, count)
        assert clip.motion.frame_count == count
        np.testing.assert_array_equal(clip.motion.rot_local, motion.rot_local)
        np.testing.assert_array_equal(clip.motion.root_pos, motion.root_pos)
