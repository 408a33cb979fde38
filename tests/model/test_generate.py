import itertools
import math

from common.model import generate, vae
from common.motion import quaternion

import pytest
import torch


def smooth_motion(frames, joints=3):
    time = torch.arange(frames, dtype=torch.float64)[:, None, None] / 30
    speed = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    angles = (time * speed).expand(frames, joints, 3) + torch.arange(joints)[:, None]
    return quaternion.make_continuous(quaternion.from_euler(angles, "ZXY"))


def windows_of(motion, length, starts):
    padded = torch.cat((motion, motion[-1:].expand(length, -1, -1)))
    return torch.stack([padded[start : start + length] for start in starts])


@pytest.mark.parametrize("frames", [5, 63, 64, 65, 80, 81, 200, 1000])
@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_windows_of_one_motion_blend_to_that_motion(frames, length):
    motion = smooth_motion(frames)
    starts = generate.window_starts(frames, length)
    assert starts[-1] + length >= frames
    assert all(0 < b - a <= 16 for a, b in itertools.pairwise(starts))
    windows = windows_of(motion, length, starts)
    flipped = windows * torch.where(torch.arange(len(starts)) % 2 == 0, 1.0, -1.0)[:, None, None, None]
    blended = generate.blend(flipped, starts, frames)
    torch.testing.assert_close(quaternion.half_angle(blended, motion), torch.zeros(frames, 3, dtype=torch.float64))
    assert ((blended[1:] * blended[:-1]).sum(-1) > 0).all()


def test_disagreeing_windows_fade_into_each_other():
    turn = quaternion.from_euler(torch.tensor([0.6, 0.0, 0.0], dtype=torch.float64), "XYZ")
    still = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    frames, length = 300, 64
    starts = generate.window_starts(frames, length)
    windows = torch.stack([(still if i % 2 else turn).expand(length, 1, 4) for i in range(len(starts))])
    blended = generate.blend(windows, starts, frames)
    assert torch.allclose(torch.linalg.vector_norm(blended, dim=-1), torch.ones(frames, 1, dtype=torch.float64))
    steps = quaternion.half_angle(blended[1:], blended[:-1])
    assert steps.max() < 0.03  # a cut from one window to the next would be 0.3
    assert quaternion.half_angle(blended[0], windows[0, 0]).max() < 1e-9  # the ends count fully


@pytest.fixture
def nets():
    torch.manual_seed(0)
    return vae.Encoder(12, 4, 1, 8, True, [6]), vae.Decoder(12, 4, 10, 1, 8, True, [6])


@pytest.mark.parametrize("frames", [3, 10, 57])
def test_encode_and_decode_cover_a_clip_of_any_length(nets, frames):
    encoder, decoder = nets
    poses = smooth_motion(frames).flatten(1).float()
    codes = generate.encode(encoder, poses, 10)
    assert codes.shape == (len(generate.window_starts(frames, 10)), 4)
    motion = generate.decode(decoder, codes, frames)
    assert motion.shape == (frames, 3, 4)
    assert motion.dtype == torch.float64
    assert motion.isfinite().all()
    assert torch.equal(codes, generate.encode(encoder, poses, 10))  # the mean, not a draw
    assert not torch.equal(codes, generate.encode(encoder, poses, 10, draw_samples=True))


def test_a_single_window_decodes_to_the_decoders_own_output(nets):
    encoder, decoder = nets
    poses = smooth_motion(10).flatten(1).float()
    codes = generate.encode(encoder, poses, 10)
    mu, _ = vae.latent(*encoder(poses[None]))
    torch.testing.assert_close(codes, mu)
    expected = quaternion.normalise(decoder(mu)[0].unflatten(-1, (3, 4)).double())
    angle = quaternion.half_angle(generate.decode(decoder, codes, 10), expected)
    assert angle.max() < 1e-6


def test_random_walk_starts_at_the_code_and_stays_in_range():
    torch.manual_seed(1)
    code = torch.tensor([0.9, -0.9, 0.0])
    walk = generate.random_walk(code, torch.tensor([0.5, 0.5, 0.01]), 400)
    torch.testing.assert_close(walk[0], code)
    assert walk.abs().max() <= 1
    assert walk.diff(dim=0)[:, 2].std().item() == pytest.approx(0.01, rel=0.2)
    assert walk[:, 0].max() - walk[:, 0].min() > 1


def test_step_size_sine_and_cross_fade():
    codes = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    torch.testing.assert_close(generate.step_size(codes), torch.tensor([3.0, 4.0]))
    assert generate.step_size(codes[:1]).tolist() == [0, 0]
    swung = generate.sine_offset(torch.zeros(9, 2), 0.5, 80, sequence_length=20)  # windows every 10 frames
    expected = 0.5 * torch.sin(2 * math.pi * torch.arange(9) / 8)
    torch.testing.assert_close(swung, expected[:, None].expand(9, 2))
    faded = generate.cross_fade(codes, torch.ones(3, 2))
    assert faded[0].tolist() == [0, 0]
    assert faded[1].tolist() == [2, 2.5]
    assert faded[2].tolist() == [1, 1]
