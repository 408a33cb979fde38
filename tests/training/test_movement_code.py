"""The latent code of a deepfake: headings, and movements as seen from there."""

from common.dataset import Duet, Windows, load_pairs
from common.dataset.augment import Augmentation
from common.motion import kinematics, quaternion
from common.training.warm_start import samples
from common.training.warm_start.motion_basis import SPREAD
from common.training.warm_start.movement_code import MovementCode
from helpers.project import PROJECT

import pytest
import torch

SIZE = 12


@pytest.fixture(scope="module")
def windows():
    """The last half minute of the bundled duet."""
    files = [[f"duet_dancer{dancer}.fbx" for dancer in (1, 2)]]
    pairs = load_pairs(PROJECT / "data/mocap", files, [[[7500, 9000]]], 1.0, None, None, None, "builtin")
    return Windows(Duet(*pairs, 0.2), [0, 1], 32, 8, torch.device("cpu"), augment_heading=True)


@pytest.fixture(scope="module")
def code(windows):
    return make_code(windows)


def make_code(windows, change=lambda windows: windows):
    recorded = [samples.sample_unturned(windows, dancer, torch.Generator()) for dancer in (0, 1)]
    weights = samples.joint_weights(windows, 0, recorded[0])
    recorded = [change(part) for part in recorded]
    return MovementCode(recorded, windows.skeletons, weights, windows.up_axis, SIZE, torch.Generator())


def with_other_sign(windows, joint, hop=1):
    """Every `hop`th window with the rotations of a joint as −q."""
    windows = windows.clone()
    windows[::hop, :, 4 * joint : 4 * joint + 4] *= -1
    return windows


def turned(windows, dancer):
    """Recorded windows of a dancer, as they are and turned in the room."""
    draws = torch.randn(len(windows.train), Augmentation.DRAWS, generator=torch.Generator().manual_seed(0))
    draws[:, 2] = 1
    return windows.gather(dancer, windows.train), windows.gather(dancer, windows.train, draws)


@pytest.mark.parametrize("dancer", [0, 1])
def test_windows_are_seen_from_the_heading_and_put_back(windows, code, dancer):
    for part in turned(windows, dancer):
        seen = code.see(part)
        torch.testing.assert_close(code.frame.in_room(seen, code.heading(part)), part, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dancer", [0, 1])
def test_a_movement_has_the_same_numbers_wherever_the_dancer_faces(windows, code, dancer):
    here, there = turned(windows, dancer)
    torch.testing.assert_close(code.numbers(code.see(here)), code.numbers(code.see(there)), atol=1e-4, rtol=0)
    assert (code.heading(here) - code.heading(there)).abs().mean() > 0.2
    torch.testing.assert_close(code.heading(there).norm(dim=1), torch.ones(len(there)))


def test_numbers_are_sums_of_the_turning_joint_and_the_others(windows, code):
    seen = code.see(windows.gather(0, windows.train)).unflatten(-1, (-1, 4))
    joint = code.frame.target.joint
    still = seen.clone()
    still[:, :, joint] = code.basis.mean.unflatten(0, (-1, 4))[joint]
    others = code.numbers(still.flatten(2))
    whole = code.numbers(seen.flatten(2))
    torch.testing.assert_close(others + code.numbers_of_turning(seen[:, :, joint]), whole, atol=1e-4, rtol=0)
    assert (whole - others).abs().mean() > 0.02


def test_numbers_are_uncorrelated_and_of_one_size(code):
    numbers = torch.cat([code.numbers(seen) - code.numbers(mean.expand(1, 32, -1)) for seen, mean in both(code)])
    covariance = numbers.T @ numbers / len(numbers)
    torch.testing.assert_close(covariance, SPREAD**2 * torch.eye(SIZE), atol=1e-4, rtol=0)
    assert (code.relative_variances.diff() <= 0).all()
    assert code.relative_variances[0] == 1


def both(code):
    return zip(code.seen, code.means, strict=True)


def test_numbers_do_not_tell_how_mean_poses_differ(code):
    numbers = [code.numbers(mean.expand(1, 32, -1)) for mean in code.means]
    torch.testing.assert_close(*numbers, atol=1e-4, rtol=0)


def test_the_principal_components_tell_more_of_where_joints_are_than_joint_by_joint(windows, code):
    """Both ways give the movement back by linear regression from as many numbers."""
    seen = torch.cat(code.seen)
    coefficients = code.basis.coefficients(seen).flatten(1)
    joint_by_joint = torch.linalg.eigh((coefficients.T @ coefficients).double()).eigenvectors[:, -SIZE:].float()
    truth = positions(windows, seen)
    errors = []
    for components in (code.components, joint_by_joint):
        numbers = torch.cat((coefficients @ components, torch.ones(len(seen), 1)), dim=1)
        told = numbers @ torch.linalg.lstsq(numbers, coefficients).solution
        given_back = code.basis.windows(told.unflatten(1, code.basis.variances.shape))
        errors.append(float((positions(windows, given_back) - truth).norm(dim=-1).mean()))
    assert errors[0] < 0.97 * errors[1]


def positions(windows, seen):
    rotations = quaternion.normalise(seen.unflatten(-1, (-1, 4)))
    return kinematics.joint_positions(rotations, windows.offsets[0][0], windows.parents[0])


def test_a_sign_changes_numbers_no_more_than_the_joint_s_own_movement(windows, code):
    seen = code.see(windows.gather(0, windows.train))
    joint = windows.skeletons[0].joint_names.index("LeftFoot")
    still = seen.clone()
    still[..., 4 * joint : 4 * joint + 4] = code.frame.source.means[joint]
    as_recorded, other = code.numbers(seen), code.numbers(with_other_sign(seen, joint))
    torch.testing.assert_close((as_recorded + other) / 2, code.numbers(still), atol=0.01, rtol=0)
    torch.testing.assert_close(code.numbers(with_other_sign(still, joint)), code.numbers(still), atol=0.02, rtol=0)
    assert (as_recorded - other).abs().mean() < 0.3 * as_recorded.abs().mean()


def test_signs_that_change_within_a_recording_are_no_part_of_the_code(windows, code):
    joint = windows.skeletons[0].joint_names.index("LeftFoot")
    signed = make_code(windows, lambda recorded: with_other_sign(recorded, joint, 4))
    for dancer in (0, 1):
        torch.testing.assert_close(signed.seen[dancer], code.seen[dancer], atol=1e-5, rtol=0)
        assert (signed.signs[dancer][::4, joint] == -1).all()
        assert signed.signs[dancer].mean() > 0.9
    drawn = signed.draw(400, torch.Generator().manual_seed(0))[:200].unflatten(-1, (-1, 4))
    along = (drawn[:, :, joint] * signed.frame.source.means[joint]).sum(-1).mean(dim=1)
    assert 0.15 < (along < 0).float().mean() < 0.35  # an encoder learns from signs as they were recorded
