"""Whole clips of generated motion along their paths, as they are exported, and what an eye would see in them.

Shapes: T frames, J joints.
"""

import math
import typing

from common.evaluation import metrics
from common.mocap import first_frames
from common.model import generate
from common.motion import kinematics
from common.motion.feet import foot_slides

import torch

MOST_FRAMES = 20_000  # that are generated in all: minutes of motion, in seconds


class ConvertedClip(typing.NamedTuple):
    """A clip of both dancers, and what the conversions make of it."""

    recorded: tuple  # of two Mocap
    generated: dict  # {(source, target): Mocap}


def convert_clips(clips, conversions, sequence_length):
    """A ConvertedClip of each of the recorded clips [(clip1, clip2), ...], of their first MOST_FRAMES frames in all."""
    converted, frames_left = [], max(MOST_FRAMES, sequence_length)
    for clip in clips:
        count = min(frames_left, clip[0].frame_count)
        if count < sequence_length:
            continue
        takes, frames_left = tuple(first_frames(take, count) for take in clip), frames_left - count
        generated = {
            (conversion.source, conversion.target): generate.convert_clip(conversion, takes, takes, sequence_length)
            for conversion in conversions
        }
        converted.append(ConvertedClip(takes, generated))
    return converted


def jitter(takes, moving):
    """Mean acceleration of the joints that move, in cm/s², with the root at the origin: its path does not count."""
    accelerations = []
    for take in takes:
        in_place = kinematics.joint_positions(take.rot_local, take.skeleton.mean_offsets, take.skeleton.parents)
        accelerations.append(metrics.accelerations(in_place[:, moving], take.fps).flatten())
    return float(torch.cat(accelerations).mean())


def foot_skate(takes, feet):
    """The share of frames in which a foot that is down slides, in percent; nan where no feet were found."""
    if not feet:
        return math.nan
    slides = [foot_slides(kinematics.positions_of(take), feet, take.up_axis, take.fps) for take in takes]
    return 100 * float(torch.cat(slides).double().mean())


def same_energy(takes, others, moving, others_moving):
    """Correlation over time of how much is moved in takes and in others, a mean weighted by their lengths."""
    total, frames = 0.0, 0
    for take, other in zip(takes, others, strict=True):
        energy = metrics.movement_energy(take.rot_local, moving, take.fps)
        other_energy = metrics.movement_energy(other.rot_local, others_moving, other.fps)
        total += take.frame_count * metrics.correlation(energy, other_energy)
        frames += take.frame_count
    return total / frames
