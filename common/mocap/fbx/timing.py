"""Which take of a file is read, and at which times: the stack, the frame rate, the frames."""

from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.evaluate import Clock
from common.mocap.fbx.frame_rates import CUSTOM, RATES
from common.mocap.fbx.scene import PATHS
from common.runtime import console
from common.runtime.errors import InputError

import numpy as np

DEFAULT_FPS = 30.0  # what mode 0 means
RATE_RANGE = (0.1, 10000.0)  # frames per second that a file can mean
DENSE = (10, 20.0)  # keys, and keys per second, from which even spacing is a recording's and no animator's
SAME_RATE = 5e-4
WORK, WORK_PER_BYTE = 3e6, 4.0  # of all frames of a take, in the units of `_work`; and for every byte of the file


def choose_stack(name, scene, places, take):
    """The stack called `take`, or else the first in which the body moves; None where a file has no stack."""
    stacks = scene.stacks
    if take is not None:
        chosen = next((stack for stack in stacks if stack.name == take), None)
        if chosen is None:
            raise InputError(
                f"{name}: has no take called {take!r}; it has {_quoted(stacks) or 'none'}. Set mocap_take to one of "
                f"these."
            )
        return chosen
    motion = [sum(not curve.is_still for curve in curves_of(stack, places)) for stack in stacks]
    moving = [stack for stack, count in zip(stacks, motion, strict=True) if count > 0.1 * max(motion)]
    if not moving:
        console.note(f"{name}: nothing moves in it; there is a pose, but no motion.")
        return stacks[0] if stacks else None
    if len(moving) > 1:
        others = _quoted(moving[1:])
        console.note(f"{name}: reading the take {moving[0].name!r}; set mocap_take for another: {others}.")
    return moving[0]


def _quoted(stacks):
    return ", ".join(repr(stack.name) for stack in stacks[:12])


def curves_of(stack, places):
    """All curves that turn, move or scale the nodes at `places`, with keys in them."""
    return [curve for place in places for curve in stack.curves(place)] if stack else []


def frame_clock(name, scene, stack, places):
    """The Clock of every frame of a stack, and its frames per second."""
    curves = curves_of(stack, places)
    fps = _frame_rate(name, scene, curves)
    frame = scene.ticks_per_second / fps
    start, stop = _span(name, scene, stack, curves, frame, places)
    count = int((stop - start) / frame + 1e-3) + 1
    ticks = start + np.rint(np.arange(count) * frame).astype(np.int64)
    return Clock(ticks, scene.ticks_per_second, frame), fps


def _frame_rate(name, scene, curves):
    """The rate that the file states; or that of its keys, where these are dense, even, and off the stated frames."""
    mode = int(scene.setting("TimeMode", 0))
    custom = float(scene.setting("CustomFrameRate", -1))
    stated = custom if mode == CUSTOM and custom > 0 else float(RATES.get(mode, DEFAULT_FPS))
    if not RATE_RANGE[0] <= stated <= RATE_RANGE[1]:
        raise DamagedError(f"it states {stated:g} frames per second")
    of_keys = _key_rate(curves, scene.ticks_per_second)
    if of_keys is None or abs(stated / of_keys - max(round(stated / of_keys), 1)) < SAME_RATE:
        return stated
    console.note(
        f"{name}: states {stated:.5g} frames per second, but its keys come at {of_keys:.5g}; using {of_keys:.5g}."
    )
    return of_keys


def _key_rate(curves, ticks_per_second):
    """Keys per second of the curve with the most keys, None unless these are dense and even."""
    times = max((curve.times for curve in curves), key=len, default=())
    if len(times) < DENSE[0] or times[-1] <= times[0]:
        return None
    gaps = np.diff(times)
    spacing = float(np.median(gaps))
    # some programs round the times of keys to milliseconds, drop a few keys, or put one before or after the rest
    rounding = min(1e-3 * ticks_per_second, 0.15 * spacing)
    even = np.abs(gaps - spacing) <= max(0.02 * spacing, rounding)
    if spacing <= 0 or even.mean() < 0.95:
        return None
    rate = ticks_per_second / gaps[even].mean()
    if not DENSE[1] <= rate <= RATE_RANGE[1]:
        return None
    nearest = min(map(float, RATES.values()), key=lambda known: abs(known / rate - 1))
    return nearest if abs(nearest / rate - 1) < SAME_RATE / 2 else rate


def _span(name, scene, stack, curves, frame, places):
    """First and last time in ticks. A span far beyond what the file can fill gives way to that of the keys.

    A few bytes can ask for any number of frames. Allowed are, at 120 frames per second, ten minutes of a body of 80
    joints with a key a second, and of one that stands still whatever the file's size.
    """
    most = (WORK + WORK_PER_BYTE * scene.file_size) / _work(scene, stack, places)
    start, stop = (stack.start, stack.stop) if stack else (0, 0)
    keys = (min(int(c.times[0]) for c in curves), max(int(c.times[-1]) for c in curves)) if curves else (start, start)
    if stop <= start:
        start, stop = keys
    elif (stop - start) / frame > most:
        console.note(
            f"{name}: its take lasts {(stop - start) / scene.ticks_per_second:.6g} seconds by its own word; using the "
            f"{(keys[1] - keys[0]) / scene.ticks_per_second:.6g} seconds in which it has keys."
        )
        start, stop = keys
    if (stop - start) / frame > most:
        raise DamagedError(
            f"its take of {(stop - start) / frame:.6g} frames for {len(places)} joints is far longer than a file of "
            f"{scene.file_size} bytes can mean"
        )
    return start, stop


def _work(scene, stack, places):
    """What one frame of these nodes costs, in units of a microsecond or so. The memory is bounded by it, too: nothing
    takes more than 200 bytes a unit."""
    return sum(0.5 + _work_of_channels(stack, place) for place in places) + 1.5 * len(places) * any(
        _scales_unevenly(scene.nodes[place], stack, place) for place in places
    )


def _work_of_channels(stack, place):
    work = 0.0
    for name, parts in stack.channels.get(place, {}).items() if stack else ():
        moving = [
            curve
            for _, layer, channel in parts
            for curve in (*channel.curves, *(layer.weight_channel.curves if layer.weight_channel else ()))
            if curve is not None and not (curve.is_still and not curve.has_slopes)
        ]
        if moving and name in PATHS:
            work += (0.4 if name == PATHS[1] else 0.1) + 2.0 * (len(parts) - 1) + sum(map(_work_of_curve, moving))
    return work


def _work_of_curve(curve):
    return (0.6 if curve.is_weighted else 0.15) + (0.3 if (curve.before[0], curve.after[0]) != ("C", "C") else 0.0)


def _scales_unevenly(node, stack, place):
    return np.ptp(node.vector("Lcl Scaling", (1, 1, 1))) > 0 or (
        stack is not None and PATHS[2] in stack.channels.get(place, {})
    )
