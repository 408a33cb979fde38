"""What dancer 2 most likely answers: a regression that does not depend on where the duet faces."""

import copy

from common.dataset import augment, load_pairs, make_windows
from common.mocap import load_mocap
from common.motion import kinematics, quaternion
from common.training.warm_start import response_regression
from common.training.warm_start.start import _weights
from helpers.project import BODY, PROJECT, at_rest, write_body

import pytest
import torch

CPU = torch.device("cpu")
LENGTH = 16


@pytest.fixture(scope="module")
def windows():
    """Of the bundled duet."""
    files = [[f"duet_dancer{dancer}.fbx" for dancer in (1, 2)]]
    ranges = [[[0, 1200]]]
    pairs, ranges = load_pairs(PROJECT / "data/mocap", files, ranges, 1.0, None, None, None, "builtin")
    return made(pairs, ranges)


def made(pairs, ranges):
    windows = make_windows(pairs, ranges, [1], LENGTH, 8, 0.2, CPU)
    windows.changes = augment.Augmentation(windows, True, False)
    return windows


def find(windows, count=40, seen=None, asked=None):
    recorded = [windows.gather(dancer, windows.train) for dancer in (0, 1)]
    seen, asked = (recorded[0] if seen is None else seen), (recorded[1] if asked is None else asked)
    weights = [_weights(windows, dancer, each) for dancer, each in enumerate((seen, asked))]
    return response_regression.ResponseRegression(
        seen, asked, windows.train, windows.skeletons, weights, windows.up_axis, count
    )


def turned(windows, batch, dancers=(0, 1)):
    """Windows of a batch, turned at random, and by what (cosine and sine of half the angle)."""
    chance = torch.randn(len(batch), augment.DRAWS, generator=torch.Generator().manual_seed(1))
    chance[:, 2], chance[:, 3] = 1, -1
    return [windows.gather(dancer, batch, chance) for dancer in dancers], chance


def degrees(one, other):
    one, other = (quaternion.normalise(each.unflatten(-1, (-1, 4))) for each in (one, other))
    return torch.rad2deg(2 * quaternion.half_angle(one, other))


def test_where_the_duet_faces_is_in_the_lead_alone(windows):
    known, batch = find(windows), windows.test
    (seen, _), chance = turned(windows, batch)
    here, there = windows.gather(0, batch), seen
    torch.testing.assert_close(known.features(here), known.features(there), atol=1e-5, rtol=1e-4)
    cos, sin = torch.nn.functional.normalize(chance[:, :2], dim=1).T
    a, b = known.lead(here).T
    torch.testing.assert_close(
        known.lead(there), torch.stack((cos * a - sin * b, sin * a + cos * b), 1), atol=1e-4, rtol=0
    )


def test_an_answer_turns_with_the_duet(windows):
    known, batch = find(windows), windows.test
    (seen, _), chance = turned(windows, batch)
    here, there = (
        known.windows(known.lead(each), known.codes(known.features(each))) for each in (windows.gather(0, batch), seen)
    )
    assert degrees(windows.changes(1, here, chance), there).max() < 0.5
    assert degrees(here, there).max() > 90


def test_recorded_windows_are_their_lead_and_codes(windows):
    known = find(windows, 60)
    seen, asked = (windows.gather(dancer, windows.train) for dancer in (0, 1))
    lead = known.lead(seen)
    codes = known._as_codes(asked, lead)
    torch.testing.assert_close(codes.square().mean(0), torch.ones(60), atol=1e-2, rtol=0)
    assert degrees(known.windows(lead, codes), asked).mean() < 1.5
    assert (known.shares[:-1] >= known.shares[1:]).all() and known.shares[0] == 1


def test_an_answer_is_found_where_there_is_one_and_else_is_the_mean(windows):
    """Dancer 2 does what dancer 1 does, or what has nothing to do with it."""
    seen = windows.gather(0, windows.train)
    windows = made_of_one(windows)
    held_out = windows.gather(0, windows.test)
    known = find(windows, seen=seen, asked=seen)
    found = known.windows(known.lead(held_out), known.codes(known.features(held_out)))
    mean = known.windows(known.lead(held_out), torch.zeros(len(held_out), 40))
    moving = degrees(mean, held_out).mean((0, 1)) > 5
    assert degrees(found, held_out)[..., moving].mean() < 0.7 * degrees(mean, held_out)[..., moving].mean()
    order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(0))
    unlike = find(windows, seen=seen, asked=seen[order])
    assert (
        unlike.codes(unlike.features(held_out)).square().mean()
        < 0.35 * known.codes(known.features(held_out)).square().mean()
    )


def made_of_one(windows):
    """The same windows, with dancer 1 in both places."""
    twice = copy.copy(windows)
    twice.poses, twice.skeletons = [windows.poses[0]] * 2, [windows.skeletons[0]] * 2
    twice.parents, twice.offsets = [windows.parents[0]] * 2, [windows.offsets[0]] * 2
    return twice


def test_a_joint_that_has_changed_its_sign_on_the_way_tells_nothing(windows):
    seen = windows.gather(0, windows.train).clone()
    joint = windows.skeletons[0].joint_names.index("LeftFoot")
    seen[: len(seen) // 3, :, 4 * joint : 4 * joint + 4] *= -1
    known = find(windows, seen=seen)
    assert joint not in known.bodies[0].rest
    assert len(known.bodies[0].rest) == len(find(windows).bodies[0].rest) - 1


@pytest.mark.parametrize("who", ["hips", "root"])
def test_the_joint_that_turns_the_body_is_found_below_a_resting_root_and_above_resting_hips(who, duet):
    for name in ("one", "two"):
        write_body(duet / f"{name}.bvh", body=at_rest(BODY))
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    if who == "root":  # which then turns in place of the hips
        for take in takes:
            hips = kinematics.hips(take.skeleton)
            take.rot_local[:, 0] = take.rot_local[:, hips]
            take.rot_local[:, hips] = (1, 0, 0, 0)
    windows = make_windows([takes], [[(0, 100)]], [1], 8, 2, 0.2, CPU)
    known = find(windows, 10)
    expected = 0 if who == "root" else kinematics.hips(takes[0].skeleton)
    assert [body.joint for body in known.bodies] == [expected, expected]


def test_the_largest_eigenvector_is_the_rotation():
    q = quaternion.normalise(torch.randn(7, 5, 4, generator=torch.Generator().manual_seed(0)))
    found = response_regression._largest(q[..., response_regression.ROWS] * q[..., response_regression.COLUMNS])
    torch.testing.assert_close((found * q).sum(-1).abs(), torch.ones(7, 5), atol=1e-5, rtol=0)


def test_movements_between_recorded_ones_surround_them(windows):
    known = find(windows)
    drawn = known.between(400, torch.Generator().manual_seed(0))
    apart = torch.cdist(drawn, known.known).amin(dim=1)
    assert (apart[::4] < 0.01).all()
    assert (apart[1::2] > 0.01).float().mean() > 0.7 and (apart[2::4] > 0.01).float().mean() > 0.9
    torch.testing.assert_close(known.by_joint.sum(dim=1), known.known, atol=1e-5, rtol=0)
    assert drawn[1::2].std() == pytest.approx(float(known.known.std()), rel=0.3)
    lengths = known.leads(400, torch.Generator().manual_seed(0)).norm(dim=1)
    assert lengths.min() >= known.lengths.min() - 1e-4 and lengths.max() <= 1 + 1e-4


def test_recordings_too_short_to_try_on_are_answered_too(windows):
    windows.train, before = windows.train[:3], windows.train
    try:
        known = find(windows, 5)
    finally:
        windows.train = before
    assert known.codes(known.known).isfinite().all()
    assert (known.shares > 0).sum() <= 3
