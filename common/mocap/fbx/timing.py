"""Which take of a file is read, and at which times: the stack, the frame rate, the frames."""

from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.evaluate import Clock
from common.mocap.fbx.frame_rates import CUSTOM, RATES
from common.mocap.fbx.span import take_span
from common.runtime import console
from common.runtime.errors import InputError

import numpy as np

DEFAULT_FPS = 30.0  # what mode 0 means
RATE_RANGE = (0.1, 10000.0)  # frames per second that a file can mean
DENSE = (10, 20.0)  # keys, and keys per second, from which even spacing is a recording's and no animator's
SAME_RATE = 5e-4


def choose_stack(name, scene, places, take):
    """The stack called `take`, or else the first in which the body moves; None where a file has no stack."""
    stacks = scene.stacks
    if take is not None:
        choice = next((stack for stack in stacks if stack.name == take), None)
        if choice is None:
            raise InputError(
                f"{name}: has no take called {take!r}; it has {_quoted(stacks) or 'none'}. Set mocap_take to one of "
                f"these."
            )
        return choice
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


def frame_clock(name, scene, stack, places, fps=None):
    """The Clock of every frame of a stack, and its frames per second: `fps`, or else the file's own."""
    curves = curves_of(stack, places)
    fps = _frame_rate(name, scene, curves, fps)
    frame = scene.ticks_per_second / fps
    start, stop = take_span(name, scene, stack, curves, frame, places)
    count = int((stop - start) / frame + 1e-3) + 1
    ticks = start + np.rint(np.arange(count) * frame).astype(np.int64)
    return Clock(ticks, scene.ticks_per_second, frame), fps


def _frame_rate(name, scene, curves, requested):
    """The requested rate; else the one that the file states, or that of its keys, where these are dense, even, and off
    the stated frames."""
    stated = _stated_rate(scene)
    of_keys = _key_rate(curves, scene.ticks_per_second)
    if of_keys is None or abs(stated / of_keys - max(round(stated / of_keys), 1)) < SAME_RATE:
        of_keys = stated
    if requested is None and of_keys != stated:
        console.note(
            f"{name}: states {stated:.5g} frames per second, but its keys come at {of_keys:.5g}; using {of_keys:.5g}."
        )
    if requested is None or requested == of_keys:
        return of_keys
    console.note(f"{name}: its curves are sampled at {requested:.5g} frames per second; its own are {of_keys:.5g}.")
    return float(requested)


def _stated_rate(scene):
    mode = int(scene.setting("TimeMode", 0))
    custom = float(scene.setting("CustomFrameRate", -1))
    stated = custom if mode == CUSTOM and custom > 0 else float(RATES.get(mode, DEFAULT_FPS))
    if not RATE_RANGE[0] <= stated <= RATE_RANGE[1]:
        raise DamagedError(f"it states {stated:g} frames per second")
    return stated


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
    nearest = min(map(float, RATES.values()), key=lambda listed: abs(listed / rate - 1))
    return nearest if abs(nearest / rate - 1) < SAME_RATE / 2 else rate
