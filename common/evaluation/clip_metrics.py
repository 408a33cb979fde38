"""Whole stretches of generated motion along their paths, as a clip is exported, and what an eye would see in them.

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


class Stretch(typing.NamedTuple):
    """A clip of both dancers, and what the conversions make of it."""

    recorded: tuple  # of two Mocap
    generated: dict  # {(source, target): Mocap}


def generate_stretches(clips, conversions, sequence_length):
    """Stretches of recorded clips [(clip1, clip2), ...], of their first MOST_FRAMES frames."""
    found, left = [], max(MOST_FRAMES, sequence_length)
    for clip in clips:
        count = min(left, clip[0].frame_count)
        if count < sequence_length:
            continue
        takes, left = tuple(first_frames(take, count) for take in clip), left - count
        generated = {way[:2]: generate.convert_clip(way, takes, takes, sequence_length) for way in conversions}
        found.append(Stretch(takes, generated))
    return found


def positions(take):
    """Joint positions along the path, (T, J, 3) in cm."""
    return kinematics.forward_kinematics(take.rot_local, take.root_pos, take.skeleton)


def jitter(takes, moving):
    """Mean acceleration of the joints that move, in cm/s², with the root at the origin: its path is no matter here."""
    found = []
    for take in takes:
        offsets = torch.from_numpy(take.skeleton.mean_offsets)
        in_place = kinematics.joint_positions(torch.from_numpy(take.rot_local), offsets, take.skeleton.parents)
        found.append(metrics.accelerations(in_place[:, moving], take.fps).flatten())
    return float(torch.cat(found).mean())


def foot_skate(takes, feet):
    """The share of frames in which a foot that is down slides, in percent; nan where no feet were found."""
    if not feet:
        return math.nan
    slides = [foot_slides(positions(take), feet, take.up_axis, take.fps) for take in takes]
    return 100 * float(torch.cat(slides).double().mean())


def same_energy(takes, others, moving, others_moving):
    """Correlation over time of how much is moved in takes and in others, a mean weighted by their lengths."""
    total, frames = 0.0, 0
    for take, other in zip(takes, others, strict=True):
        energies = [
            metrics.movement_energy(torch.from_numpy(each.rot_local), joints, each.fps)
            for each, joints in ((take, moving), (other, others_moving))
        ]
        total, frames = total + take.frame_count * metrics.correlation(*energies), frames + take.frame_count
    return total / frames
