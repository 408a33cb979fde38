"""The partners of a duet to each other: how far apart they are, and whether one faces the other.

Shapes: T frames, J joints. Positions are in cm along the dancers' paths, angles in degrees.
"""

import math

from common.evaluation import metrics
from common.motion import kinematics
from common.motion.facing import angles_between, flat, headings

import torch

MOST_POINTS = 500  # of a curve


def distances(hips, partner_hips, up_axis):
    """From hips to hips over the floor, (T, 3), (T, 3) -> (T,)."""
    return flat(partner_hips - hips, up_axis).norm(dim=-1)


def facing(front, hips, partner_hips, up_axis):
    """The angle between where a dancer's front points and the direction to the partner, (T, 3) three times -> (T,)
    degrees: 0 faces the partner, 90 stands beside, 180 turns the back."""
    return angles_between(front, flat(partner_hips - hips, up_axis))


def measure(dancers, clips, conversion):
    """Distance and facing of the partners over time: dancer 1 as recorded, with dancer 2 as recorded and as generated.

    `clips` are clip_metrics.ConvertedClip, and `conversion` is the one (source, target) that gives dancer 2. The curves
    are of the longest clip, at most MOST_POINTS long, the figures of all. None where dancer 2's body shows no front.
    """
    second = dancers[1]
    if second.front is None or not clips:
        return None
    curves, errors, baseline_errors = [], [], []
    mean_heading = _heading(second.mean_pose.double()[None], second)
    for clip in clips:
        partner = kinematics.positions_of(clip.recorded[0])[:, dancers[0].hips]
        recorded, expected = _to_the_partner(clip.recorded[1], second, partner)
        generated, heading = _to_the_partner(clip.generated[conversion], second, partner)
        curves.append((recorded, generated))
        errors.append(angles_between(heading, expected))
        baseline_errors.append(angles_between(mean_heading.expand_as(expected), expected))
    recorded, generated = max(curves, key=lambda pair: len(pair[0]["distance"]))
    step = math.ceil(len(recorded["distance"]) / MOST_POINTS)
    name = "heading of dancer 2, beside the recording's"
    baselines = {"mean pose of dancer 2": float(torch.cat(baseline_errors).mean())}
    return {
        "conversion": f"dancer {conversion[0] + 1} to dancer {conversion[1] + 1}",
        "about": "The path of dancer 2 is the recorded one, as far as foot lock lets it; the facing is the model's.",
        "seconds": [frame / second.fps for frame in range(0, len(recorded["distance"]), step)],
        "recorded": {name: curve[::step].tolist() for name, curve in recorded.items()},
        "generated": {name: curve[::step].tolist() for name, curve in generated.items()},
        "figures": [metrics.figure(name, "°", float(torch.cat(errors).mean()), baselines)],
    }


def _to_the_partner(take, dancer, partner):
    """Distance and facing of a take to the partner's hips (T, 3), and its heading (T, 3)."""
    hips = kinematics.positions_of(take)[:, dancer.hips]
    front = _heading(take.rot_local, dancer)
    curves = {
        "distance": distances(hips, partner, take.up_axis),
        "facing": facing(front, hips, partner, take.up_axis),
    }
    return curves, front


def _heading(rotations, dancer):
    turned = kinematics.world_rotation(rotations, dancer.skeleton.parents, dancer.hips)
    return headings(turned, dancer.front, dancer.up_axis)
