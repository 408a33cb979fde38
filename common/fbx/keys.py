"""The keys of a curve as a file has them: arrays in version 7, one mixed list in version 6."""

from common.fbx.container import DamagedError
from common.fbx.curves import (
    CONSTANT,
    CONSTANT_NEXT,
    CUBIC,
    GIVEN,
    LATEST,
    LINEAR,
    PROGRESSIVE,
    TCB,
    THIRD,
    WEIGHTED_LEFT,
    WEIGHTED_RIGHT,
    Curve,
    check,
)

import numpy as np

__all__ = ["LATEST", "from_arrays", "from_list"]
MOST_REPEATS = 1e9
WEIGHT_UNIT = 9999  # weights are stored as whole numbers of 16 bits


def from_arrays(node, ticks_per_second):
    """The Curve of an AnimationCurve of version 7. Raises DamagedError."""
    times, values = node.array("KeyTime"), node.array("KeyValueFloat")
    if times.dtype.kind == "f" and len(times) and not np.abs(times).max() < LATEST:
        raise DamagedError("a curve has a key time that is no number")
    flags, data, runs = node.array("KeyAttrFlags"), node.array("KeyAttrDataFloat"), node.array("KeyAttrRefCount")
    if not len(flags):
        flags, data, runs = np.array([LINEAR]), np.zeros(4, np.float32), np.array([len(times)])
    in_range = ((runs >= 0) & (runs <= len(times))).all()  # before they are added up: a sum may wrap around
    if len(data) != 4 * len(flags) or len(runs) != len(flags) or not in_range or runs.sum() != len(times):
        raise DamagedError(
            f"a curve of {len(times)} keys has {len(flags)} flags, {len(data)} slopes and weights, "
            f"and does not say for which of the keys"
        )
    bits = data.astype(np.int64).astype(np.uint32) if data.dtype.kind == "i" else data.astype("<f4").view(np.uint32)
    bits = bits.reshape(-1, 4)
    numbers = bits.view(np.float32).astype(np.float64)
    curve = Curve(
        times=times.astype(np.int64, copy=False),
        values=values,
        flags=flags.astype(np.int64),
        slopes=numbers[:, :2],
        weights=np.stack((bits[:, 2] & 0xFFFF, bits[:, 2] >> 16), axis=1) / WEIGHT_UNIT,
        bias=np.where(flags.astype(np.int64) & TCB, numbers[:, 2], 0.0),
        runs=runs.astype(np.int64) if len(runs) != len(times) else None,
        before=_extrapolation(node.child("PreExtrapolation")),
        after=_extrapolation(node.child("PostExtrapolation")),
    )
    check(curve, ticks_per_second)
    return curve


def _extrapolation(node):
    """(letter, count): C constant, R repeat, M mirror, A repeat and add up, K keep the slope; −1 for ever."""
    kind, count = node and node.child("Type"), node and node.child("Repetition")
    letter = str(kind.values[0])[:1] if kind and kind.values else "C"
    times = count.number(0, -1) if count else -1
    return (letter if letter in "RMAK" else "C", int(times) if abs(times) <= MOST_REPEATS else -1)


def from_list(node, ticks_per_second):
    """The Curve of a channel of version 6: `Key: time, value, mode, ..., time, value, mode, ...`.

    The modes are C constant, L linear and U cubic, in capitals that nothing else uses; after them, in small letters,
    how the slopes and the weights of the handles are given, each with its numbers. Raises DamagedError.
    """
    items = node.child("Key").values
    modes = [place for place, item in enumerate(items) if isinstance(item, str) and item in ("C", "L", "U")]
    if items and not modes:
        raise DamagedError("a curve lists what are no keys")
    count = node.child("KeyCount")
    if count and count.number(0, len(modes)) != len(modes):
        raise DamagedError(f"a curve says it has {count.values[0]} keys and has {len(modes)}")
    ends = [*(place - 2 for place in modes[1:]), len(items)]
    times = _numbers([items[place - 2] for place in modes if place >= 2], len(modes))
    rows = [_key(items[place], items[place + 1 : end]) for place, end in zip(modes, ends, strict=False)]
    columns = np.array(rows, np.float64).reshape(len(rows), 6)
    curve = Curve(
        times=times.astype(np.int64) if np.abs(times).max(initial=0) < LATEST else np.full(len(times), LATEST + 1),
        values=_numbers([items[place - 1] for place in modes], len(modes)),
        flags=columns[:, 0].astype(np.int64),
        slopes=columns[:, 1:3],
        weights=columns[:, 3:5],
        bias=columns[:, 5],
    )
    check(curve, ticks_per_second)
    return curve


def _numbers(items, count):
    if len(items) != count or not all(isinstance(item, (int, float)) for item in items):
        raise DamagedError("a curve has a key without a time or a value")
    return np.array(items, np.float64)


def _key(mode, rest):
    """Flags, two slopes, two weights and a bias of a key, from what follows its mode."""
    if mode == "C":
        return (CONSTANT | (CONSTANT_NEXT if rest[:1] == ["n"] else 0), 0, 0, THIRD, THIRD, 0)
    if mode == "L":
        return (LINEAR, 0, 0, THIRD, THIRD, 0)
    flags, slopes = CUBIC, [0.0, 0.0, 0.0]
    letter = rest[0] if rest else "a"
    given = _leading_numbers(rest[1:])
    if letter == "t":
        flags |= TCB
        slopes = (given + slopes)[:3]
    elif letter in ("a", "p") or len(given) < 2:
        flags |= PROGRESSIVE if letter == "p" else 0
    else:
        flags |= GIVEN
        slopes = [*given[:2], 0.0]
    rest = rest[1 + len(given) :]
    weights, numbers = [THIRD, THIRD], _leading_numbers(rest[1:])
    if rest[:1] == ["a"] and len(numbers) >= 2:
        flags, weights = flags | WEIGHTED_RIGHT | WEIGHTED_LEFT, numbers[:2]
    elif rest[:1] == ["r"] and numbers:
        flags, weights = flags | WEIGHTED_RIGHT, [numbers[0], THIRD]
    elif rest[:1] == ["l"] and numbers:
        flags, weights = flags | WEIGHTED_LEFT, [THIRD, numbers[0]]
    return (flags, *slopes[:2], *weights, slopes[2])


def _leading_numbers(items):
    numbers = []
    for item in items:
        if not isinstance(item, (int, float)):
            break
        numbers.append(float(item))
    return numbers
