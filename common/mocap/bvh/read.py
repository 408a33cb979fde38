"""BVH in: the hierarchy word by word, the channel values as one array.

Shapes: T frames, J joints, C channels.
"""

import dataclasses
import math
import re
import warnings
from pathlib import Path

from common.mocap.bvh.channels import POSITIONS, ROTATIONS, end_site_name
from common.mocap.bvh.words import Words
from common.mocap.take import Mocap, Skeleton
from common.motion import quaternion
from common.motion.up_axis import find_up_axis
from common.runtime import console
from common.runtime.errors import InputError

import numpy as np
import torch

MOST_JOINTS = 3000
JOINT_FRAMES = 3_000_000  # that a file may have whatever its size; joints without channels take no place in it
SHORTEST_FRAME, LONGEST_FRAME = 1e-5, 60.0  # seconds; beyond that, the frame time is damaged


def load_bvh(path, skeleton=None):
    """Read a BVH file as a Mocap, lengths in the file's own unit.

    `skeleton` picks one of several ROOTs, by its number from 0 or its name. A quaternion has the sign that its Euler
    angles give. Raises InputError, with file and line, for what is no whole BVH.
    """
    header, line_number, rows = _split_motion(path, _read_text(path))
    roots = _parse_hierarchy(path, header)
    skeleton = _pick_skeleton(path, [joints[0]["name"] for joints in roots], skeleton)
    channel_counts = [sum(len(joint["channels"]) for joint in joints) for joints in roots]
    frame_time, values = _parse_motion(path, line_number, rows, sum(channel_counts))
    first = sum(channel_counts[:skeleton])
    joint_frames = len(values) * len(roots[skeleton])
    if joint_frames > JOINT_FRAMES + len(rows):
        raise InputError(
            f"{path}: its {len(values)} frames of {len(roots[skeleton])} joints are more than {len(rows)} characters "
            f"can mean. Export the recording again."
        )
    del rows  # of a long take, as large as its numbers
    values = values[:, first : first + channel_counts[skeleton]]
    return _to_mocap(path, roots[skeleton], frame_time, values)


def _pick_skeleton(path, names, skeleton):
    if skeleton is None and len(names) > 1:
        console.note(f"{path}: holds {len(names)} skeletons, {', '.join(names)}; using the first.")
    number = names.index(skeleton) if skeleton in names else skeleton or 0
    if not isinstance(number, int) or not 0 <= number < len(names):
        raise InputError(f"{path}: has no skeleton {skeleton!r}; it has {', '.join(names)}, numbered from 0.")
    return number


def _read_text(path):
    data = Path(path).read_bytes()
    if not data.strip():
        raise InputError(f"{path}: the file is empty. Export the recording again.")
    if b"\0" in data[:4096]:
        raise InputError(f"{path}: holds binary data, not the text of a BVH file. Is the ending right?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # names from older Windows software; never fails
    del data
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _split_motion(path, text):
    """Header lines, the number of the first line after MOTION, and the text from there on."""
    motion = re.search(r"^[ \t]*MOTION[ \t]*$", text, re.IGNORECASE | re.MULTILINE)
    if not re.match(r"\s*HIERARCHY\b", text, re.IGNORECASE):
        raise InputError(
            f"{path}, line 1: a BVH file starts with the word HIERARCHY; found {text.strip()[:30]!r}. "
            f"Is this a BVH file, and all of it?"
        )
    if not motion:
        raise InputError(f"{path}: has no MOTION section; the file is cut off. Export it again.")
    return text[: motion.start()].split("\n"), text.count("\n", 0, motion.end()) + 2, text[motion.end() :]


def _parse_hierarchy(path, lines):
    """One list of joints per ROOT; a joint is a dict of name, parent, offset, channels and end_site."""
    roots, open_joints = [], []
    words = Words(path, lines)
    words.expect("HIERARCHY")
    while words.more():
        keyword = words.keyword()
        if keyword in ("ROOT", "JOINT", "END"):
            if (keyword == "ROOT") == bool(open_joints):
                words.fail("a ROOT stands alone, and JOINT and End Site inside the braces of another joint")
            if keyword == "ROOT":
                roots.append([])
            joints = roots[-1]
            if len(joints) >= MOST_JOINTS:
                words.fail(f"a body has at most {MOST_JOINTS} joints")
            parent = open_joints[-1] if open_joints else -1
            if open_joints and joints[parent]["end_site"]:
                words.fail("an End Site holds no further joints")
            name = words.rest_of_line()
            if keyword == "END":
                name = _end_site_name(joints, parent)
            elif not name:
                words.fail(f"{keyword} has no name")
            joints.append(
                {"name": name, "parent": parent, "offset": None, "channels": [], "end_site": keyword == "END"}
            )
            open_joints.append(len(joints) - 1)
            words.expect("{")
        elif keyword == "}":
            if not open_joints:
                words.fail("a closing brace too many")
            if roots[-1][open_joints.pop()]["offset"] is None:
                words.fail("the joint that ends here has no OFFSET")
        elif not open_joints:
            words.fail(f"expected ROOT, found {keyword[:30]!r}")
        elif keyword == "OFFSET":
            roots[-1][open_joints[-1]]["offset"] = [words.number() for _ in range(3)]
        elif keyword == "CHANNELS":
            joint = roots[-1][open_joints[-1]]
            if joint["channels"]:
                words.fail("the joint has CHANNELS already")
            joint["channels"] = words.channels()
            joint["end_site"] &= not joint["channels"]  # an end that moves is a joint
        else:
            words.fail(f"expected JOINT, End Site, OFFSET, CHANNELS or a brace, found {keyword[:30]!r}")
    if open_joints:
        words.fail(f"{len(open_joints)} closing brace(s) missing before MOTION")
    if not roots:
        words.fail("no ROOT joint")
    return roots


def _end_site_name(joints, parent):
    earlier = sum(joint["end_site"] and joint["parent"] == parent for joint in joints)
    return end_site_name(joints[parent]["name"], earlier)


def _parse_motion(path, line_number, text, channel_count):
    """The frame time in seconds and the channel values (T, C)."""
    head = re.match(r"\s*Frames\s*:\s*(\S+)\s+Frame\s*Time\s*:\s*(\S+)", text, re.IGNORECASE)
    if not head:
        raise InputError(
            f"{path}, line {line_number}: after MOTION come 'Frames: <number>' and 'Frame Time: <seconds>'; "
            f"found {text.strip()[:40]!r}. Export the recording again."
        )
    try:
        frame_count, frame_time = int(head[1]), float(head[2])
    except ValueError:
        frame_count, frame_time = 0, 0.0
    if frame_count < 1 or not SHORTEST_FRAME <= frame_time <= LONGEST_FRAME:
        raise InputError(
            f"{path}, line {line_number}: needs at least one frame, and a frame time from {SHORTEST_FRAME} to "
            f"{LONGEST_FRAME} seconds; found Frames {head[1][:30]} and Frame Time {head[2][:30]}."
        )
    rows = text[head.end() :]
    first_row = line_number + text.count("\n", 0, head.end())
    values = _parse_numbers(path, first_row, rows)
    if channel_count == 0:
        raise InputError(f"{path}: no joint has CHANNELS; there is no motion in this file.")
    _check_value_count(path, first_row, rows, frame_count, channel_count, len(values))
    values = values[: frame_count * channel_count].reshape(frame_count, channel_count)
    return frame_time, values


def _parse_numbers(path, first_row, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how some NumPy versions report what is no number
        try:
            values = np.fromstring(rows, sep=" ") if rows.strip() else np.empty(0)
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


def _check_value_count(path, first_row, rows, frame_count, channel_count, found):
    expected = frame_count * channel_count
    if found == expected:
        return
    if found < expected:
        raise InputError(
            f"{path}, line {first_row + rows.rstrip().count(chr(10))}: the header says {frame_count} "
            f"frames of {channel_count} channels, but the file ends after {found // channel_count} whole "
            f"frames ({found} of {expected} values). Export it again, or correct the 'Frames:' line."
        )
    row = rows.strip().partition("\n")[0].split()
    if found % channel_count and len(row) != channel_count:
        raise InputError(
            f"{path}, line {first_row + 1}: a frame has {channel_count} channels by the hierarchy, but this "
            f"row has {len(row)} values, and all {found} values make no whole number of frames."
        )
    console.note(
        f"{path}: the header says {frame_count} frames, the file holds {found / channel_count:.4g}; "
        f"using the first {frame_count}."
    )


def _to_mocap(path, joints, frame_time, values):
    rest_offsets = np.array([joint["offset"] for joint in joints], dtype=np.float64)
    root_pos, offsets = _root_path_and_offsets(joints, rest_offsets, values)
    skeleton = Skeleton(
        name=joints[0]["name"],
        joint_names=[joint["name"] for joint in joints],
        parents=np.array([joint["parent"] for joint in joints], dtype=np.int64),
        offsets=offsets,
        rot_orders=[_whole_order(joint["channels"]) for joint in joints],
        rest_offsets=rest_offsets,
        channels=[tuple(joint["channels"]) for joint in joints],
        is_end_site=np.array([joint["end_site"] for joint in joints]),
    )
    take = Mocap(
        skeleton=skeleton,
        rot_local=_local_rotations(joints, values),
        root_pos=root_pos,
        fps=1.0 / frame_time,
        up_axis="Y",
        path=str(path),
    )
    return dataclasses.replace(take, up_axis=find_up_axis(take).axis)


def _root_path_and_offsets(joints, rest_offsets, values):
    """(T, 3), and (J, 3) or, where a joint moves inside its parent, (T, J, 3): position channels replace offsets."""
    columns = [
        (channel, joint, POSITIONS.index(name))
        for channel, (joint, name) in enumerate(_joint_channels(joints))
        if name in POSITIONS
    ]
    root_pos = np.tile(rest_offsets[0], (len(values), 1))
    for channel, joint, axis in columns:
        if joint == 0:
            root_pos[:, axis] = values[:, channel]
    inner = [column for column in columns if column[1] > 0]
    moves = any(np.ptp(values[:, channel]) > 0 for channel, *_ in inner)
    offsets = np.tile(rest_offsets, (len(values), 1, 1)) if moves else rest_offsets[None].copy()
    for channel, joint, axis in inner:
        offsets[:, joint, axis] = values[: len(offsets), channel]
    return root_pos, offsets if moves else offsets[0]


def _local_rotations(joints, values):
    """(T, J, 4): joints that share a rotation order are turned together."""
    groups = {}
    for channel, (joint, name) in enumerate(_joint_channels(joints)):
        if name in ROTATIONS:
            groups.setdefault(joint, []).append((channel, name[0]))
    by_order = {}
    for joint, channels in groups.items():
        by_order.setdefault("".join(axis for _, axis in channels), []).append((joint, [c for c, _ in channels]))
    rot_local = torch.zeros((len(values), len(joints), 4), dtype=torch.float64)
    rot_local[..., 0] = 1.0
    for order, members in by_order.items():
        channels = [channels for _, channels in members]
        for start in range(0, len(values), quaternion.BLOCK):
            block = slice(start, start + quaternion.BLOCK)
            angles = torch.from_numpy(np.radians(values[block, channels]))
            rot_local[block, [joint for joint, _ in members]] = quaternion.from_euler(angles, order)
    return rot_local.numpy()


def _joint_channels(joints):
    return [(i, name) for i, joint in enumerate(joints) for name in joint["channels"]]


def _whole_order(channels):
    """The rotation order of a joint, completed to three axes where the file animates fewer."""
    order = "".join(name[0] for name in channels if name in ROTATIONS)
    return order + "".join(axis for axis in ("ZXY" if not order else "XYZ") if axis not in order)
