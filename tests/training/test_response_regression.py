"""The response regression: dancer 2's most likely windows do not depend on where the duet faces."""

import copy

from common.dataset import Duet, Windows, load_pairs
from common.dataset.augment import Augmentation
from common.mocap import load_mocap
from common.motion import kinematics, quaternion
from common.training.warm_start import response_basis, ridge, samples
from common.training.warm_start.response_regression import ResponseRegression
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
    return Windows(Duet(pairs, ranges, 0.2), [1], LENGTH, 8, CPU, augment_heading=True)


def fit(windows, code_count=40, source=None, target=None):
    recorded = [windows.gather(dancer, windows.train) for dancer in (0, 1)]
    source, target = (recorded[0] if source is None else source), (recorded[1] if target is None else target)
    weights = [samples.joint_weights(windows, dancer, poses) for dancer, poses in enumerate((source, target))]
    recording = source, target, windows.train, windows.skeletons, weights, windows.up_axis
    return ResponseRegression(*recording, code_count, torch.Generator().manual_seed(0))


def turn_draws(count):
    """Draws for the augmentation that turn every window at random and mirror none."""
    draws = torch.randn(count, Augmentation.DRAWS, generator=torch.Generator().manual_seed(1))
    draws[:, 2], draws[:, 3] = 1, -1
    return draws


def degrees(one, other):
    one, other = (quaternion.normalise(poses.unflatten(-1, (-1, 4))) for poses in (one, other))
    return torch.rad2deg(2 * quaternion.half_angle(one, other))


def test_where_the_duet_faces_is_in_the_heading_alone(windows):
    regression, draws = fit(windows), turn_draws(len(windows.test))
    source, turned = windows.gather(0, windows.test), windows.gather(0, windows.test, draws)
    torch.testing.assert_close(regression.features(source), regression.features(turned), atol=1e-5, rtol=1e-4)
    cos, sin = torch.nn.functional.normalize(draws[:, :2], dim=1).T  # of half the angle
    a, b = regression.frame.heading(source).T
    expected = torch.stack((cos * a - sin * b, sin * a + cos * b), 1)
    torch.testing.assert_close(regression.frame.heading(turned), expected, atol=1e-4, rtol=0)


def test_a_response_turns_with_the_duet(windows):
    regression, draws = fit(windows), turn_draws(len(windows.test))
    response = regression.respond(windows.gather(0, windows.test))
    to_turned = regression.respond(windows.gather(0, windows.test, draws))
    assert degrees(windows.augmentation(1, response, draws), to_turned).max() < 0.5
    assert degrees(response, to_turned).max() > 90


def test_recorded_windows_are_their_heading_and_codes(windows):
    regression = fit(windows, 60)
    source, target = (windows.gather(dancer, windows.train) for dancer in (0, 1))
    heading = regression.frame.heading(source)
    codes = regression.basis.codes(target, heading)
    torch.testing.assert_close(codes.square().mean(0), torch.ones(60), atol=1e-2, rtol=0)
    assert degrees(regression.frame.in_room(regression.basis.windows(codes), heading), target).mean() < 1.5
    variances = regression.basis.relative_variances
    assert (variances[:-1] >= variances[1:]).all() and variances[0] == 1


def test_a_response_is_found_where_there_is_one_and_else_is_the_mean(windows):
    """Dancer 2 does what dancer 1 does, or what has nothing to do with it."""
    source = windows.gather(0, windows.train)
    windows = with_dancer_1_twice(windows)
    held_out = windows.gather(0, windows.test)
    regression = fit(windows, source=source, target=source)
    response = regression.respond(held_out)
    mean = regression.basis.windows(torch.zeros(len(held_out), 40))
    mean = regression.frame.in_room(mean, regression.frame.heading(held_out))
    moving = degrees(mean, held_out).mean((0, 1)) > 5
    assert degrees(response, held_out)[..., moving].mean() < 0.7 * degrees(mean, held_out)[..., moving].mean()
    order = torch.randperm(len(source), generator=torch.Generator().manual_seed(0))
    unrelated = fit(windows, source=source, target=source[order])
    sizes = [fitted.codes(fitted.features(held_out)).square().mean() for fitted in (unrelated, regression)]
    assert sizes[0] < 0.35 * sizes[1]


def with_dancer_1_twice(windows):
    """The same windows, with dancer 1 in both places."""
    twice = copy.copy(windows)
    twice.poses, twice.skeletons = [windows.poses[0]] * 2, [windows.skeletons[0]] * 2
    twice.parents, twice.offsets = [windows.parents[0]] * 2, [windows.offsets[0]] * 2
    return twice


def test_a_sign_changes_features_no_more_than_the_joint_s_own_movement(windows):
    source = windows.gather(0, windows.train)
    joint = windows.skeletons[0].joint_names.index("LeftFoot")
    columns = slice(4 * joint, 4 * joint + 4)
    for unsteady in (False, True):  # in the recording, too
        recorded = source.clone()
        recorded[: len(source) // 3 if unsteady else 0, :, columns] *= -1
        regression = fit(windows, source=recorded)
        other, still = source.clone(), source.clone()
        other[..., columns] *= -1
        still[..., columns] = regression.frame.source.means[joint]
        one, two = regression.features(source), regression.features(other)
        torch.testing.assert_close((one + two) / 2, regression.features(still), atol=1e-4, rtol=0)
        assert (one - two).norm(dim=1).mean() < 0.3 * one.norm(dim=1).mean()


@pytest.mark.parametrize("who", ["hips", "root"])
def test_the_joint_that_turns_the_body_is_found_below_a_resting_root_and_above_resting_hips(who, duet):
    for name in ("one", "two"):
        write_body(duet / f"{name}.bvh", body=at_rest(BODY))
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    if who == "root":  # which then turns in place of the hips
        for take in takes:
            hips = kinematics.hips(take.skeleton)
            take.rot_local[:, 0] = take.rot_local[:, hips]
            take.rot_local[:, hips] = torch.eye(4, dtype=torch.float64)[0]
    windows = Windows(Duet([takes], [[(0, 100)]], 0.2), [1], 8, 2, CPU)
    frame = fit(windows, 10).frame
    expected = 0 if who == "root" else kinematics.hips(takes[0].skeleton)
    assert [frame.source.joint, frame.target.joint] == [expected, expected]


def test_the_largest_eigenvector_is_the_rotation():
    q = quaternion.normalise(torch.randn(7, 5, 4, generator=torch.Generator().manual_seed(0)))
    upper = q[..., response_basis.ROWS] * q[..., response_basis.COLUMNS]
    eigenvector = response_basis.largest_eigenvector(upper)
    torch.testing.assert_close((eigenvector * q).sum(-1).abs(), torch.ones(7, 5), atol=1e-5, rtol=0)


def test_the_largest_eigenvector_is_that_of_a_decomposition_also_beside_negative_eigenvalues():
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(300, 4, 4, generator=generator)).Q
    values = torch.tensor([0.8, 0.5, 0.1, -0.7])
    matrices = axes @ torch.diag(values) @ axes.mT
    upper = matrices[:, response_basis.ROWS, response_basis.COLUMNS]
    eigenvector = response_basis.largest_eigenvector(upper)
    expected = torch.linalg.eigh(matrices).eigenvectors[..., -1]
    torch.testing.assert_close((eigenvector * expected).sum(-1).abs(), torch.ones(300), atol=1e-4, rtol=0)


def test_drawn_features_surround_the_recorded_ones(windows):
    features = fit(windows).features
    drawn = features.draw(400, torch.Generator().manual_seed(0))
    distance = torch.cdist(drawn, features.recorded).amin(dim=1)
    assert (distance[::4] < 0.01).all()
    assert (distance[1::2] > 0.01).float().mean() > 0.7 and (distance[2::4] > 0.01).float().mean() > 0.9
    torch.testing.assert_close(features.by_joint.sum(dim=1), features.recorded, atol=1e-5, rtol=0)
    assert drawn[1::2].std() == pytest.approx(float(features.recorded.std()), rel=0.3)


def test_drawn_headings_are_as_long_as_recorded_ones(windows):
    regression = fit(windows)
    lengths = regression.draw_headings(400, torch.Generator().manual_seed(0)).norm(dim=1)
    assert lengths.min() >= regression.heading_lengths.min() - 1e-4 and lengths.max() <= 1 + 1e-4


def test_recordings_too_short_for_a_fold_have_responses_too(windows):
    windows.train, before = windows.train[:3], windows.train
    try:
        regression = fit(windows, 5)
    finally:
        windows.train = before
    assert regression.codes(regression.features.recorded).isfinite().all()
    assert (regression.basis.relative_variances > 0).sum() <= 3


def test_folds_hold_out_blocks_that_overlap_nothing_that_is_fitted():
    starts = torch.arange(0, 100, 3)
    folds = ridge.block_folds(starts, 10)
    assert torch.cat([held_out for held_out, _ in folds]).tolist() == list(range(len(starts)))
    for held_out, fitted in folds:
        assert (starts[held_out][:, None] - starts[fitted]).abs().min() >= 10


def test_kernel_ridge_regression_solves_its_normal_equations():
    generator = torch.Generator().manual_seed(0)
    inputs, outputs = torch.randn(40, 3, generator=generator), torch.randn(40, 2, generator=generator)
    fitted = ridge.fit_kernel_ridge(inputs, outputs, torch.ones(2), [])
    residual = outputs - fitted(inputs)  # (K + λ) a = y, so that y − K a = λ a
    torch.testing.assert_close(residual, ridge.PENALTIES[-1] * fitted.coefficients, atol=1e-4, rtol=1e-4)


def test_cross_validation_prefers_a_wide_kernel_and_little_penalty_for_a_line():
    inputs = torch.linspace(-1, 1, 60)[:, None]
    fitted = ridge.fit_kernel_ridge(inputs, inputs, torch.ones(1), ridge.block_folds(torch.arange(60), 1))
    distance = float(torch.cdist(inputs, inputs).square().median())
    assert fitted.kernel.width * distance == pytest.approx(ridge.WIDTHS[0])
    residual = inputs - fitted(inputs)
    torch.testing.assert_close(residual, ridge.PENALTIES[0] * fitted.coefficients, atol=1e-4, rtol=1e-4)
