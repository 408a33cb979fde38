from common.dataset import Duet, Windows, load_pairs
from common.mocap import cut
from common.motion import kinematics
from common.runtime import interrupt
from common.runtime.errors import InputError
from common.training.loop import Batch, Loop

import numpy as np
import pytest
import torch


@pytest.fixture
def pairs(duet):
    return load_pairs(duet, [["one.bvh", "two.bvh"]] * 2, [[[0, 60], [60, -1]], [[5, 95]]], 1.0, None, None)


def make(pairs, length=10, offset=2, share=0.2):
    return Windows(Duet(*pairs, share), [1], length, offset, torch.device("cpu"))


def test_windows_hold_the_poses_of_both_dancers_at_the_same_time(pairs):
    windows = make(pairs)
    takes = pairs[0][1]
    part = [cut(take, 5, 95) for take in takes]
    start = 100 + 20  # the two ranges of the first pair come first
    for dancer in (0, 1):
        got = windows.gather(dancer, torch.tensor([start, 0]))
        assert got.shape == (2, 10, 48)
        np.testing.assert_allclose(got[0], part[dancer].rot_local[20:30].reshape(10, 48), atol=1e-6)
    source, target = windows.recorded(Batch(torch.tensor([start, 0]), None))
    assert source.pos is None
    assert target.offsets.shape == (2, 12, 3)
    np.testing.assert_allclose(target.poses[0], part[1].rot_local[20:30].reshape(10, 48), atol=1e-6)
    np.testing.assert_allclose(target.offsets[0], takes[1].skeleton.offsets, atol=1e-5)
    in_place = kinematics.forward_kinematics(part[1].rot_local, 0 * part[1].root_pos, part[1].skeleton)
    np.testing.assert_allclose(target.pos[0], in_place[20:30].reshape(10, 36), atol=1e-4)
    assert list(target.parents) == list(takes[1].skeleton.parents)


@pytest.mark.parametrize(("length", "offset", "share"), [(10, 2, 0.2), (7, 1, 0.25), (8, 5, 0.3), (10, 2, 0.0)])
def test_no_frame_is_both_trained_on_and_tested(pairs, length, offset, share):
    windows = make(pairs, length, offset, share)
    frames = torch.arange(length)
    trained = set((windows.train[:, None] + frames).flatten().tolist())
    tested = set((windows.test[:, None] + frames).flatten().tolist())
    assert not trained & tested
    ranges = [(0, 60), (60, 100), (100, 190)]
    for window in torch.cat((windows.train, windows.test)).tolist():
        assert any(start <= window and window + length <= end for start, end in ranges)
    for start, end in ranges:  # the end of every range is held out, and nothing is left lying
        held_out = round((end - start) * share)
        inside = sorted(f for f in tested if start <= f < end)
        assert inside == [] if held_out < length else inside[0] == end - held_out
        assert end - held_out - max(f for f in trained if start <= f < end) <= offset


def test_memory_grows_with_frames_not_with_windows(pairs):
    windows = make(pairs, length=30, offset=1)
    assert sum(poses.numel() for poses in windows.poses) == 2 * 190 * 48


def test_batches_cover_every_window_once_in_an_order_that_the_seed_gives(pairs):
    windows = make(pairs)

    def batches_of(seed):
        loop = Loop(windows, 16, torch.Generator().manual_seed(seed), interrupt.Stop())
        next(loop.epochs(1))
        return [batch.windows for batch in loop.batches()]

    batches = batches_of(3)
    assert sorted(torch.cat(batches).tolist()) == sorted(windows.train.tolist())
    assert {len(batch) for batch in batches[:-1]} == {16}
    assert torch.equal(torch.cat(batches), torch.cat(batches_of(3)))
    assert not torch.equal(torch.cat(batches), torch.cat(batches_of(4)))


def test_a_held_out_part_too_short_to_test_is_said(pairs, capsys):
    make(pairs, length=10, share=0.1).check(epochs=1, batch_size=16)
    assert "nothing of this range is tested" in capsys.readouterr().out


def test_a_range_shorter_than_a_window_is_refused(pairs):
    windows = make(pairs, length=50, share=0.0)
    windows.check(epochs=0, batch_size=16)  # an export needs no training windows
    with pytest.raises(InputError, match=r"pair 0, range \[60, 100\].*sequence_length = 50"):
        windows.check(epochs=1, batch_size=16)


def test_a_batch_larger_than_the_training_set_is_refused(pairs):
    windows = make(pairs)
    windows.check(epochs=1, batch_size=len(windows.train))
    with pytest.raises(InputError, match=f"training set of {len(windows.train)} windows"):
        windows.check(epochs=1, batch_size=len(windows.train) + 1)


def test_a_window_is_described_by_its_frames_and_files(pairs):
    windows = make(pairs)
    assert windows.describe(60 + 4) == "frames 64 to 73 of one.bvh and two.bvh"  # of the range [60, 100]
    assert windows.describe(100 + 20) == "frames 25 to 34 of one.bvh and two.bvh"  # of the range [5, 95]
