"""Make the example duet: two dancers, 60 s at 50 fps, as FBX and BVH files beside this script.

    python data/mocap/make_example_duet.py

The choreography is the score below: motifs for dancer 1, where they stand in the piece, the way through the
room, and how dancer 2 answers. Edit it, run the script, look at the result in the viewer. Nothing is random.

Here the score becomes smooth control curves; `example_duet_body.py` makes bodies that follow them.

Shapes: T frames. Lengths in cm, times in seconds, angles in degrees.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.mocap import save_mocap
from data.mocap.example_duet_body import BODIES, FPS, dance, minimum_jerk, to_room

import numpy as np

SECONDS = 60

# the score

# Where every control starts and what a motif's size is measured from. Arms: lift (−90 hangs, 0 level, 90
# overhead), open (90 to the side, 0 front, negative across), bend of the elbow, roll (elbow down to up).
NEUTRAL = dict(
    x=0, z=-115, turn=0, orbit=0, sway=0,  # path, heading and weight; orbit turns the room with both dancers
    level=0, heels=0, width=1, stagger=0,  # pelvis height in leg lengths, heels off the floor, stance
    hinge=0, curl=0, side=0, twist=0, nod=0, gaze=1,  # pelvis forward, spine forward, left, to the left; head
    l_lift=-76, l_open=75, l_bend=16, l_roll=0, r_lift=-76, r_open=75, r_bend=16, r_roll=0,
)  # fmt: skip


def stroke(start, seconds, left=(), right=(), **controls):
    """One smooth change: controls reach these values `seconds` after `start`. Strokes may overlap."""
    for side, arm in (("l", left), ("r", right)):
        controls |= {f"{side}_{name}": v for name, v in zip(("lift", "open", "bend", "roll"), arm, strict=False)}
    return start, seconds, controls


HOME = dict(left=(-76, 75, 16, 0), right=(-76, 75, 16, 0), curl=0, side=0, twist=0, hinge=0, nod=0, sway=0)

# Each motif: strokes in seconds from its start. `kick` is a leg in the air: foot, and how far it goes out, up
# and to the front, in leg lengths. `turn` adds to the heading; all else is absolute.
MOTIFS = {
    "breathe": [
        stroke(0.0, 2.2, left=(15, 80, 22), right=(15, 80, 22), curl=-10, nod=-12, heels=14),
        stroke(1.2, 1.7, left=(74, 55, 38), right=(74, 55, 38)),
        stroke(2.7, 1.7, left=(-25, 15, 70), right=(-25, 15, 70), curl=34, level=-0.15, heels=0, nod=22),
        stroke(4.2, 1.8, level=0, **HOME),
    ],
    "reach": [
        stroke(0.0, 0.9, right=(-45, 20, 95), left=(-60, 70, 40), curl=16, level=-0.1, sway=-5, twist=-14),
        stroke(0.7, 1.3, right=(48, 25, 6), left=(-30, 120, 12), curl=-8, twist=30, stagger=-1, sway=0, nod=-14),
        stroke(1.5, 1.2, side=16, level=-0.13, hinge=10),
        stroke(2.5, 0.8, right=(10, -25, 85), left=(5, 40, 80), curl=26, twist=-8, side=-6, hinge=4, nod=18),
        stroke(3.2, 1.4, stagger=0, level=0, **HOME),
    ],
    "spiral": [
        stroke(0.0, 1.2, left=(5, -20, 60), right=(-20, 125, 25), twist=-38, curl=10, level=-0.12, sway=-6),
        stroke(1.1, 1.6, turn=180, twist=26, curl=-8, side=-14, sway=4, gaze=0.2),
        stroke(1.2, 1.3, left=(40, 95, 12), right=(62, 15, 35), level=-0.02),
        stroke(2.3, 1.5, left=(70, 20, 60, 30), right=(-10, 100, 20), side=20, turn=180, twist=0, gaze=1),
        stroke(3.5, 1.4, level=0, **HOME),
    ],
    "contract": [
        stroke(0.0, 0.6, left=(-18, 10, 115, -20), right=(-18, 10, 115, -20), curl=40, level=-0.2, nod=24),
        stroke(1.3, 0.8, left=(18, 115, 18), right=(18, 115, 18), curl=-24, level=-0.03, heels=10, nod=-24),
        stroke(2.4, 1.2, level=0, heels=0, **HOME),
    ],
    "swing": [
        stroke(0.0, 0.8, left=(35, 95, 10), right=(15, -30, 50), sway=9, side=14, twist=20, level=-0.02),
        stroke(0.8, 0.5, level=-0.2, curl=22, hinge=10),
        stroke(0.75, 0.95, left=(15, -30, 50), right=(40, 95, 10), sway=-9, side=-16, twist=-24),
        stroke(1.3, 0.5, level=-0.02, curl=0, hinge=0),
        stroke(1.75, 0.5, level=-0.2, curl=24, hinge=10),
        stroke(1.7, 1.0, left=(72, 80, 12), right=(58, 20, 40), sway=9, side=18, twist=22),
        stroke(2.25, 0.6, level=0.0, curl=-8, hinge=0, heels=12),
        stroke(3.1, 1.3, heels=0, **HOME),
    ],
    "turn": [
        stroke(0.0, 0.8, right=(0, 10, 60), left=(0, 95, 20), twist=-24, level=-0.13, curl=8),
        stroke(0.8, 2.6, turn=360, gaze=0.3),
        stroke(0.7, 0.8, right=(5, 90, 15), twist=16, level=-0.03, heels=10, curl=-4),
        stroke(1.4, 0.8, left=(10, 5, 75), right=(10, 5, 75)),
        stroke(2.5, 1.0, left=(60, 70, 22), right=(-15, 95, 15), heels=0, twist=0, side=10, gaze=1),
        stroke(3.5, 1.3, level=0, **HOME),
    ],
    "sink": [
        stroke(0.0, 1.2, left=(10, 85, 15), right=(10, 85, 15), width=3.6, level=-0.1),
        stroke(0.9, 1.8, level=-0.38, hinge=14, curl=16),
        stroke(1.8, 1.3, right=(-55, 0, 20), left=(30, 100, 12), twist=26, side=-18, sway=-12),
        stroke(2.6, 0.9, level=-0.31),
        stroke(3.0, 1.4, left=(-55, 0, 20), right=(34, 100, 12), twist=-26, side=18, sway=12, level=-0.4),
        stroke(4.3, 1.4, level=-0.06, width=1, left=(60, 50, 30), right=(20, 80, 30), twist=6),
        stroke(4.4, 1.3, curl=-6, hinge=0, side=-6, sway=0),
        stroke(5.6, 1.4, level=0, **HOME),
    ],
    "flurry": [
        stroke(0.0, 0.5, right=(20, 5, 90), left=(-50, 60, 60), twist=12, level=-0.08),
        stroke(0.45, 0.45, right=(30, 85, 20), twist=-14, side=-8),
        stroke(0.85, 0.5, left=(25, -5, 85), right=(-25, 70, 70), twist=-20, curl=14),
        stroke(1.3, 0.5, left=(68, 50, 20), side=12, twist=14, curl=-8, level=0),
        stroke(1.75, 0.5, right=(60, 35, 72, 30), left=(10, 95, 25), level=-0.12, nod=10),
        stroke(2.2, 0.55, right=(-20, 110, 15), left=(-10, 10, 100), twist=24, curl=18, nod=0),
        stroke(2.7, 0.6, right=(20, 80, 10), left=(20, 80, 10), twist=0, curl=-12, level=-0.02, nod=-12),
        stroke(3.6, 1.2, level=0, **HOME),
    ],
    "balance": [
        stroke(0.0, 1.1, left=(0, 60, 40), right=(0, 60, 40), level=-0.08, curl=8),
        (0.9, 2.4, dict(kick=("r", 0.22, 0.52, 0.27))),
        stroke(0.9, 1.3, left=(64, 60, 28), right=(12, 92, 12), curl=-8, level=0, side=10, nod=-8),
        stroke(2.2, 1.2, left=(20, 90, 15), right=(50, 20, 25), twist=18, side=-8),
        stroke(3.2, 1.4, level=0, **HOME),
    ],
    "arc": [  # the kick goes behind, the body tips over the standing leg
        stroke(0.0, 1.0, left=(10, 10, 50), right=(-30, 90, 20), level=-0.12, curl=14),
        (0.8, 2.3, dict(kick=("l", 0.07, 0.40, -0.95))),
        stroke(0.8, 1.4, hinge=24, curl=-14, left=(24, 100, 10), right=(42, 12, 12), nod=-20, level=-0.05),
        stroke(2.3, 1.2, hinge=4, curl=16, right=(-40, 30, 60), left=(-30, 40, 60), level=-0.14),
        stroke(3.2, 1.4, level=0, **HOME),
    ],
}  # fmt: skip

# second, motif, and how it is varied: flip swaps left and right, speed and size stretch it
PIECE = [
    (1.2, "breathe", {}), (6.4, "reach", {}), (9.8, "reach", dict(flip=True, size=1.1)),  # 0-13 mirror
    (13.6, "spiral", {}), (17.6, "swing", {}), (20.8, "balance", {}), (24.2, "turn", {}),  # 13-28 canon
    (28.6, "sink", dict(speed=1.1)), (34.0, "flurry", {}),  # 28-39 contrast
    (38.2, "contract", {}), (40.4, "arc", {}), (43.8, "turn", dict(flip=True)),  # 39-48 mirror
    (47.2, "balance", dict(flip=True, speed=1.1)), (50.0, "spiral", dict(flip=True, speed=1.1)),  # canon
    (53.0, "reach", dict(speed=1.15)), (56.0, "breathe", dict(speed=2.0, size=0.9)),  # mirror
]  # fmt: skip

# the way through the room: start, seconds, controls
PATH = [
    (5.6, 2.4, dict(z=-85)), (9.4, 2.4, dict(x=45, z=-105)), (12.2, 2.2, dict(x=0, z=-90)),
    (13.6, 6.4, dict(orbit=160)), (16.4, 2.6, dict(x=-75, z=-100)), (19.2, 2.2, dict(x=-10, z=-65)),
    (24.4, 3.2, dict(x=0, z=-135)), (31.0, 3.0, dict(z=-105)), (37.4, 2.4, dict(z=-70)),
    (43.4, 2.6, dict(x=50, z=-125)), (43.8, 3.8, dict(orbit=250)), (45.4, 2.4, dict(x=0, z=-95)),
    (50.8, 4.4, dict(orbit=360)), (51.0, 2.4, dict(x=-40, z=-80)), (54.6, 2.4, dict(x=0)),
]  # fmt: skip

# How dancer 2 answers: mirror 1 as in a mirror, 0 with the same side across the room's centre; delay in
# seconds; invert 1 turns high to low; size 0 is stillness.
LISTEN = dict(mirror=1, delay=0.35, invert=0, size=1)
ANSWER = [
    (11.6, 1.8, dict(mirror=0, delay=0.9)),
    (27.2, 1.6, dict(mirror=1, delay=0.5, invert=1)),
    (33.0, 1.2, dict(invert=0, size=0.1)), (33.2, 4.0, dict(delay=2.3)), (36.0, 1.4, dict(size=1.05)),
    (36.6, 5.8, dict(delay=0.35)),
    (48.2, 1.8, dict(mirror=0, delay=0.8, size=1)),
    (55.0, 1.6, dict(mirror=1, delay=0.35)),
]  # fmt: skip

# control curves

# the far ends follow the centre, seconds
LAG = dict(curl=0.04, side=0.04, twist=0.04, l_lift=0.08, r_lift=0.08, l_open=0.11, r_open=0.11)
LAG |= dict(l_bend=0.18, r_bend=0.18, l_roll=0.14, r_roll=0.14, nod=0.12)
PLACE = ("x", "z", "turn", "orbit")  # what size leaves alone
SIDED = ("turn", "twist", "side", "sway", "stagger")  # what changes sign in a mirror
OTHER = dict(l="r", r="l")


def curve(strokes, name, start_value, t):
    """A control at times t (T,): the sum of its strokes' changes, so strokes that overlap flow together."""
    values, target = np.full_like(t, start_value), start_value
    for start, seconds, controls in strokes:
        if name in controls:
            change = controls[name] - (0 if name == "turn" else target)
            target += change
            values += change * minimum_jerk((t - start) / seconds)
    return values


def expand_piece():
    """All strokes of dancer 1 in order of time, and the kicks as (start, seconds, foot, out, up, front)."""
    strokes, kicks = [stroke(*row[:2], **row[2]) for row in PATH], []
    for begin, motif, how in PIECE:
        speed, flip = how.get("speed", 1), how.get("flip", False)
        for start, seconds, controls in MOTIFS[motif]:
            when = begin + start / speed, seconds / speed
            if "kick" in controls:
                foot, *reach = controls["kick"]
                kicks.append((*when, OTHER[foot] if flip else foot, *reach))
            else:
                controls = flipped(controls) if flip else controls
                strokes.append((*when, resized(controls, how.get("size", 1))))
    return sorted(strokes, key=lambda row: row[0]), sorted(kicks)


def flipped(controls):
    """Controls as seen in a mirror: left and right swapped."""
    names = {k: OTHER[k[0]] + k[1:] if k[:2] in ("l_", "r_") else k for k in controls}
    return {names[k]: -v if k in SIDED else v for k, v in controls.items()}


def resized(controls, size):
    """Controls made larger or smaller about the neutral body."""
    return {k: v if k in PLACE else NEUTRAL[k] + size * (v - NEUTRAL[k]) for k, v in controls.items()}


def lead(t):
    """Dancer 1: every control at times t (T,), and the kicks."""
    strokes, kicks = expand_piece()
    return {name: curve(strokes, name, v, t - LAG.get(name, 0)) for name, v in NEUTRAL.items()}, kicks


def answer(t):
    """Dancer 2: what dancer 1 did a moment ago, mirrored, turned round, inverted or stilled, in its own way."""
    how = {name: curve(ANSWER, name, v, t) for name, v in LISTEN.items()}
    mirror = how["mirror"]
    heard = t - how["delay"]
    own, kicks = lead(heard)
    controls = {k: mirror * v + (1 - mirror) * own[k] for k, v in flipped(own).items()}
    controls = with_style(resized(inverted(controls, how["invert"]), how["size"]))
    # Across the room's centre, turning the other way in the mirror; the room turns for both at once.
    turns = np.diff(own["turn"], prepend=0) * (1 - 2 * mirror)
    controls |= dict(x=(2 * mirror - 1) * own["x"], z=-own["z"], turn=180 + np.cumsum(turns))
    controls["orbit"] = lead(t)[0]["orbit"]
    return controls, answered(kicks, t, heard, how)


def inverted(controls, amount):
    """High becomes low: standing a deep bend, raised arms lowered, a curl an arch."""
    level = controls["level"] + amount * (-0.27 - 2 * controls["level"])
    gains = dict(l_lift=1.7, r_lift=1.7, curl=1.6, hinge=1, heels=1)
    return controls | {k: (1 - amount * gain) * controls[k] for k, gain in gains.items()} | dict(level=level)


def with_style(controls):
    """Softer elbows, a rounder back and lower arms are dancer 2's own."""
    style = dict(l_bend=(1, 9), r_bend=(1, 9), curl=(1.15, 3), l_lift=(0.9, -4), r_lift=(0.9, -4))
    return controls | {k: gain * controls[k] + add for k, (gain, add) in style.items()}


def answered(kicks, t, heard, how):
    """The kicks as dancer 2 does them; none where the answer is no echo."""
    answers = []
    for start, seconds, foot, *reach in kicks:
        begin = np.interp(start, heard, t)
        mirror, invert, size = (np.interp(begin, t, how[name]) for name in ("mirror", "invert", "size"))
        if invert < 0.5 < size:
            answers.append((begin, seconds, OTHER[foot] if mirror > 0.5 else foot, *reach))
    return answers


def enliven(controls, t, pace):
    """Add breath and sway, at a pace of about 1, so that stillness lives."""
    breath, drift = np.sin(2 * np.pi * 0.26 * pace * t), np.sin(2 * np.pi * 0.11 * pace * t + pace)
    for name, wave, size in (("curl", breath, -1.6), ("nod", breath, -1.0), ("sway", drift, 1.2)):
        controls[name] = controls[name] + size * wave
    for name in ("l_lift", "r_lift"):
        controls[name] = controls[name] + 1.5 * breath
    controls["side"] = controls["side"] + 1.0 * drift
    return controls


def make_duet():
    """Both takes: name -> Mocap."""
    t = np.arange(FPS * SECONDS) / FPS
    parts = dict(zip(BODIES, (lead(t), answer(t)), strict=True))
    for pace, (controls, _) in zip((1.0, 1.17), parts.values(), strict=True):
        enliven(controls, t, pace)
    paths = [to_room(controls)[0] for controls, _ in parts.values()]
    return {
        name: dance(*parts[name], partner, name, body)
        for (name, body), partner in zip(BODIES.items(), reversed(paths), strict=True)
    }


def main():
    for name, mocap in make_duet().items():
        for ending in (".fbx", ".bvh"):
            path = Path(__file__).resolve().with_name(name + ending)
            save_mocap(mocap, path)
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
