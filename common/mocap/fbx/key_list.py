"""The keys of version 6: one list of `time, value, mode, ...` a curve, numbers and letters mixed.

The modes are C constant, L linear and U cubic, in capitals that nothing else uses; after a mode, in small letters, how
the slopes and the weights of the handles are given, each with its numbers. All keys of a list are read at once.

Shapes: N values of the list, K keys.
"""

from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.curves import (
    CONSTANT,
    CONSTANT_NEXT,
    CUBIC,
    GIVEN,
    LATEST,
    LINEAR,
    PROGRESSIVE,
    TCB,
    THIRD,
    WEIGHT_UNIT,
    WEIGHTED_LEFT,
    WEIGHTED_RIGHT,
    Curve,
    about_slopes,
    check_times,
    check_values,
    never_change,
)

import numpy as np


def from_list(node, ticks_per_second):
    """The Curve of a channel of version 6. Raises DamagedError."""
    numbers, letters = node.tokens("Key")
    modes = np.flatnonzero(np.isin(letters, _codes("CLU")))
    if len(numbers) and not len(modes):
        raise DamagedError("a curve lists what are no keys")
    count = node.child("KeyCount")
    if count and count.number(0, len(modes)) != len(modes):
        raise DamagedError(f"a curve says it has {count.values[0]} keys and has {len(modes)}")
    if (modes < 2).any() or letters[modes - 1].any() or letters[modes - 2].any():
        raise DamagedError("a curve has a key without a time or a value")
    times, values = numbers[modes - 2], numbers[modes - 1]
    times = times.astype(np.int64) if np.abs(times).max(initial=0) < LATEST else np.full(len(times), LATEST + 1)
    check_times(times, ticks_per_second)
    flags, slopes, weights, bias = _attributes(numbers, letters, modes)
    check_values(values, slopes, weights, bias)
    has_slopes, is_weighted = about_slopes(flags, slopes)
    return Curve(
        *(times, values, flags, slopes, weights * WEIGHT_UNIT, bias),
        is_still=never_change(values),
        has_slopes=has_slopes,
        is_weighted=is_weighted,
    )


def _codes(letters):
    return [ord(letter) for letter in letters]


def _attributes(numbers, letters, modes):
    """Flags (K,), slopes (K, 2), weights (K, 2) and bias (K,) of the keys whose modes stand at `modes` (K,)."""
    rest = _Rest(numbers, letters, np.append(modes[1:] - 2, len(numbers)))
    letter, arguments, count = rest.after(modes + 1)
    constant, cubic = letters[modes] == ord("C"), letters[modes] == ord("U")
    tcb = cubic & (letter == ord("t"))
    auto = cubic & ~tcb & (np.isin(letter, _codes("ap")) | (count < 2))
    stated = cubic & ~tcb & ~auto
    flags = np.where(constant, CONSTANT, np.where(cubic, CUBIC, LINEAR))
    flags |= np.where(constant & (letter == ord("n")), CONSTANT_NEXT, 0)
    flags |= np.where(tcb, TCB, 0) | np.where(stated, GIVEN, 0) | np.where(auto & (letter == ord("p")), PROGRESSIVE, 0)
    slopes = np.where((tcb | stated)[:, None], arguments[:, :2], 0.0)
    bias = np.where(tcb, arguments[:, 2], 0.0)

    letter, arguments, count = rest.after(modes + 2 + count)
    both_sides = cubic & (letter == ord("a")) & (count >= 2)
    right = both_sides | (cubic & (letter == ord("r")) & (count >= 1))
    left = both_sides | (cubic & (letter == ord("l")) & (count >= 1))
    flags |= np.where(right, WEIGHTED_RIGHT, 0) | np.where(left, WEIGHTED_LEFT, 0)
    left_weight = np.where(both_sides, arguments[:, 1], np.where(left, arguments[:, 0], THIRD))
    return flags, slopes, np.stack((np.where(right, arguments[:, 0], THIRD), left_weight), axis=1), bias


class _Rest:
    """What stands in the list behind the mode of each key, up to `ends` (K,)."""

    def __init__(self, numbers, letters, ends):
        self.numbers, self.letters, self.ends = numbers, letters, ends
        places = np.where(letters > 0, np.arange(len(letters)), len(letters))
        self.next_letter = np.append(np.minimum.accumulate(places[::-1])[::-1], len(letters))

    def after(self, at):
        """The letters (K,) at the places `at`, 0 where there is none; the numbers (K, 3) behind them, 0 where there
        are fewer; and how many these are (K,)."""
        last = len(self.letters) - 1
        letter = np.where(at < self.ends, self.letters[np.minimum(at, last)], 0)
        stop = np.minimum(self.next_letter[np.minimum(at + 1, last + 1)], self.ends)
        count = np.maximum(stop - at - 1, 0)
        places = at[:, None] + 1 + np.arange(3)
        return letter, np.where(np.arange(3) < count[:, None], self.numbers[np.minimum(places, last)], 0.0), count
