"""The keys of version 7: arrays of times, of values, and of what the keys are like.

Shapes: K keys of a curve, M rows of attributes, each for some keys in a row.
"""

from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.curves import LATEST, LINEAR, TCB, Curve, about_slopes, check_times, check_values, never_change

import numpy as np

MOST_REPEATS = 1e9
NAMES = ("KeyTime", "KeyValueFloat", "KeyAttrFlags", "KeyAttrDataFloat", "KeyAttrRefCount")
LEAST_BYTES = (8, 4, 4, 4, 4)  # of a number in each: smaller ones would grow too much when they are converted
DEFAULT_FLAGS, DEFAULT_DATA = np.array([LINEAR]), np.zeros(4, np.float32)


class KeyReader:
    """Makes the curves of a file. Curves mostly share arrays: each is looked at once, however many have it."""

    def __init__(self, ticks_per_second):
        self.ticks_per_second = ticks_per_second
        self.cache = {}

    def curve(self, node):
        """The Curve of an AnimationCurve. Raises DamagedError."""
        return self._once(self._read, node)

    def _read(self, node):
        times, values, flags, data, runs = arrays = [node.array(name) for name in NAMES]
        if any(len(part) and part.dtype.itemsize < least for part, least in zip(arrays, LEAST_BYTES, strict=True)):
            raise DamagedError("a curve has key times, values or flags of a wrong type")
        times = self._once(_times, times, self.ticks_per_second)
        values, is_still = self._once(_values, values)
        if len(times) != len(values):
            raise DamagedError(f"a curve has {len(times)} key times and {len(values)} values")
        if not len(flags):
            flags, data, runs = DEFAULT_FLAGS, DEFAULT_DATA, np.array([len(times)])
        row_ends = self._once(_row_ends, runs, len(times))
        if len(data) != 4 * len(flags) or len(runs) != len(flags) or row_ends is None:
            raise DamagedError(
                f"a curve of {len(times)} keys has {len(flags)} flags, {len(data)} slopes and weights, "
                f"and does not say for which of the keys"
            )
        attributes, slopes_are = self._once(_attributes, flags, data)
        before, after = (_extrapolation(node.child(f"{side}Extrapolation")) for side in ("Pre", "Post"))
        return Curve(times, values, *attributes, row_ends, before, after, is_still, *slopes_are)

    def _once(self, work, *arguments):
        """work(*arguments), or its result for the same objects before. They are kept, so that no other object gets the
        id of one."""
        key = (work.__name__, *(part if isinstance(part, int) else id(part) for part in arguments))
        if key not in self.cache:
            self.cache[key] = (work(*arguments), arguments)
        return self.cache[key][0]


def _times(times, ticks_per_second):
    if times.dtype.kind == "f" and len(times) and not np.abs(times).max() < LATEST:
        raise DamagedError("a curve has a key time that is no number")
    times = times.astype(np.int64, copy=False)
    check_times(times, ticks_per_second)
    return times


def _values(values):
    """The values, and whether they are all the same."""
    check_values(values)
    return values, never_change(values)


def _row_ends(runs, count):
    """(M,): the key after the last one of each row; None where the rows are not for `count` keys together."""
    in_range = ((runs >= 0) & (runs <= count)).all()  # before they are added up: a sum may wrap around
    ends = np.cumsum(runs, dtype=np.int64)
    return ends if in_range and (ends[-1:] == count).all() and not (ends[1:] < ends[:-1]).any() else None


def _attributes(flags, data):
    """(flags (M,), slopes (M, 2), weights (M, 2), bias (M,)), and what `about_slopes` says of them. Where the file has
    the four numbers of each row as floats, all but the flags are views of them."""
    bits = data.astype(np.int64).astype(np.uint32) if data.dtype.kind == "i" else data.astype("<f4", copy=False)
    bits = bits.reshape(-1, 4)
    numbers, halves = bits.view("<f4"), bits.view("<u2")
    flags = flags if flags.dtype == np.int32 else flags.astype(np.int64, copy=False)
    bias = numbers[:, 2]
    slopes = numbers[:, :2]
    check_values(slopes, bias[flags & TCB != 0])
    return (flags, slopes, halves[:, 4:6], bias), about_slopes(flags, slopes)


def _extrapolation(node):
    """(letter, count): C constant, R repeat, M mirror, A repeat and add up, K keep the slope; −1 for ever."""
    kind, count = node and node.child("Type"), node and node.child("Repetition")
    letter = str(kind.values[0])[:1] if kind and kind.values else "C"
    times = count.number(0, -1) if count else -1
    return (letter if letter in "RMAK" else "C", int(times) if abs(times) <= MOST_REPEATS else -1)
