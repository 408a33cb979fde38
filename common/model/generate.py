"""Long sequences from windows: encode a clip, change its codes, decode and blend.

A clip of T frames is covered by overlapping windows of L frames. Shapes: W windows, J joints, Z latent.
"""

import dataclasses
import math
import typing

from common.dataset.clip import CONVERTED, TRANSLATED
from common.mocap import poses_of
from common.model import vae
from common.motion import foot_lock, quaternion, root_path

import torch

LARGEST_HOP = 16  # frames from one window to the next
BATCH = 64  # windows that pass the model at once


class Conversion(typing.NamedTuple):
    """What the trained models convert: the movement of one dancer, 0 or 1, to movement of one of the two."""

    source: int
    target: int
    encoder: torch.nn.Module
    decoder: torch.nn.Module
    path_of: int  # the dancer whose recorded path through the room it follows
    lock_feet: bool = False  # a foot lock: standing feet do not slide, and the path gives way

    @property
    def kind(self):
        """What its clips are: a translation goes on the path of the dancer whom it predicts."""
        return CONVERTED if self.path_of == self.source else TRANSLATED


def compared(conversions):
    """The conversions that have a recording to be compared with: each dancer to themselves in a deepfake, dancer 1
    to dancer 2 in a translation."""
    reconstructions = [conversion for conversion in conversions if conversion.source == conversion.target]
    return reconstructions or list(conversions)


def window_hop(sequence_length):
    """Frames from one window to the next; windows always overlap by half or more."""
    return max(1, min(LARGEST_HOP, sequence_length // 2))


def window_starts(frame_count, sequence_length):
    """First frames of the windows that cover a clip; the last window ends with the clip."""
    last = max(frame_count - sequence_length, 0)
    return [*range(0, last, window_hop(sequence_length)), last]


@torch.no_grad()
def encode(encoder, poses, sequence_length, draw_samples=False):
    """Latent codes of a clip's windows, (T, D) -> (W, Z): the means, or samples if asked for.

    A clip shorter than a window is held at its last frame.
    """
    missing = max(sequence_length - len(poses), 0)
    poses = torch.cat((poses, poses[-1:].expand(missing, -1))) if missing else poses
    windows = poses.unfold(0, sequence_length, 1)  # (T - L + 1, D, L), a view
    starts = torch.tensor(window_starts(len(poses), sequence_length), device=poses.device)
    outputs = [vae.latent(*encoder(windows[batch].transpose(1, 2))) for batch in starts.split(BATCH)]
    return torch.cat([vae.sample(mu, std, torch.randn_like(std) if draw_samples else None) for mu, std in outputs])


@torch.no_grad()
def decode(decoder, codes, frame_count):
    """Decode codes (W, Z), one per window, and blend: rotations (T, J, 4), float64 on the CPU."""
    batches = (decoder(batch).double().cpu().unflatten(-1, (-1, 4)) for batch in codes.split(BATCH))
    windows = (window for batch in batches for window in quaternion.normalise(batch))
    return blend(windows, window_starts(frame_count, decoder.sequence_length), frame_count)


@torch.no_grad()
def encode_windows(encoder, windows):
    """The latent means of windows of poses (W, L, D) -> (W, Z), on the CPU."""
    device = next(encoder.parameters()).device
    return torch.cat([vae.latent(*encoder(batch.to(device)))[0].cpu() for batch in windows.split(BATCH)])


@torch.no_grad()
def convert_windows(conversion, windows):
    """Each window of the source dancer's poses on its own, (W, L, D) -> rotations (W, L, J, 4), float32 on the CPU."""
    device = next(conversion.encoder.parameters()).device
    codes = encode_windows(conversion.encoder, windows)
    decoded = [conversion.decoder(batch.to(device)).float().cpu() for batch in codes.split(BATCH)]
    return quaternion.normalise(torch.cat(decoded).unflatten(-1, (-1, 4)))


def encode_clip(encoder, clip, sequence_length, draw_samples=False):
    """The latent codes (W, Z) of a clip, one per window: the means, or samples if asked for."""
    poses = poses_of(clip).to(next(encoder.parameters()).device)
    return encode(encoder, poses, sequence_length, draw_samples)


def convert(conversion, clip, sequence_length):
    """A clip of the source dancer as movement of the target dancer: rotations (T, J, 4), float64 on the CPU."""
    return decode(conversion.decoder, encode_clip(conversion.encoder, clip, sequence_length), clip.frame_count)


def decode_clip(decoder, codes, body, guide=None, lock_feet=False, scale=1.0):
    """Codes (W, Z) as movement of a body, a Mocap, on the path of another one, `guide`, or on its own."""
    guide = body if guide is None else guide
    moved = dataclasses.replace(body, rot_local=decode(decoder, codes, guide.frame_count))
    return place(moved, guide, lock_feet, scale)


def place(body, guide, lock_feet=False, scale=1.0):
    """A body, as it moves its joints, on a guide's path, as far as a foot lock allows. It stays in one place where the
    guide does."""
    placed = root_path.follow(body, guide, scale)
    return foot_lock.hold(placed) if lock_feet and root_path.travels(guide) else placed


def convert_clip(conversion, clips, takes, sequence_length, draw_samples=False):
    """Clips of both dancers to what a conversion makes of them, a Mocap on its path. The path is scaled by how high the
    two bodies carry their hips in whole takes."""
    source, target, encoder, decoder, path_of, lock_feet = conversion
    codes = encode_clip(encoder, clips[source], sequence_length, draw_samples)
    scale = root_path.scale_between(takes[target], takes[path_of])
    return decode_clip(decoder, codes, clips[target], clips[path_of], lock_feet, scale)


def blend(windows, starts, frame_count):
    """Overlapping windows of rotations, W times (L, J, 4), one after the other, to one sequence (T, J, 4).

    A weighted mean of sign-aligned quaternions, brought back to unit length: close to the true mean for the
    small differences between windows (Markley et al., "Averaging Quaternions", 2007). The Hann weights are
    divided by their sum at every frame, so the ends count as fully as the middle.
    """
    total = None
    for window, start in zip(windows, starts, strict=True):
        if total is None:
            length = len(window)
            hann = torch.sin(math.pi * (torch.arange(length, dtype=window.dtype) + 0.5) / length).square()
            total = torch.zeros((starts[-1] + length, *window.shape[1:]), dtype=window.dtype)
            weight = torch.zeros((len(total), 1, 1), dtype=window.dtype)
        frames = slice(start, start + length)
        agrees = (total[frames] * window).sum(-1, keepdim=True) >= 0
        total[frames] += hann[:, None, None] * torch.where(agrees, window, -window)
        weight[frames] += hann[:, None, None]
    mean = quaternion.normalise(total / weight)
    return quaternion.make_continuous(mean[:frame_count])


# ---------------------------------------------------------------------------------------------------------------------
# changes to codes


def random_walk(code, step_size, count):
    """A walk of `count` codes from one code (Z,): normal steps of size (Z,), turned back at ±1 -> (W, Z).

    The latent means lie between −1 and 1 (tanh), so the walk is folded back into that range.
    """
    steps = torch.randn((count - 1, len(code))).to(code) * step_size
    path = torch.cumsum(torch.cat((code.unsqueeze(0), steps)), dim=0)
    return 1 - (torch.remainder(path + 1, 4) - 2).abs()


def step_size(codes):
    """Root mean square of the steps between neighbouring codes (W, Z) -> (Z,)."""
    return torch.diff(codes, dim=0).square().mean(dim=0).sqrt() if len(codes) > 1 else torch.zeros_like(codes[0])


def sine_offset(codes, amplitude, period, sequence_length):
    """Codes (W, Z) of a clip's windows, with one sine added to all numbers, of `period` frames."""
    frames = torch.arange(len(codes), device=codes.device) * window_hop(sequence_length)
    return codes + amplitude * torch.sin(2 * math.pi * frames / period).unsqueeze(1)


def cross_fade(first, second):
    """From the codes (W, Z) of one stretch to those of another, in even steps."""
    share = torch.linspace(0, 1, len(first), device=first.device).unsqueeze(1)
    return (1 - share) * first + share * second
