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
    """The angle between where a dancer's front points and the way to the partner, (T, 3) three times -> (T,) degrees:
    0 faces the partner, 90 stands beside, 180 turns the back."""
    return angles_between(front, flat(partner_hips - hips, up_axis))


def measure(dancers, whole, way):
    """Distance and facing of the partners over time: dancer 1 as recorded, with dancer 2 as recorded and as generated.

    `whole` has the stretches, and `way` is the conversion (source, target) that gives dancer 2. The curves are of the
    longest stretch, at most MOST_POINTS long, the figures of all. None where dancer 2's body shows no front.
    """
    second = dancers[1]
    if second.front is None or not whole:
        return None
    curves, off, off_baseline = [], [], []
    still = _heading(second.mean_pose.double()[None], second)
    for stretch in whole:
        partner = kinematics.positions_of(stretch.recorded[0])[:, dancers[0].hips]
        recorded, expected = _to_the_partner(stretch.recorded[1], second, partner)
        generated, turned = _to_the_partner(stretch.generated[way], second, partner)
        curves.append((recorded, generated))
        off.append(angles_between(turned, expected))
        off_baseline.append(angles_between(still.expand_as(expected), expected))
    recorded, generated = max(curves, key=lambda both: len(both[0]["distance"]))
    every = math.ceil(len(recorded["distance"]) / MOST_POINTS)
    name = "heading of dancer 2, beside the recording's"
    baselines = {"mean pose of dancer 2": float(torch.cat(off_baseline).mean())}
    return {
        "conversion": f"dancer {way[0] + 1} to dancer {way[1] + 1}",
        "about": "The path of dancer 2 is the recorded one, as far as standing feet let it; the facing is the model's.",
        "seconds": [frame / second.fps for frame in range(0, len(recorded["distance"]), every)],
        "recorded": {name: curve[::every].tolist() for name, curve in recorded.items()},
        "generated": {name: curve[::every].tolist() for name, curve in generated.items()},
        "figures": [metrics.figure(name, "°", float(torch.cat(off).mean()), baselines)],
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
