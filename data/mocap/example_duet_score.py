"""The score of the example duet: what is danced, and when. `make_example_duet.py` makes the dancers' takes of it.

MOTIFS are short dances of a few seconds, PIECE is how dancer 1 strings them together, and ANSWERS how dancer 2 answers.
Edit it, run `make_example_duet.py`, look at the result in the viewer.

Lengths in cm, times in seconds, angles in degrees; a dancer's left is +X, the front +Z.
"""

SECONDS = 180

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

# The piece: a motif, how it is varied, and where the dancers go meanwhile. flip swaps left and right, speed and size
# stretch the motif, pause is stillness before it; x and z are dancer 1's new place, orbit turns the room with both. A
# motif begins FLOW seconds before the one before it ends. The last 36 s, "farewell", are held out in training: what is
# danced there has been danced before, in another variation.
BEGIN, FLOW = 1.0, 1.2
PIECE = [
    # meeting: every motif once
    ("breathe", {}, dict(z=-85)),
    ("reach", {}, dict(x=45, z=-105)),
    ("reach", dict(flip=True, size=1.1), dict(x=0, z=-95)),
    ("spiral", {}, dict(orbit=120)),
    ("swing", {}, dict(x=-60, z=-105)),
    ("balance", {}, {}),
    ("turn", {}, dict(x=0, z=-125)),
    ("sink", {}, dict(z=-105)),
    ("flurry", {}, {}),
    ("contract", {}, dict(z=-70)),
    ("arc", {}, {}),
    # the other side
    ("contract", dict(flip=True, size=0.85), dict(z=-110, orbit=60)),
    ("breathe", dict(flip=True, speed=1.15, size=0.9), dict(x=-40, z=-90)),
    ("arc", dict(flip=True), {}),
    ("swing", dict(flip=True), dict(x=20, orbit=-90)),
    ("turn", dict(flip=True), dict(x=60, z=-120)),
    ("balance", dict(flip=True), {}),
    ("spiral", dict(flip=True), dict(x=0, z=-100, orbit=90)),
    ("flurry", dict(flip=True), dict(z=-85)),
    ("sink", dict(flip=True, speed=1.1), dict(x=-30, z=-100)),
    ("reach", dict(speed=0.9), dict(x=30, z=-90)),
    # softly: slower, smaller, nearer
    ("turn", dict(pause=0.6, speed=0.9, size=0.8), dict(x=0, z=-110, orbit=100)),
    ("spiral", dict(speed=0.9, size=0.85), dict(orbit=80)),
    ("reach", dict(flip=True, speed=0.9, size=0.85), dict(z=-62)),
    ("breathe", dict(size=0.8), dict(x=35, z=-95)),
    ("sink", dict(size=0.85), dict(x=0)),
    ("balance", dict(speed=0.9, size=0.85), {}),
    ("swing", dict(speed=0.9, size=0.8), dict(x=-45, z=-110, orbit=-60)),
    ("flurry", dict(speed=0.95), dict(x=0, z=-85, orbit=90)),
    # and with all they have: faster, larger, farther
    ("arc", dict(size=1.1), {}),
    ("contract", dict(flip=True, speed=1.15, size=1.1), dict(x=40, z=-115, orbit=60)),
    ("swing", dict(flip=True, speed=1.1, size=1.1), dict(x=-45, z=-95, orbit=60)),
    ("turn", dict(flip=True, speed=1.15), dict(x=20, z=-130)),
    ("spiral", dict(speed=1.1, size=1.1), dict(x=0, z=-100, orbit=-60)),
    ("reach", dict(speed=1.15, size=1.1), dict(z=-80)),
    ("breathe", dict(flip=True, speed=1.2), dict(x=-30, z=-105)),
    ("flurry", dict(flip=True, speed=1.1), {}),
    ("sink", dict(flip=True, speed=1.15), dict(x=0, orbit=60)),
    # farewell: what was danced before, seen once more
    ("swing", dict(size=0.95), dict(x=40, z=-105, orbit=90)),
    ("balance", dict(flip=True, speed=1.05, size=0.95), {}),
    ("turn", dict(speed=1.1), dict(x=0, z=-120)),
    ("reach", dict(flip=True, speed=1.1), dict(x=-35, z=-100)),
    ("contract", dict(speed=1.05), dict(z=-75)),
    ("arc", dict(flip=True, speed=1.05), {}),
    ("sink", dict(speed=1.1, size=0.95), dict(x=0)),
    ("flurry", dict(speed=1.05), dict(z=-85)),
    ("spiral", dict(flip=True, speed=1.05, size=0.95), dict(z=-105, orbit=60)),
    ("breathe", dict(speed=0.95, size=1.05), dict(z=-90)),
]  # fmt: skip

# How dancer 2 answers: mirror as in a mirror, or else with the same side, from across the room's centre; delay in
# seconds; invert turns high to low; size makes it larger or smaller. The same kind of motif always the same way.
MIRROR = dict(mirror=True, delay=0.35)
CANON = dict(mirror=False, delay=0.7)
CONTRAST = dict(mirror=True, delay=0.5, invert=True)
HUSH = dict(mirror=True, delay=0.5, size=0.3)
ANSWERS = dict(breathe=MIRROR, reach=MIRROR, contract=MIRROR, arc=MIRROR, sink=CONTRAST, flurry=HUSH)
ANSWERS |= dict(spiral=CANON, swing=CANON, turn=CANON, balance=CANON)
