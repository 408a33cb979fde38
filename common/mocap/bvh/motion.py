"""The motion of a BVH file: where it begins, the frame time, the channel values as one array.

Shapes: T frames, C channels.
"""

import math
import re
import warnings

from common.runtime import console
from common.runtime.errors import InputError

import numpy as np

SHORTEST_FRAME, LONGEST_FRAME = 1e-5, 1.0  # seconds; what is longer is a rate, what is shorter is damage
MOTION = re.compile(r"(?:^|(?<=\}))[ \t]*MOTION\b(?=[ \t]*(?:$|Frames\b|#|//))", re.IGNORECASE | re.MULTILINE)
HEAD = re.compile(r"\s*Frames\s*:\s*(\S+)\s+Frame\s*Time\s*:\s*(\S+)", re.IGNORECASE)
COMMENT_LINE = re.compile(r"^[ \t]*(?:#|//).*|[ \t](?:#|//)(?:[ \t].*)?$", re.MULTILINE)  # names may hold a #
REST_OF_LINE = re.compile(r"[ \t]*(?:(?:#|//).*)?\n")
COMMENT = re.compile(r"(?:^|(?<=[ \t]))(?:#|//).*", re.MULTILINE)  # not the # of 1.#IND, which is no number


def split_motion(path, text):
    """Header lines, the number of the first line of the motion, and the text from there on; both without comments."""
    motion = MOTION.search(text)
    header = text[: motion.start()] if motion else text
    if "#" in header or "//" in header:
        header = COMMENT_LINE.sub("", header)
    if not re.match(r"\s*HIERARCHY\b", header, re.IGNORECASE):
        raise InputError(
            f"{path}, line 1: a BVH file starts with the word HIERARCHY; found {header.strip()[:30]!r}. "
            f"Is this a BVH file, and all of it?"
        )
    if not motion:
        raise InputError(f"{path}: has no MOTION section; the file is cut off. Export it again.")
    empty = REST_OF_LINE.match(text, motion.end())
    start = empty.end() if empty else motion.end()
    rest = text[start:]
    if "#" in rest or "//" in rest:
        rest = COMMENT.sub("", rest)
    return header.split("\n"), text.count("\n", 0, start) + 1, rest


def parse_head(path, line_number, text):
    """The number of frames, the frame time in seconds, the number of the first line of values, and the text from there
    on."""
    head = HEAD.match(text)
    if not head:
        raise InputError(
            f"{path}, line {line_number}: after MOTION come 'Frames: <number>' and 'Frame Time: <seconds>'; "
            f"found {text.strip()[:40]!r}. Export the recording again."
        )
    try:
        frame_count, frame_time = int(head[1]), float(head[2].replace(",", "."))
    except ValueError:
        frame_count, frame_time = 0, 0.0
    if frame_count < 1 or not SHORTEST_FRAME <= frame_time <= 1 / SHORTEST_FRAME:
        raise InputError(
            f"{path}, line {line_number}: needs at least one frame, and a frame time from {SHORTEST_FRAME} to "
            f"{LONGEST_FRAME} seconds; found Frames {head[1][:30]} and Frame Time {head[2][:30]}."
        )
    if frame_time > LONGEST_FRAME:
        console.note(
            f"{path}: a Frame Time of {frame_time:g} seconds is no recording's; taken for {frame_time:g} frames per "
            f"second. If it means something else, set mocap_fps (of milliseconds: {1000 / frame_time:.4g})."
        )
        frame_time = 1 / frame_time
    return frame_count, frame_time, line_number + text.count("\n", 0, head.end()), text[head.end() :]


def parse_values(path, first_row, rows, frame_count, channel_count):
    """The channel values (T, C)."""
    values = _parse_numbers(path, first_row, rows)
    if channel_count == 0:
        raise InputError(f"{path}: no joint has CHANNELS; there is no motion in this file.")
    _check_value_count(path, first_row, rows, frame_count, channel_count, len(values))
    return values[: frame_count * channel_count].reshape(frame_count, channel_count)


def _parse_numbers(path, first_row, rows):
    numbers = rows
    if "," in rows and "." not in rows and not re.search(r",[^\s,]*,", rows):
        console.note(f"{path}: its numbers have decimal commas; they are read as decimal points.")
        numbers = rows.replace(",", ".")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how some NumPy versions report what is no number
        try:
            values = np.fromstring(numbers, sep=" ") if numbers.strip() else np.empty(0)
        except (DeprecationWarning, ValueError):
            values = None
    if values is None or not np.isfinite(values).all():
        raise InputError(f"{path}, {_first_bad_number(first_row, rows)}. Every value has to be a number.")
    return values


def _first_bad_number(first_row, rows):
    for number, row in enumerate(rows.split("\n"), first_row):
        for word in row.split():
            try:
                valid = math.isfinite(float(word))
            except ValueError:
                valid = False
            if not valid:
                return f"line {number}: a frame holds {word[:30]!r}"
    return "a frame holds something else"


def _check_value_count(path, first_row, rows, frame_count, channel_count, value_count):
    expected = frame_count * channel_count
    if value_count == expected:
        return
    if value_count < expected:
        raise InputError(
            f"{path}, line {first_row + rows.rstrip().count(chr(10))}: the header says {frame_count} "
            f"frames of {channel_count} channels, but the file ends after {value_count // channel_count} whole "
            f"frames ({value_count} of {expected} values). Export it again, or correct the 'Frames:' line."
        )
    row = rows.strip().partition("\n")[0].split()
    if value_count % channel_count and len(row) != channel_count:
        raise InputError(
            f"{path}, line {first_row + 1}: a frame has {channel_count} channels by the hierarchy, but this "
            f"row has {len(row)} values, and all {value_count} values make no whole number of frames."
        )
    console.note(
        f"{path}: the header says {frame_count} frames, the file holds {value_count / channel_count:.4g}; "
        f"using the first {frame_count}."
    )
