"""Feet that stand where they stand: a path that gives way to them.

The models learn rotations, and what they generate goes along a recorded path. A foot that should carry the body then
slides by whatever its leg is off. Here the path makes room: the smallest detour on which what stands does not slide.
Where two feet stand and come apart, no path holds both, and their legs reach for where they stood.

Shapes: T frames, J joints, F feet.
"""

import math

from common.motion import axes, kinematics, leg_ik, root_path
from common.motion.feet import FOOT_LOW, FOOT_SLIDES, find_feet, standing_height

import numpy as np
import torch

HEIGHT = 170.0  # of a body, to which the lengths here belong
LOW = FOOT_LOW  # cm over where it stands, up to which a foot may be standing
SURE = 1.0  # cm over or under that, which make it three times as likely, or unlikely
SLIDES = FOOT_SLIDES  # cm/s, at which a foot has half its say: what slides faster is rather in a step
ROUNDS = 6  # of solving and reweighting
SMOOTH = 0.02  # seconds, the standard deviation of what smooths the detour: no foot's tremor is to shake the body
BACK = 0.8  # per second: how strongly the path is drawn back to the recorded one
FREE = 0.02  # of a standing foot's say: that the path keeps its recorded speed
LEG_BACK = 3.0  # per second: how strongly a foot is drawn back to where its leg has it
FARTHEST = 20.0  # cm that a leg reaches


def hold(take):
    """A take on a path on which its standing feet do not slide, or slide less: a Mocap.

    It leaves the recorded path over the floor only, not in height. Legs reach for what is left, where there are legs.
    Without anything that stands near the floor half of the time, the take is as it was.
    """
    positions = kinematics.forward_kinematics(take.rot_local, take.root_pos, take.skeleton)
    height = kinematics.body_height(take)
    feet = find_feet(positions, take.skeleton.parents, take.up_axis, height)
    if not feet or take.frame_count < 2:
        return take
    size = height / HEIGHT
    stands, ways = zip(*(_footing(positions[:, foot] / size, take.up_axis) for foot in feet), strict=True)
    detour = size * _detour(np.stack(stands, axis=1), np.stack(ways, axis=1), take.fps)
    held = root_path.aside(take, _over_the_floor(detour, take.up_axis))
    for foot, stood, way in zip(feet, stands, ways, strict=True):
        if leg_ik.has_leg(take.skeleton, foot[-1], height):
            left = way + np.diff(detour) / size  # that it slides on this path
            reached = _detour(stood[:, None], left[:, None], take.fps, LEG_BACK)
            reached *= np.minimum(1, FARTHEST / np.abs(reached).clip(1e-9))
            held = leg_ik.reach(held, foot[-1], _over_the_floor(size * reached, take.up_axis))
    return held


def _over_the_floor(way, up_axis):
    """Complex numbers (T,) as vectors (T, 3)."""
    found = np.zeros((len(way), 3))
    found[:, axes.horizontal_axes(up_axis)] = np.stack((way.real, way.imag), axis=1)
    return found


def _footing(foot, up_axis):
    """How surely a foot stands, from each frame to the next (T - 1,), and its way over the floor meanwhile, as complex
    numbers (T - 1,); from the positions of its joints (T, joints, 3)."""
    heights = axes.heights(foot, up_axis)
    over = (heights - standing_height(heights)).amax(dim=1)
    sure = torch.sigmoid((LOW - over) / SURE).numpy()
    x, y = foot.mean(dim=1)[:, axes.horizontal_axes(up_axis)].numpy().T
    return np.minimum(sure[1:], sure[:-1]), np.diff(x + 1j * y)


def _detour(stands, ways, fps, back=BACK):
    """Over the floor, as complex numbers (T,), from how surely feet stand and their ways (T - 1, F).

    With Δcₜ = cₜ₊₁ − cₜ, the ways d and weights w of feet f, the detour c makes
    `Σₜ,f w|d + Δc|² + FREE·Σₜ|Δc|² + (back/fps)²·Σₜ|c|²` smallest. The weights are how surely the feet stand; since one
    in a step is an outlier in this, they are then multiplied by Cauchy's, `1 / (1 + (speed/SLIDES)²)`, and so on
    (Holland & Welsch, "Robust regression using iteratively reweighted least-squares", 1977). In the end the detour is
    smoothed a little.
    """
    from scipy import linalg, ndimage  # here, so that a script starts without the time that SciPy takes

    weights = stands
    for _ in range(ROUNDS):
        links = weights.sum(axis=1) + FREE
        pulls = -(weights * ways).sum(axis=1)
        matrix = np.zeros((2, len(links) + 1))  # the diagonal, and what stands below it
        matrix[0] = (back / fps) ** 2
        matrix[0, 1:] += links
        matrix[0, :-1] += links
        matrix[1, :-1] = -links
        right = np.zeros(len(links) + 1, complex)
        right[1:] += pulls
        right[:-1] -= pulls
        detour = linalg.solveh_banded(matrix, right, lower=True)
        speeds = np.abs(ways + np.diff(detour)[:, None]) * fps
        weights = stands / (1 + (speeds / SLIDES) ** 2)
    deviation = SMOOTH * fps
    return ndimage.gaussian_filter1d(detour, deviation, mode="nearest", radius=math.ceil(4 * deviation))
