"""Frame rates and times as FBX counts them: a rate is a number of a list, a time a whole number of ticks.

The NTSC rates are exact fractions (29.97 is 30 / 1.001), so that no key drifts from its frame, however long the take.
"""

from fractions import Fraction

TICKS_PER_SECOND = 46186158000
CUSTOM = 14  # the mode of every rate that is not in the list
NTSC = Fraction(1000, 1001)
RATES = {
    1: Fraction(120),
    2: Fraction(100),
    3: Fraction(60),
    4: Fraction(50),
    5: Fraction(48),
    6: Fraction(30),
    7: Fraction(30),  # drop frame: it changes how a time is shown, not how long a frame lasts
    8: 30 * NTSC,  # drop frame
    9: 30 * NTSC,
    10: Fraction(25),
    11: Fraction(24),
    12: Fraction(1000),
    13: 24 * NTSC,
    15: Fraction(96),
    16: Fraction(72),
    17: 60 * NTSC,
    18: 120 * NTSC,
}
DROP_FRAME = (7, 8)
READ_ONLY = (18,)  # newer than many readers, which then play at 24: written as a custom rate


def mode_to_write(fps, file_mode=0):
    """The time mode to write for `fps`, and its exact rate: (int, Fraction).

    A file's own mode is kept while it still means this rate. Else a rate within 0.1 % of a listed one becomes it: BVH
    rounds 1/120 s to 0.008333, which is 120.0048 frames per second.
    """
    if file_mode in RATES and file_mode not in READ_ONLY and _distance(file_mode, fps) < 1e-6:
        return file_mode, RATES[file_mode]
    nearest = min((mode for mode in RATES if mode not in DROP_FRAME), key=lambda mode: _distance(mode, fps))
    if _distance(nearest, fps) > (1e-6 if file_mode == CUSTOM else 1e-3):
        return CUSTOM, Fraction(fps)
    return (CUSTOM if nearest in READ_ONLY else nearest), RATES[nearest]


def frame_ticks(frame_count, rate):
    """The time of every frame in ticks, to the nearest tick: a list of `frame_count` whole numbers."""
    ticks_of_frame = TICKS_PER_SECOND / rate
    top, bottom = ticks_of_frame.numerator, ticks_of_frame.denominator
    return [(2 * frame * top + bottom) // (2 * bottom) for frame in range(frame_count)]


def _distance(mode, fps):
    return abs(float(RATES[mode]) / fps - 1)
