"""From when to when a take is read: the time that its file states, against the time in which it has keys.

What a stack states is often the playback range of an editor, or the length of the longest take of the file. So a span
that misses its keys, or leaves many of them out, is replaced by that of the keys; and a note says both, with the frame
range that chooses. Shorter differences are a trim, or a pose before the take: then the stated span holds.
"""

from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.scene import PATHS
from common.runtime import console

import numpy as np

FAR = (0.5, 0.1)  # seconds, and a share of the shorter span, by which both spans may differ without a note
FEW = 0.1  # a share of the keys: fewer that lie outside are strays, as a pose at time zero
WORK, WORK_PER_BYTE = 3e6, 4.0  # of all frames of a take, in the units of `_work`; and for every byte of the file


def take_span(name, scene, stack, curves, frame, places):
    """First and last time of a take in ticks; `curves` are those of the nodes at `places`, `frame` is in ticks.

    A few bytes can ask for any number of frames. Allowed are, at 120 frames per second, ten minutes of a body of 80
    joints with a key a second, and of one that stands still whatever the file's size.
    """
    most = (WORK + WORK_PER_BYTE * scene.file_size) / _work(scene, stack, places)
    stated = (stack.start, stack.stop) if stack else (0, 0)
    timed = [curve for curve in curves if len(curve.times) > 1] or curves  # a single key has no time of its own
    start = min((int(curve.times[0]) for curve in timed), default=stated[0])
    keys = (start, max((int(curve.times[-1]) for curve in timed), default=start))
    span = _choose(_Notes(name, scene.ticks_per_second, frame), stated, keys, timed, most)
    if _length(span) / frame > most:
        raise DamagedError(
            f"its take of {_length(span) / frame:.6g} frames at {scene.ticks_per_second / frame:.5g} a second, for "
            f"{len(places)} joints, is far longer than a file of {scene.file_size} bytes can mean"
        )
    return span


def _length(span):
    return span[1] - span[0]


def _choose(notes, stated, keys, curves, most):
    """The span to read: `stated` or that of the `keys`, (start, stop) in ticks."""
    half_frame = notes.frame / 2  # times are rounded
    if _length(stated) <= 0:
        return keys
    if _length(stated) / notes.frame > most:
        notes.too_long(stated, keys)
        return keys
    if _length(keys) <= 0:  # a pose
        return stated
    if keys[0] > stated[1] + half_frame or keys[1] < stated[0] - half_frame:
        if _goes_on(curves, before=keys[0] > stated[1]):
            return stated
        notes.no_keys(stated, keys)
        return keys
    tolerance = max(FAR[0] * notes.second, FAR[1] * min(_length(stated), _length(keys)))
    beyond = max(stated[0] - keys[0], 0) + max(keys[1] - stated[1], 0)
    if beyond > tolerance and _share_outside(curves, stated[0] - half_frame, stated[1] + half_frame) > FEW:
        if _length(keys) / notes.frame <= most:
            notes.more_keys(stated, keys)
            return keys
        notes.too_many_keys(stated, keys)
        return stated
    lead = 0 if _goes_on(curves, before=True) else max(keys[0] - stated[0], 0)
    tail = 0 if _goes_on(curves, before=False) else max(stated[1] - keys[1], 0)
    if lead + tail > tolerance:
        notes.still_ends(stated, keys, lead, tail)
    return stated


def _goes_on(curves, before):
    """Whether some curve moves before its first key, or behind its last one."""
    return any((curve.before if before else curve.after)[0] != "C" for curve in curves)


def _share_outside(curves, start, stop):
    """The share of all keys that lie before `start` or behind `stop`."""
    inside = sum(np.searchsorted(c.times, stop, "right") - np.searchsorted(c.times, start) for c in curves)
    return 1 - inside / sum(len(curve.times) for curve in curves)


class _Notes:
    """What is said where the stated span and that of the keys differ."""

    def __init__(self, name, second, frame):
        self.name, self.second, self.frame = name, second, frame  # the latter two in ticks

    def too_long(self, stated, keys):
        console.note(
            f"{self.name}: its take lasts {_length(stated) / self.second:.6g} seconds by its own word; using the "
            f"{_length(keys) / self.second:.6g} seconds in which it has keys."
        )

    def no_keys(self, stated, keys):
        console.note(
            f"{self.name}: states that its take lasts {self._times(stated)}, where it has no keys (a playback range, "
            f"most likely); reading the time of its keys, {self._times(keys)}."
        )

    def more_keys(self, stated, keys):
        console.note(
            f"{self.name}: states that its take lasts {self._times(stated)}, but it has keys {self._times(keys)}; "
            f"reading all of them. If the stated time is meant, set mocap_valid_frame_ranges to "
            f"{self._frames(stated, keys)} for it."
        )

    def too_many_keys(self, stated, keys):
        console.note(
            f"{self.name}: states that its take lasts {self._times(stated)}, but it has keys {self._times(keys)}, far "
            f"longer than a file of its size can mean; reading the stated time."
        )

    def still_ends(self, stated, keys, lead, tail):
        where = " and ".join(["before the first one"] * bool(lead) + ["after the last one"] * bool(tail))
        console.note(
            f"{self.name}: its take lasts {self._times(stated)}, but it has keys only {self._times(keys)}; nothing "
            f"moves {where}. To leave that out, set mocap_valid_frame_ranges to {self._frames(keys, stated)} for it."
        )

    def _times(self, span):
        return f"from {span[0] / self.second:.4g} to {span[1] / self.second:.4g} s"

    def _frames(self, part, whole):
        """The frame range [start, end] of one span within another, which is read."""
        start = max(np.ceil((part[0] - whole[0]) / self.frame - 1e-3), 0)
        end = np.floor((min(part[1], whole[1]) - whole[0]) / self.frame + 1e-3) + 1
        return [int(start), int(end)]


# ---------------------------------------------------------------------------------------------------------------------
# how much work a take is


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
