"""BVH in: the hierarchy word by word, the channel values as one array.

Shapes: T frames, J joints, C channels.
"""

import dataclasses

from common.mocap.bvh.channels import POSITIONS, ROTATIONS, SCALES
from common.mocap.bvh.hierarchy import parse_hierarchy
from common.mocap.bvh.motion import parse_head, parse_values, split_motion
from common.mocap.take import Mocap, Skeleton
from common.mocap.text import UTF_16, decode, read_bytes
from common.motion import quaternion
from common.motion.up_axis import find_up_axis
from common.runtime import console
from common.runtime.errors import InputError

import numpy as np
import torch

SCALED, NAMED = 1e-3, 5  # a scale that is reported, and joints that are named for it
JOINT_FRAMES = 3_000_000  # that a file may have whatever its size; joints without channels take no place in it


def load_bvh(path, skeleton=None):
    """Read a BVH file as a Mocap, lengths in the file's own unit.

    `skeleton` picks one of several ROOTs, by its number from 0 or its name. A quaternion has the sign that its Euler
    angles give. Raises InputError, with file and line, for what is no whole BVH.
    """
    header, line_number, motion = split_motion(path, _read_text(path))
    roots = parse_hierarchy(path, header)
    skeleton = _pick_skeleton(path, [joints[0]["name"] for joints in roots], skeleton)
    channel_counts = [sum(len(joint["channels"]) for joint in joints) for joints in roots]
    frame_count, frame_time, first_row, rows = parse_head(path, line_number, motion)
    del motion  # of a long take, as large as its numbers, and so are the rows
    values = parse_values(path, first_row, rows, frame_count, sum(channel_counts))
    first = sum(channel_counts[:skeleton])
    joint_frames = len(values) * len(roots[skeleton])
    if joint_frames > JOINT_FRAMES + len(rows):
        raise InputError(
            f"{path}: its {len(values)} frames of {len(roots[skeleton])} joints are more than {len(rows)} characters "
            f"can mean. Export the recording again."
        )
    del rows
    values = values[:, first : first + channel_counts[skeleton]]
    return _to_mocap(path, roots[skeleton], frame_time, values)


def _pick_skeleton(path, names, skeleton):
    listed = ", ".join(f"#{number} {name!r}" for number, name in enumerate(names, 1))
    if skeleton is None and len(names) > 1:
        console.note(f"{path}: holds {len(names)} skeletons, {listed}; using the first.")
    number = names.index(skeleton) if skeleton in names else skeleton or 0
    if not isinstance(number, int) or not 0 <= number < len(names):
        request = f"#{skeleton + 1}" if isinstance(skeleton, int) else repr(skeleton)
        raise InputError(f"{path}: has no skeleton {request}; it has {listed}.")
    return number


def _read_text(path):
    data = read_bytes(path)
    if b"\0" in data[:4096] and not data.startswith(UTF_16):
        raise InputError(f"{path}: holds binary data, not the text of a BVH file. Is the ending right?")
    text = decode(data)
    del data
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _to_mocap(path, joints, frame_time, values):
    _report_scales(path, joints, values)
    rest_offsets = np.array([joint["offset"] for joint in joints], dtype=np.float64)
    root_pos, offsets = _root_path_and_offsets(joints, rest_offsets, values)
    skeleton = Skeleton(
        name=joints[0]["name"],
        joint_names=[joint["name"] for joint in joints],
        parents=[joint["parent"] for joint in joints],
        offsets=torch.from_numpy(offsets),
        rot_orders=[_whole_order(joint["channels"]) for joint in joints],
        rest_offsets=torch.from_numpy(rest_offsets),
        channels=[tuple(name for name in joint["channels"] if name not in SCALES) for joint in joints],
        is_end_site=[joint["end_site"] for joint in joints],
    )
    take = Mocap(
        skeleton=skeleton,
        rot_local=_local_rotations(joints, values),
        root_pos=torch.from_numpy(root_pos),
        fps=1.0 / frame_time,
        up_axis="Y",
        path=str(path),
    )
    return dataclasses.replace(take, up_axis=find_up_axis(take).axis)


def _report_scales(path, joints, values):
    scaled = {
        joints[joint]["name"]: None
        for channel, (joint, name) in enumerate(_joint_channels(joints))
        if name in SCALES and np.abs(values[:, channel] - 1).max() > SCALED
    }
    if scaled:
        names = ", ".join(list(scaled)[:NAMED]) + (f" and {len(scaled) - NAMED} more" if len(scaled) > NAMED else "")
        console.note(f"{path}: the scale channels of {names} are not 1; scale is left out, bones keep their lengths.")


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
        for block in quaternion.blocks(len(values)):
            angles = torch.from_numpy(np.radians(values[block, channels]))
            rot_local[block, [joint for joint, _ in members]] = quaternion.from_euler(angles, order)
    return rot_local


def _joint_channels(joints):
    return [(i, name) for i, joint in enumerate(joints) for name in joint["channels"]]


def _whole_order(channels):
    """The rotation order of a joint, completed to three axes where the file animates fewer."""
    order = "".join(name[0] for name in channels if name in ROTATIONS)
    return order + "".join(axis for axis in ("ZXY" if not order else "XYZ") if axis not in order)
