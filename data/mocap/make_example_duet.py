"""Make the example duet: two dancers, three minutes at 50 fps, as FBX files beside this script.

    python data/mocap/make_example_duet.py          # duet_dancer1.fbx, duet_dancer2.fbx
    python data/mocap/make_example_duet.py bvh      # the same as .bvh, which are not in the repository

The choreography is in `example_duet_score.py`: edit it, run this script, look at the result in the viewer. Nothing is
random. Here the score becomes smooth control curves; `example_duet_body.py` makes bodies that follow them.

Shapes: T frames. Lengths in cm, times in seconds, angles in degrees.
"""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.mocap import save_mocap
from common.motion import quaternion
from data.mocap.example_duet_body import BODIES, FPS, dance, minimum_jerk, to_room
from data.mocap.example_duet_score import ANSWERS, BEGIN, FLOW, MOTIFS, NEUTRAL, PIECE, SECONDS

import numpy as np
import torch

GRAIN = 1 / 1024  # of a degree and of a cm; a power of two, so that numbers in the files end in bits that are 0

# control curves

# the far ends follow the centre, seconds
LAG = dict(curl=0.04, side=0.04, twist=0.04, l_lift=0.08, r_lift=0.08, l_open=0.11, r_open=0.11)
LAG |= dict(l_bend=0.18, r_bend=0.18, l_roll=0.14, r_roll=0.14, nod=0.12)
PLACE = ("x", "z", "turn", "orbit")  # what size leaves alone
ADDED = ("turn", "orbit")  # what a stroke adds to
SIDED = ("turn", "twist", "side", "sway", "stagger")  # what changes sign in a mirror
OTHER = dict(l="r", r="l")


def lead():
    """Dancer 1's part: (begin, motif, variation, place), with the second at which each motif begins."""
    part, begin = [], BEGIN
    for motif, variation, place in PIECE:
        begin += variation.get("pause", 0)
        part.append((begin, motif, variation, place))
        begin += (duration(motif) - FLOW) / variation.get("speed", 1)
    return part


def answer(part):
    """Dancer 2's part: what dancer 1 began a moment ago, as ANSWERS has it, across the room's centre."""
    answers = []
    for begin, motif, variation, place in part:
        reply = ANSWERS[motif]
        flip = variation.get("flip", False) != reply["mirror"]
        size = variation.get("size", 1) * reply.get("size", 1)
        signs = dict(x=1 if reply["mirror"] else -1, z=-1)
        place = {name: signs.get(name, 1) * value for name, value in place.items()}
        answers.append((begin + reply["delay"], motif, variation | reply | dict(flip=flip, size=size), place))
    return answers


def duration(motif):
    """Seconds from the first stroke's start to the end of the last one, which leads home."""
    return max(start + seconds for start, seconds, _ in MOTIFS[motif])


def expand(part):
    """All strokes of a part, motif by motif, and the kicks as (start, seconds, foot, out, up, front)."""
    strokes, kicks = [], []
    for begin, motif, variation, place in part:
        speed = variation.get("speed", 1)
        strokes.append((begin, duration(motif) / speed, place))
        for start, seconds, controls in MOTIFS[motif]:
            when = begin + start / speed, seconds / speed
            if "kick" in controls:
                kicks.append((*when, *varied_kick(*controls["kick"], variation)))
            else:
                leads_home = start + seconds == duration(motif)
                strokes.append((*when, varied(controls, variation, leads_home)))
    return strokes, kicks


def varied(controls, variation, leads_home):
    """Controls as a variation has them; the way home is not inverted."""
    if variation.get("invert") and not leads_home:
        controls = inverted(controls)
    if variation.get("flip"):
        controls = flipped(controls)
    return resized(controls, variation.get("size", 1))


def varied_kick(foot, out, up, front, variation):
    size = variation.get("size", 1)
    return OTHER[foot] if variation.get("flip") else foot, size * out, size * up, size * front


def flipped(controls):
    """Controls as seen in a mirror: left and right swapped."""
    names = {k: OTHER[k[0]] + k[1:] if k[:2] in ("l_", "r_") else k for k in controls}
    return {names[k]: -v if k in SIDED else v for k, v in controls.items()}


def inverted(controls):
    """High becomes low: standing a deep bend, raised arms lowered, a curl an arch."""
    gains = dict(l_lift=-0.7, r_lift=-0.7, curl=-0.6, hinge=0, heels=0)
    low = {"level": -0.32 - controls["level"]} if "level" in controls else {}
    return {k: gains.get(k, 1) * v for k, v in controls.items()} | low


def resized(controls, size):
    """Controls made larger or smaller about the neutral body."""
    return {k: v if k in PLACE else NEUTRAL[k] + size * (v - NEUTRAL[k]) for k, v in controls.items()}


def curve(strokes, name, start_value, t):
    """A control at times t (T,): the sum of its strokes' changes, so strokes that overlap flow together."""
    values, target = np.full_like(t, start_value), start_value
    for start, seconds, controls in strokes:
        if name in controls:
            change = controls[name] - (0 if name in ADDED else target)
            target += change
            values += change * minimum_jerk((t - start) / seconds)
    return values


def curves(strokes, start_values, t):
    """Every control at times t (T,)."""
    return {name: curve(strokes, name, value, t - LAG.get(name, 0)) for name, value in start_values.items()}


def with_style(controls):
    """Softer elbows, a rounder back and lower arms are dancer 2's own."""
    style = dict(l_bend=(1, 9), r_bend=(1, 9), curl=(1.15, 3), l_lift=(0.9, -4), r_lift=(0.9, -4))
    return controls | {k: gain * controls[k] + add for k, (gain, add) in style.items()}


def enliven(controls, t, pace):
    """Add breath and sway, at a pace of about 1, so that stillness lives."""
    breath, drift = np.sin(2 * np.pi * 0.26 * pace * t), np.sin(2 * np.pi * 0.11 * pace * t + pace)
    for name, size in dict(curl=-1.6, nod=-1.0, l_lift=1.5, r_lift=1.5).items():
        controls[name] += size * breath
    for name, size in dict(sway=1.2, side=1.0).items():
        controls[name] += size * drift


# the takes


def make_duet():
    """Both takes: name -> Mocap."""
    t, part = np.arange(FPS * SECONDS) / FPS, lead()
    (strokes1, kicks1), (strokes2, kicks2) = expand(part), expand(answer(part))
    controls1 = curves(strokes1, NEUTRAL, t)
    controls2 = with_style(curves(strokes2, NEUTRAL | dict(z=-NEUTRAL["z"], turn=180), t))
    controls2["orbit"] = controls1["orbit"]  # the room turns for both at once
    enliven(controls1, t, 1.0)
    enliven(controls2, t, 1.17)
    (path1, _), (path2, _) = to_room(controls1), to_room(controls2)
    (name1, body1), (name2, body2) = BODIES.items()
    takes = dance(controls1, kicks1, path2, name1, body1), dance(controls2, kicks2, path1, name2, body2)
    return {take.skeleton.name: rounded(take) for take in takes}


def rounded(take):
    """The take with angles in degrees and places in cm as multiples of GRAIN: what the files hold, and compress."""
    degrees = torch.rad2deg(quaternion.to_euler(take.rot_local, "YXZ"))
    angles = torch.deg2rad((degrees / GRAIN).round() * GRAIN)
    root_pos = (take.root_pos / GRAIN).round() * GRAIN
    return dataclasses.replace(take, rot_local=quaternion.from_euler(angles, "YXZ"), root_pos=root_pos)


def main():
    endings = sys.argv[1:] or ["fbx"]
    for name, take in make_duet().items():
        for ending in endings:
            path = Path(__file__).resolve().with_name(f"{name}.{ending}")
            save_mocap(take, path)
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
