"""The latent code of a deepfake: headings, and movements as seen from there."""

from common.dataset import Duet, Windows, load_pairs
from common.dataset.augment import Augmentation
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
    recorded = [samples.sample_unturned(windows, dancer, torch.Generator()) for dancer in (0, 1)]
    weights = samples.joint_weights(windows, 0, recorded[0])
    return MovementCode(recorded, windows.skeletons, weights, windows.up_axis, SIZE)


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


def test_numbers_are_principal_components_of_one_size(code):
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
