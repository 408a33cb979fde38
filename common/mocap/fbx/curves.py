"""Animation curves: keys, and their values at any times, all times of a curve at once.

Shapes: K keys, T times. Times are whole ticks, slopes are values per second.

Between two keys the first one says how: constant, linear or cubic. A cubic segment is a Bézier curve in the plane of
time and value, from key to key, with handles along the slope at each end. A handle is one third of the segment long
in time, so that the curve is a cubic polynomial in time, unless it is weighted: then the time has to be solved for.
"""

import dataclasses

from common.mocap.fbx.container import DamagedError

import numpy as np

CONSTANT, LINEAR, CUBIC = 0x2, 0x4, 0x8
TCB, GIVEN = 0x200, 0x400  # where the slopes of a cubic key come from; if neither is set, from its neighbours
CONSTANT_NEXT = 0x100  # on a constant key: the value of the next key, at once
TIME_INDEPENDENT, CLAMPED, PROGRESSIVE = 0x2000, 0x1000, 0x4000  # on an auto key
WEIGHTED_RIGHT, WEIGHTED_LEFT = 0x1000000, 0x2000000  # of the segment's two handles: the first, the second
THIRD = 1 / 3
WEIGHT_UNIT = 9999  # lengths of handles are stored as whole numbers of 16 bits
LATEST = 1 << 61  # ticks, some 1.5 years: differences of times stay whole numbers of 64 bits
BLOCK = 4096  # times: what is computed of so many stays in the processor's cache


@dataclasses.dataclass(eq=False)
class Curve:
    """One channel over time. Curves may share arrays, so nothing here is a copy, and nothing is computed key by key
    but for the keys that a time falls between."""

    times: np.ndarray  # (K,) int64 ticks, rising
    values: np.ndarray  # (K,)
    flags: np.ndarray  # (M,)
    slopes: np.ndarray  # (M, 2) at the key, and at the next key from its left; of a TCB key tension, continuity
    weights: np.ndarray  # (M, 2) lengths of the handles at these two, in 1/9999 of the segment
    bias: np.ndarray  # (M,) of a TCB key
    row_ends: np.ndarray | None = None  # (M,) for keys below which each of these rows holds; None: key k has row k
    before: tuple = ("C", 0)  # what comes before the first key, and how often
    after: tuple = ("C", 0)
    is_still: bool = False  # the values never change, slopes and extrapolation left aside
    has_slopes: bool = True  # some key states a slope
    is_weighted: bool = True  # some handle has a length of its own

    def rows(self, keys):
        """The rows of attributes of the given keys."""
        if self.row_ends is None:
            return keys
        return np.minimum(np.searchsorted(self.row_ends, keys, side="right"), len(self.row_ends) - 1)

    def handles(self, rows):
        """Lengths of the first and the second handle in the segments after keys with these rows."""
        flags, weights = self.flags[rows], self.weights[rows] / WEIGHT_UNIT
        first = np.where(flags & WEIGHTED_RIGHT, weights[:, 0], THIRD)
        return first, np.where(flags & WEIGHTED_LEFT, weights[:, 1], THIRD)


def check_times(times, ticks_per_second):
    """Refuse times that run backwards or leave all bounds."""
    if len(times) and (times.min() < -LATEST or times.max() > LATEST):
        raise DamagedError(f"a curve has a key {abs(times).max() / ticks_per_second:.3g} seconds from zero")
    if (times[1:] < times[:-1]).any():
        raise DamagedError("a curve has keys that run backwards in time")


def check_values(*parts):
    """Refuse values, slopes and weights that are no numbers."""
    if not all(np.isfinite(part).all() for part in parts):
        raise DamagedError("a curve has a key whose value or slope is no finite number")


def never_change(values):
    return len(values) < 2 or bool((values == values[0]).all())


def about_slopes(flags, slopes):
    """Whether some key with these attributes states a slope but 0, and whether some handle is weighted."""
    cubic = flags & CUBIC != 0
    states_slope = cubic & (flags & TCB == 0) & (flags & GIVEN != 0)
    return bool(slopes[states_slope].any()), bool((flags[cubic] & (WEIGHTED_RIGHT | WEIGHTED_LEFT)).any())


@dataclasses.dataclass
class Places:
    """Where times stand among the keys of a curve; the same for all curves with these key times."""

    keys: np.ndarray  # (T,) the last key at or before each time, at least 0
    parts: np.ndarray  # (T,) how far it is from there to the next key, 0 to 1
    on_keys: bool  # every time is one of a key


def find_places(times, at, tolerance):
    """Places of the times `at` (T,) among the key times (K,). A key less than `tolerance` ticks ahead counts as
    reached: exporters round key times differently."""
    keys = np.clip(np.searchsorted(times, at + tolerance, side="right") - 1, 0, len(times) - 1)
    following = np.minimum(keys + 1, len(times) - 1)
    length = (times[following] - times[keys]).astype(np.float64)
    past = np.maximum(at - times[keys], 0)
    parts = np.where(past > tolerance, np.clip(past / np.maximum(length, 1), 0, 1), 0.0)
    parts[length == 0] = 0.0
    return Places(keys, parts, not parts.any())


def sample(curve, at, places, ticks_per_second):
    """Values (T,) of a curve at the times `at` (T,), or one value (1,) where it never changes."""
    if curve.is_still and not (curve.has_slopes and len(curve.values) > 1):
        return curve.values[:1]
    folded, added = _extrapolate(curve, at, ticks_per_second)
    if folded is not None:
        places = find_places(curve.times, folded, 0)
    if places.on_keys:
        return curve.values[places.keys] + added
    return _between_keys(curve, places, ticks_per_second) + added


def _between_keys(curve, places, ticks_per_second):
    keys, parts = places.keys, places.parts
    following = np.minimum(keys + 1, len(curve.values) - 1)
    start, end = curve.values[keys], curve.values[following]
    flags = curve.flags[curve.rows(keys)]
    values = start + (end - start) * parts  # linear
    stands = flags & CONSTANT != 0
    takes_next = stands & (flags & CONSTANT_NEXT != 0) & (parts > 0)
    values = np.where(takes_next, end, np.where(stands, start, values))
    bends = np.flatnonzero((flags & CUBIC != 0) & ~stands & (parts > 0))
    if len(bends):
        starts, segments = np.unique(keys[bends], return_inverse=True)
        bezier = _Segments(curve, starts, ticks_per_second)
        for block in np.split(np.arange(len(bends)), range(BLOCK, len(bends), BLOCK)):
            values[bends[block]] = bezier.values(segments[block], parts[bends[block]])
    return values


class _Segments:
    """Cubic segments of a curve, from the keys `starts` (S,) to the next ones."""

    def __init__(self, curve, starts, ticks_per_second):
        right, left = _slopes(curve, starts, ticks_per_second)
        self.first, self.second = curve.handles(curve.rows(starts))
        seconds = (curve.times[starts + 1] - curve.times[starts]) / ticks_per_second
        self.start, self.end = (curve.values[keys].astype(np.float64) for keys in (starts, starts + 1))
        self.start_handle = self.start + right * self.first * seconds
        self.end_handle = self.end - left * self.second * seconds

    def values(self, segments, parts):
        """Values (T,) in the given segments (T,) at these parts (T,) of their time."""
        s = _solve_time(parts, self.first[segments], self.second[segments])
        r = 1 - s
        inner = 3 * r * s * (r * self.start_handle[segments] + s * self.end_handle[segments])
        return r * r * r * self.start[segments] + inner + s * s * s * self.end[segments]


def _solve_time(parts, first, second):
    """The Bézier parameter s at which the time of a segment is `parts`, for handles of the given lengths.

    Time is 3 r² s · first + 3 r s² (1 − second) + s³ with r = 1 − s, and rises with s for lengths of 0 to 1. Newton's
    steps, kept inside the bracket that the signs so far leave, for those times that are not solved yet.
    """
    open_ = np.flatnonzero(np.abs(first - THIRD) + np.abs(second - THIRD) > 1e-6)
    if not len(open_):
        return parts
    solution = parts.copy()
    s, parts, first, last = (part[open_] for part in (parts, parts, first, 1 - second))
    linear, square, cube = 3 * first, 3 * (last - 2 * first), 1 + 3 * (first - last)
    low, high = np.zeros(len(s)), np.ones(len(s))
    for _ in range(30):
        error = ((cube * s + square) * s + linear) * s - parts
        wrong = np.abs(error) > 1e-11
        if 2 * np.count_nonzero(wrong) < len(s):
            solution[open_] = s
            rest, wrong = (error, s, parts, linear, square, cube, low, high, open_), np.flatnonzero(wrong)
            error, s, parts, linear, square, cube, low, high, open_ = (part[wrong] for part in rest)
            if not len(wrong):
                break
        below = error < 0
        low, high = np.where(below, s, low), np.where(below, high, s)
        slope = (3 * cube * s + 2 * square) * s + linear
        step = s - error / np.where(np.abs(slope) > 1e-9, slope, 1.0)
        s = np.where((step >= low) & (step <= high), step, (low + high) / 2)
    solution[open_] = s
    return solution


def _slopes(curve, keys, ticks_per_second):
    """Slopes (S,) at the given keys towards their right, and at the next keys from their left."""
    rows = curve.rows(keys)
    following = np.minimum(keys + 1, len(curve.values) - 1)
    slopes = curve.slopes[rows].astype(np.float64)
    computes, next_computes = (_computes(curve.flags[part]) for part in (rows, curve.rows(following)))
    if not (computes | next_computes).any():
        return slopes[:, 0], slopes[:, 1]
    # A segment's end has the slope that the next key computes for itself, or else the one this key states.
    follows = (computes | next_computes) & (following > keys)
    out, into = _Neighbours(curve, keys, ticks_per_second), _Neighbours(curve, following, ticks_per_second)
    return np.where(computes, out.slopes()[1], slopes[:, 0]), np.where(follows, into.slopes()[0], slopes[:, 1])


def _computes(flags):
    """Whether keys have their slopes from their neighbours."""
    return (flags & CUBIC != 0) & ((flags & GIVEN == 0) | (flags & TCB != 0))


class _Neighbours:
    """Some keys (S,) of a curve between those before and after them."""

    def __init__(self, curve, keys, ticks_per_second):
        self.curve, self.keys = curve, keys
        self.rows = curve.rows(keys)
        self.is_first, self.is_last = keys == 0, keys == len(curve.values) - 1
        around = np.stack((np.maximum(keys - 1, 0), keys, np.where(self.is_last, keys, keys + 1)))
        self.seconds = np.diff(curve.times[around], axis=0) / ticks_per_second
        self.rises = np.diff(curve.values[around].astype(np.float64), axis=0)
        before, after = self.rises / np.maximum(self.seconds, 1e-12)  # (S,) slopes of the straight lines
        self.before, self.after = np.where(self.is_first, after, before), np.where(self.is_last, before, after)

    def slopes(self):
        """Slopes (S,) into and out of the keys as they compute them."""
        tcb = self.curve.flags[self.rows] & TCB != 0
        auto = self._auto_slopes()
        if not tcb.any():
            return auto, auto
        into, out = self._tcb_slopes()
        return np.where(tcb, into, auto), np.where(tcb, out, auto)

    def _auto_slopes(self):
        """The mean of the slopes to both neighbours or, time-independent, the slope from one neighbour to the other. A
        clamped key is flat beside an equal one; a progressive key also at an end and at a peak, and nowhere so steep
        that the curve would overshoot. Found by comparison with MotionBuilder and ufbx.
        """
        flags, before, after = self.curve.flags[self.rows], self.before, self.after
        inner = ~(self.is_first | self.is_last)
        through = self.rises.sum(axis=0) / np.maximum(self.seconds.sum(axis=0), 1e-12)
        slopes = np.where(inner & (flags & TIME_INDEPENDENT != 0), through, (before + after) / 2)
        level = np.minimum(np.abs(before), np.abs(after)) < 1e-6
        slopes = np.where((flags & CLAMPED != 0) & level, 0.0, slopes)
        right = self.curve.handles(self.rows)[0]
        left = np.where(self.is_first, THIRD, self.curve.handles(self.curve.rows(np.maximum(self.keys - 1, 0)))[1])
        steepest = np.minimum(np.abs(before) / np.maximum(left, 1e-4), np.abs(after) / np.maximum(right, 1e-4))
        limited = np.where(inner & (before * after > 0), np.sign(slopes) * np.minimum(np.abs(slopes), steepest), 0.0)
        return np.where(flags & PROGRESSIVE, limited, slopes)

    def _tcb_slopes(self):
        """After Kochanek and Bartels, SIGGRAPH 1984."""
        tension, continuity = self.curve.slopes[self.rows].astype(np.float64).T
        bias = self.curve.bias[self.rows].astype(np.float64)
        before, after = (1 - tension) * (1 + bias) * self.before, (1 - tension) * (1 - bias) * self.after
        into = ((1 - continuity) * before + (1 + continuity) * after) / 2
        out = ((1 + continuity) * before + (1 - continuity) * after) / 2
        return np.where(self.is_last, (1 - continuity) * before, into), np.where(
            self.is_first, (1 - continuity) * after, out
        )


def _extrapolate(curve, at, ticks_per_second):
    """Times (T,) folded into the span of the keys, None where none is, and what to add to the values there."""
    first, last = int(curve.times[0]), int(curve.times[-1])
    outside = [(curve.before, at < first), (curve.after, at > last)]
    if last == first or all(mode == "C" or not where.any() for (mode, _), where in outside):
        return None, 0.0
    folded, added = np.clip(at, first, last), np.zeros(len(at))
    rise = float(curve.values[-1] - curve.values[0])
    for side, ((mode, count), where) in enumerate(outside):
        if mode == "K":
            edge = last if side else first
            added[where] = (at[where] - edge) / ticks_per_second * _edge_slope(curve, side, ticks_per_second)
        elif mode in ("R", "M", "A"):
            turns = (at[where] - first) // (last - first)  # negative before the first key
            inside = (at[where] - first) - turns * (last - first)
            is_held = np.abs(turns) > count if count >= 0 else np.zeros(len(turns), bool)
            inside = np.where((turns % 2 != 0) & (mode == "M"), (last - first) - inside, inside)
            folded[where] = np.where(is_held, folded[where], first + inside)
            added[where] = np.where(mode == "A", np.where(is_held, np.sign(turns) * count, turns) * rise, 0.0)
    return folded, added


def _edge_slope(curve, side, ticks_per_second):
    """The slope at the first key (side 0) or the last one (side 1), within the segment there."""
    start = len(curve.values) - 2 if side else 0
    flags = curve.flags[curve.rows(np.array([start]))][0]
    if flags & CONSTANT:
        return 0.0
    if flags & CUBIC:
        return _slopes(curve, np.array([start]), ticks_per_second)[side][0]
    seconds = (curve.times[start + 1] - curve.times[start]) / ticks_per_second
    return (float(curve.values[start + 1]) - float(curve.values[start])) / max(seconds, 1e-12)
