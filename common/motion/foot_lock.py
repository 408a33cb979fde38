"""Foot lock: a path, and legs, with which standing feet do not slide.

The models learn rotations, and what they generate goes along a recorded path. Where a leg is off, the foot that should
carry the body slides. Foot lock takes the smallest detour from the path on which standing feet do not slide. Where two
feet stand and come apart, no path holds both: then the legs reach, by inverse kinematics, for where the feet stood.

Shapes: T frames, J joints, F feet. Detours, and steps from each frame to the next, lie on the floor and are in cm.
"""

import math

from common.motion import axes, kinematics, leg_ik, quaternion, root_path
from common.motion.feet import FOOT_LOW, FOOT_SLIDES, find_feet, standing_height

import torch

HEIGHT = 170.0  # of a body, to which the lengths here belong
CONTACT_HEIGHT = FOOT_LOW  # cm over where it stands: there a foot is as likely to stand as not
CONTACT_BLUR = 1.0  # cm over or under that, which make it three times as likely, or unlikely
SLIDE_SPEED = FOOT_SLIDES  # cm/s, at which a foot has half its weight: what slides faster is rather in a step
ITERATIONS = 6  # of solving and reweighting
SMOOTHING_SECONDS = 0.02  # the standard deviation of what smooths the detour: no foot's tremor is to shake the body
PATH_STIFFNESS = 0.8  # per second: how strongly the path is drawn back to the recorded one
SPEED_WEIGHT = 0.02  # of a standing foot's weight: that the path keeps its recorded speed
LEG_STIFFNESS = 3.0  # per second: how strongly a foot is drawn back to where its leg has it
LONGEST_REACH = 20.0  # cm that a leg puts its foot aside


def hold(take):
    """A take on a path on which its standing feet do not slide, or slide less: a Mocap.

    It leaves the recorded path over the floor only, not in height. Legs reach for what is left, where there are legs.
    Without anything that stands near the floor half of the time, the take is as it was.
    """
    positions, height = kinematics.positions_of(take), kinematics.body_height(take)
    feet = find_feet(positions, take.skeleton.parents, take.up_axis, height)
    if not feet or take.frame_count < 2:
        return take
    size = height / HEIGHT
    contacts, steps = zip(*(_contact_and_steps(positions[:, foot] / size, take.up_axis) for foot in feet), strict=True)
    detour = _detour(torch.stack(contacts, dim=1), torch.stack(steps, dim=1), take.fps)
    locked = root_path.aside(take, _over_the_floor(size * detour, take.up_axis))
    for foot, contact, step in zip(feet, contacts, steps, strict=True):
        if leg_ik.has_leg(take.skeleton, foot[-1], height):
            slide = step + torch.diff(detour, dim=0)  # what is left of it on this path
            shift = _detour(contact[:, None], slide[:, None], take.fps, LEG_STIFFNESS)
            shift = shift * (LONGEST_REACH / quaternion.length(shift)).clamp_max(1).unsqueeze(-1)
            locked = leg_ik.reach(locked, foot[-1], _over_the_floor(size * shift, take.up_axis))
    return locked


def _over_the_floor(shift, up_axis):
    """A shift over the floor (T, 2) as vectors (T, 3)."""
    vectors = shift.new_zeros(len(shift), 3)
    vectors[:, axes.horizontal_axes(up_axis)] = shift
    return vectors


def _contact_and_steps(foot, up_axis):
    """The contact of a foot, from 0 to 1, from each frame to the next (T - 1,), and its steps over the floor meanwhile
    (T - 1, 2), from the positions of its joints (T, joints, 3)."""
    heights = axes.heights(foot, up_axis)
    above = (heights - standing_height(heights)).amax(dim=1)
    contact = torch.sigmoid((CONTACT_HEIGHT - above) / CONTACT_BLUR)
    places = foot.mean(dim=1)[:, axes.horizontal_axes(up_axis)]
    return torch.minimum(contact[1:], contact[:-1]), torch.diff(places, dim=0)


def _detour(contacts, steps, fps, stiffness=PATH_STIFFNESS):
    """A detour over the floor (T, 2), from the contacts of feet (T - 1, F) and their steps (T - 1, F, 2).

    With Δcₜ = cₜ₊₁ − cₜ, the steps d and weights w of feet f, the detour c makes
    `Σₜ,f w|d + Δc|² + SPEED_WEIGHT·Σₜ|Δc|² + (stiffness/fps)²·Σₜ|c|²` smallest. The weights are the contacts; since a
    foot in a step is an outlier in this, they are then multiplied by Cauchy's, `1 / (1 + (speed/SLIDE_SPEED)²)`, and so
    on (Holland & Welsch, "Robust regression using iteratively reweighted least-squares", 1977). In the end the detour
    is smoothed a little.
    """
    from scipy import linalg, ndimage  # here, so that a script starts without the time that SciPy takes

    weights = contacts
    for _ in range(ITERATIONS):
        links = weights.sum(dim=1) + SPEED_WEIGHT
        pulls = -(weights.unsqueeze(-1) * steps).sum(dim=1)
        matrix = links.new_zeros(2, len(links) + 1)  # the diagonal, and what stands below it
        matrix[0] = (stiffness / fps) ** 2
        matrix[0, 1:] += links
        matrix[0, :-1] += links
        matrix[1, :-1] = -links
        right = pulls.new_zeros(len(links) + 1, 2)
        right[1:] += pulls
        right[:-1] -= pulls
        detour = torch.from_numpy(linalg.solveh_banded(matrix.numpy(), right.numpy(), lower=True))
        speeds = quaternion.length(steps + torch.diff(detour, dim=0).unsqueeze(1)) * fps
        weights = contacts / (1 + (speeds / SLIDE_SPEED) ** 2)
    deviation = SMOOTHING_SECONDS * fps
    radius = math.ceil(4 * deviation)
    return torch.from_numpy(ndimage.gaussian_filter1d(detour.numpy(), deviation, 0, mode="nearest", radius=radius))
