"""Feet: which joints they are, how high they stand in foot contact, and when they slide in it (foot skate).

Shapes: T frames, J joints. Positions are in cm.
"""

from common.motion import axes, quaternion

import torch

FOOT_LOW = 5.0  # cm above where it stands
FOOT_SLIDES = 50.0  # cm/s, horizontally
FOOT_SECONDS = 0.05  # over which that is measured, since noise would move a foot from one frame to the next
FOOT_HEIGHT = 0.1  # of the body's height: what ends below it, half of the time, is a foot
FLOOR = 0.05  # the share of frames in which a foot may be below where it stands: noise


def find_feet(positions, parents, up_axis, body_height):
    """The joints of each foot, the tip first: a list of lists, from positions along the path (T, J, 3).

    A joint without children that is near the floor half of the time is the tip of a foot, whatever its name; the foot
    is the tip and the joints above it that are as low.
    """
    heights = axes.heights(positions, up_axis)
    floor = heights.min(dim=1).values.quantile(FLOOR)
    low = ((heights.median(dim=0).values - floor) < FOOT_HEIGHT * body_height).tolist()
    feet, inner = [], set(parents)
    for tip in range(len(parents)):
        if low[tip] and tip not in inner and parents[tip] >= 0:
            foot = [tip]
            while parents[foot[-1]] >= 0 and low[parents[foot[-1]]]:
                foot.append(parents[foot[-1]])
            feet.append(foot)
    return feet


def standing_height(heights):
    """How high joints stand, (T, J) -> (J,): hardly ever are they lower."""
    return heights.quantile(FLOOR, dim=0)


def foot_slides(positions, feet, up_axis, fps):
    """Foot skate: whether a foot that is down slides, (T, J, 3) along the path -> (T - k,) booleans, k frames being
    1/20 s.

    It slides where each of its joints is low at the beginning and at the end of that time, within 5 cm of the height at
    which that joint stands in this motion, and has come farther than 2.5 cm over the floor: 50 cm/s. These are the
    numbers of the foot skating ratio of Karunratanakul et al., "Guided Motion Diffusion for Controllable Human Motion
    Synthesis", ICCV 2023, who look at the toes alone. In a step toes often pass the floor lower than that, and would
    count as sliding; with the heel they do not.
    """
    frames = max(1, round(fps * FOOT_SECONDS))
    slides = torch.zeros(max(0, len(positions) - frames), dtype=torch.bool)
    for foot in feet:
        pos = positions[:, foot]  # (T, joints of the foot, 3)
        heights = axes.heights(pos, up_axis)
        low = heights < standing_height(heights) + FOOT_LOW
        distance = quaternion.length((pos[frames:] - pos[:-frames])[..., axes.horizontal_axes(up_axis)])
        slides |= (low[frames:] & low[:-frames] & (distance * fps / frames > FOOT_SLIDES)).all(dim=1)
    return slides
