"""Animation curves: keys, and their values at any times, all times of a curve at once.

Shapes: K keys, T times. Times are whole ticks, slopes are values per second.

Between two keys the first one says how: constant, linear or cubic. A cubic segment is a Bézier curve in the plane of
time and value, from key to key, with handles along the slope at each end. A handle is one third of the segment long
in time, so that the curve is a cubic polynomial in time, unless it is weighted: then the time has to be solved for.
"""

import dataclasses

from common.fbx.container import DamagedError

import numpy as np

CONSTANT, LINEAR, CUBIC = 0x2, 0x4, 0x8
TCB, GIVEN = 0x200, 0x400  # where the slopes of a cubic key come from; if neither is set, from its neighbours
CONSTANT_NEXT = 0x100  # on a constant key: the value of the next key, at once
TIME_INDEPENDENT, CLAMPED, PROGRESSIVE = 0x2000, 0x1000, 0x4000  # on an auto key
WEIGHTED_RIGHT, WEIGHTED_LEFT = 0x1000000, 0x2000000  # of the segment's two handles: the first, the second
THIRD = 1 / 3
LATEST = 1 << 61  # ticks, some 1.5 years: differences of times stay whole numbers of 64 bits
BLOCK = 4096  # times: what is computed of so many stays in the processor's cache


@dataclasses.dataclass(eq=False)
class Curve:
    """One channel over time. `runs` says which row of the next four belongs to a key; None: key k has row k."""

    times: np.ndarray  # (K,) int64 ticks, rising
    values: np.ndarray  # (K,)
    flags: np.ndarray  # (M,)
    slopes: np.ndarray  # (M, 2) at the key, and at the next key from its left; of a TCB key tension, continuity
    weights: np.ndarray  # (M, 2) lengths of the handles at these two, as parts of the segment
    bias: np.ndarray  # (M,) of a TCB key
    runs: np.ndarray | None = None  # (M,) how many keys in a row share each row
    before: tuple = ("C", 0)  # what comes before the first key, and how often
    after: tuple = ("C", 0)

    @property
    def is_still(self):
        """Whether the values never change, slopes and extrapolation left aside."""
        return len(self.values) < 2 or bool((self.values == self.values[0]).all())


def check(curve, ticks_per_second):
    """Refuse keys that mean nothing: times that run backwards or leave all bounds, values that are no numbers."""
    times, values = curve.times, curve.values
    if len(times) != len(values):
        raise DamagedError(f"a curve has {len(times)} key times and {len(values)} values")
    if not np.isfinite(values).all() or not all(
        np.isfinite(part).all() for part in (curve.slopes, curve.weights, curve.bias)
    ):
        raise DamagedError("a curve has a key whose value or slope is no finite number")
    if len(times) and (times.min() < -LATEST or times.max() > LATEST):
        raise DamagedError(f"a curve has a key {abs(times).max() / ticks_per_second:.3g} seconds from zero")
    if (np.diff(times) < 0).any():
        raise DamagedError("a curve has keys that run backwards in time")


@dataclasses.dataclass
class Places:
    """Where times stand among the keys of a curve; the same for all curves with these key times."""

    keys: np.ndarray  # (T,) the last key at or before each time, at least 0
    parts: np.ndarray  # (T,) how far it is from there to the next key, 0 to 1
    on_keys: bool  # every time is one of a key


def find_places(times, at, tolerance):
    """Places of the times `at` (T,) among the key times (K,). A key less than `tolerance` ticks ahead counts as
    reached: exporters round key times each in their own way."""
    keys = np.clip(np.searchsorted(times, at + tolerance, side="right") - 1, 0, len(times) - 1)
    following = np.minimum(keys + 1, len(times) - 1)
    length = (times[following] - times[keys]).astype(np.float64)
    past = np.maximum(at - times[keys], 0)
    parts = np.where(past > tolerance, np.clip(past / np.maximum(length, 1), 0, 1), 0.0)
    parts[length == 0] = 0.0
    return Places(keys, parts, not parts.any())


def sample(curve, at, places, ticks_per_second):
    """Values (T,) of a curve at the times `at` (T,), or one value (1,) where it never changes."""
    if curve.is_still and not _has_slopes(curve):
        return curve.values[:1]
    folded, added = _extrapolate(curve, at, ticks_per_second)
    if folded is not None:
        places = find_places(curve.times, folded, 0)
    if places.on_keys:
        return curve.values[places.keys] + added
    return _between_keys(curve, places, ticks_per_second) + added


def _has_slopes(curve):
    given = (curve.flags & CUBIC != 0) & (curve.flags & TCB == 0) & (curve.flags & GIVEN != 0)
    return len(curve.values) > 1 and bool(curve.slopes[given].any())


def _rows(curve):
    """Per key, its row of flags, slopes and weights."""
    count = len(curve.values)
    if curve.runs is None:
        return np.arange(count)
    rows = np.repeat(np.arange(len(curve.runs)), curve.runs)[:count]
    return np.pad(rows, (0, count - len(rows)), mode="edge")


def _between_keys(curve, places, ticks_per_second):
    keys, parts = places.keys, places.parts
    following = np.minimum(keys + 1, len(curve.values) - 1)
    start, end = curve.values[keys], curve.values[following]
    rows = _rows(curve)
    flags = curve.flags[rows]
    values = start + (end - start) * parts  # linear
    stands = (flags & CONSTANT != 0)[keys]
    takes_next = stands & (flags & CONSTANT_NEXT != 0)[keys] & (parts > 0)
    values = np.where(takes_next, end, np.where(stands, start, values))
    bends = np.flatnonzero((flags & CUBIC != 0)[keys] & ~stands & (parts > 0))
    if len(bends):
        slopes, handles = _key_slopes(curve, rows, ticks_per_second), _handles(curve, rows)
        seconds = np.diff(curve.times) / ticks_per_second
        for block in np.split(bends, range(BLOCK, len(bends), BLOCK)):
            values[block] = _cubic(curve, slopes, handles, seconds, keys[block], parts[block])
    return values


def _cubic(curve, slopes, handles, seconds, keys, parts):
    """Values within cubic segments that start at `keys`, at `parts` of their time."""
    start, end = curve.values[keys], curve.values[keys + 1]
    first, second = handles[0][keys], handles[1][keys]
    start_handle = start + slopes[0][keys] * first * seconds[keys]
    end_handle = end - slopes[1][keys] * second * seconds[keys]
    s = _solve_time(parts, first, second)
    r = 1 - s
    return r * r * r * start + 3 * r * r * s * start_handle + 3 * r * s * s * end_handle + s * s * s * end


def _handles(curve, rows):
    """Lengths (K,) of the handle at every key, and of that at the next key, as parts of the segment between them."""
    flags = curve.flags[rows]
    first = np.where(flags & WEIGHTED_RIGHT, curve.weights[rows, 0], THIRD)
    return first, np.where(flags & WEIGHTED_LEFT, curve.weights[rows, 1], THIRD)


def _solve_time(parts, first, second):
    """The Bézier parameter s at which the time of a segment is `parts`, for handles of the given lengths.

    Time is 3 r² s · first + 3 r s² (1 − second) + s³ with r = 1 − s, and rises with s for lengths of 0 to 1. Newton's
    steps, kept inside the bracket that the signs so far leave.
    """
    if np.all(np.abs(first - THIRD) + np.abs(second - THIRD) < 1e-6):
        return parts
    s, low, high = parts.copy(), np.zeros_like(parts), np.ones_like(parts)
    last = 1 - second
    for _ in range(30):
        r = 1 - s
        error = 3 * r * r * s * first + 3 * r * s * s * last + s * s * s - parts
        if np.abs(error).max() < 1e-11:
            break
        low, high = np.where(error < 0, s, low), np.where(error < 0, high, s)
        slope = 3 * r * r * first + 6 * r * s * (last - first) + 3 * s * s * (1 - last)
        step = s - error / np.where(np.abs(slope) > 1e-9, slope, 1.0)
        s = np.where((step > low) & (step < high), step, (low + high) / 2)
    return s


def _key_slopes(curve, rows, ticks_per_second):
    """Slopes (K,) at every key towards its right, and at the next key from its left."""
    right, left = curve.slopes[rows, 0].copy(), curve.slopes[rows, 1].copy()
    flags = curve.flags[rows]
    computed = (flags & CUBIC != 0) & ((flags & GIVEN == 0) | (flags & TCB != 0))
    if computed.any() and len(right) > 1:
        seconds = np.diff(curve.times) / ticks_per_second
        steps = np.diff(curve.values) / np.maximum(seconds, 1e-12)  # (K − 1,) slopes of the straight lines
        auto = _auto_slopes(curve, rows, seconds, steps)
        into, out = _tcb_slopes(curve, rows, steps)
        tcb = flags & TCB != 0
        right[computed] = np.where(tcb, out, auto)[computed]
        # A segment's end has the slope that the next key computes for itself, or else the one this key states.
        follows = np.zeros(len(right), bool)
        follows[:-1] = computed[1:] | computed[:-1]
        left[follows] = np.where(tcb, into, auto)[np.flatnonzero(follows) + 1]
    return right, left


def _auto_slopes(curve, rows, seconds, steps):
    """Slopes (K,) as auto keys have them: the mean of the slopes to both neighbours or, time-independent, the slope
    from one neighbour to the other. A clamped key is flat beside an equal one; a progressive key also at an end and
    at a peak, and nowhere so steep that the curve would overshoot. Found by comparison with MotionBuilder and ufbx.
    """
    flags = curve.flags[rows]
    before, after = np.append(steps[:1], steps), np.append(steps, steps[-1:])
    slopes = (before + after) / 2
    values = curve.values.astype(np.float64)
    through = (values[2:] - values[:-2]) / np.maximum(seconds[:-1] + seconds[1:], 1e-12)
    slopes[1:-1] = np.where(flags[1:-1] & TIME_INDEPENDENT, through, slopes[1:-1])
    level = np.minimum(np.abs(before), np.abs(after)) < 1e-6
    slopes = np.where((flags & CLAMPED != 0) & level, 0.0, slopes)
    right, left = _handles(curve, rows)
    left = np.append(THIRD, left[:-1])  # each key's own
    steepest = np.minimum(np.abs(before) / np.maximum(left, 1e-4), np.abs(after) / np.maximum(right, 1e-4))
    limited = np.sign(slopes) * np.minimum(np.abs(slopes), steepest)
    limited[[0, -1]] = 0.0
    return np.where(flags & PROGRESSIVE, np.where(before * after > 0, limited, 0.0), slopes)


def _tcb_slopes(curve, rows, steps):
    """Slopes (K,) into and out of every key after Kochanek and Bartels, SIGGRAPH 1984."""
    tension, continuity, bias = curve.slopes[rows, 0], curve.slopes[rows, 1], curve.bias[rows]
    before, after = np.append(steps[:1], steps), np.append(steps, steps[-1:])
    into = (1 - tension) * ((1 - continuity) * (1 + bias) * before + (1 + continuity) * (1 - bias) * after) / 2
    out = (1 - tension) * ((1 + continuity) * (1 + bias) * before + (1 - continuity) * (1 - bias) * after) / 2
    into[-1] = ((1 - tension) * (1 - continuity) * (1 + bias) * before)[-1]
    out[0] = ((1 - tension) * (1 - continuity) * (1 - bias) * after)[0]
    return into, out


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
            held = np.abs(turns) > count if count >= 0 else np.zeros(len(turns), bool)
            inside = np.where((turns % 2 != 0) & (mode == "M"), (last - first) - inside, inside)
            folded[where] = np.where(held, folded[where], first + inside)
            added[where] = np.where(mode == "A", np.where(held, np.sign(turns) * count, turns) * rise, 0.0)
    return folded, added


def _edge_slope(curve, side, ticks_per_second):
    """The slope at the first key (side 0) or the last one (side 1), within the segment there."""
    start = len(curve.values) - 2 if side else 0
    flags = curve.flags[_rows(curve)[start]]
    if flags & CONSTANT:
        return 0.0
    if flags & CUBIC:
        return _key_slopes(curve, _rows(curve), ticks_per_second)[side][start]
    seconds = (curve.times[start + 1] - curve.times[start]) / ticks_per_second
    return (float(curve.values[start + 1]) - float(curve.values[start])) / max(seconds, 1e-12)
