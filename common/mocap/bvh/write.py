"""BVH out: hierarchy, names, offsets and channels as they came in, angles unrolled, no exponents.

Shapes: T frames, J joints.
"""

import collections
import dataclasses
import itertools
import math
import re

from common.mocap.bvh.channels import POSITIONS, end_site_name
from common.mocap.euler import euler_degrees
from common.motion import axes, kinematics, quaternion
from common.runtime import files

import numpy as np
import torch

# control characters, all that some program takes for the end of a line, and halves of characters that UTF-8 cannot hold
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
BRACES = str.maketrans("{}", "()")  # a brace ends a name, in our reader and in others


def save_bvh(mocap, path, signed=False):
    """Write a Mocap as BVH in the file's own unit, with its hierarchy, names, channels and frame time.

    Euler angles are unrolled; `signed` ones also give the sign of each quaternion (`quaternion.signed_euler`). A joint
    that turns about an axis it has no channel for gets that channel. A take from another format gets the usual
    channels, and End Sites where they were before it went through that format.
    """
    to_euler = quaternion.signed_euler if signed else quaternion.to_euler
    angles = euler_degrees(mocap.rot_local, mocap.skeleton.rot_orders, to_euler)
    if mocap.skeleton.channels is None:
        mocap = dataclasses.replace(mocap, skeleton=_as_bvh(mocap.skeleton, angles))
    skeleton = mocap.skeleton
    channels = [_channels_to_write(skeleton, joint, angles[:, joint]) for joint in range(skeleton.joint_count)]
    lines = ["HIERARCHY", *_hierarchy_lines(skeleton, channels, 1.0 / mocap.unit_cm)]
    frame_time = _plain(float(f"{1.0 / mocap.fps:.10g}"))
    lines += ["MOTION", f"Frames: {mocap.frame_count}", f"Frame Time: {frame_time}"]
    with files.whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in itertools.chain(lines, _motion_lines(mocap, channels, angles)))


def _as_bvh(skeleton, angles):
    """A skeleton of another format with channels and End Sites, given its Euler angles (T, J, 3)."""
    tolerance = 1e-6 * skeleton.rest_offsets.abs().max()
    distances = (skeleton.offsets - skeleton.rest_offsets).abs().reshape(-1, skeleton.joint_count, 3)
    moves = distances.amax(dim=(0, 2)) > tolerance
    moves[0] = True  # the root carries the path
    still = (~moves & (angles.abs().amax(dim=(0, 2)) < 1e-6)).tolist()
    ends, end_counts = [False] * skeleton.joint_count, collections.Counter()  # End Sites by parent
    for parent, joint in kinematics.bones(skeleton):
        name = end_site_name(skeleton.joint_names[parent], end_counts[parent])
        ends[joint] = still[joint] and joint not in skeleton.parents and skeleton.joint_names[joint] == name
        end_counts[parent] += ends[joint]
    channels = [
        (*(POSITIONS if moves[joint] else ()), *(f"{axis}rotation" for axis in skeleton.rot_orders[joint]))
        for joint in range(skeleton.joint_count)
    ]
    return dataclasses.replace(skeleton, channels=channels, is_end_site=ends)


def _channels_to_write(skeleton, joint, angles):
    """The file's channels; and a rotation channel more for each axis (T, 3) that turns without having one."""
    if skeleton.is_end_site[joint]:
        return ()
    channels = skeleton.channels[joint]
    needed = [
        f"{axis}rotation"
        for axis, turns in zip(skeleton.rot_orders[joint], angles.abs().amax(dim=0) > 1e-4, strict=True)
        if turns
    ]
    return (*channels, *(name for name in needed if name not in channels))


def _hierarchy_lines(skeleton, channels, scale):
    offsets = (skeleton.rest_offsets * scale).tolist()
    children = [[] for _ in skeleton.parents]
    for parent, joint in kinematics.bones(skeleton):
        children[parent].append(joint)
    lines, stack = [], [(0, 0, False)]
    while stack:
        joint, depth, closes = stack.pop()
        indent = "\t" * depth
        if closes:
            lines.append(f"{indent}}}")
            continue
        keyword = "ROOT" if depth == 0 else "JOINT"
        lines.append(
            f"{indent}End Site" if skeleton.is_end_site[joint] else f"{indent}{keyword} {_plain_name(skeleton, joint)}"
        )
        lines.append(f"{indent}{{")
        lines.append(f"{indent}\tOFFSET {' '.join(_plain(value) for value in offsets[joint])}")
        if not skeleton.is_end_site[joint]:
            lines.append(f"{indent}\tCHANNELS {len(channels[joint])} {' '.join(channels[joint])}".rstrip())
        stack.append((joint, depth, True))
        stack += [(child, depth + 1, False) for child in reversed(children[joint])]
    return lines


def _motion_lines(mocap, channels, angles):
    """A line for each frame, one after the other: the text of a long take is as large as the take."""
    skeleton = mocap.skeleton
    columns = []
    for joint, names in enumerate(channels):
        position = mocap.root_pos if joint == 0 else skeleton.offsets[..., joint, :].expand(mocap.frame_count, 3)
        for name in names:
            if name in POSITIONS:
                columns.append(position[:, POSITIONS.index(name)] / mocap.unit_cm)
            else:
                columns.append(angles[:, joint, skeleton.rot_orders[joint].index(name[0])])
    # six decimals for a body of 1 unit or more, more for one measured in a larger unit
    height = max(float(axes.extent(kinematics.rest_pose(skeleton).flatten())) / mocap.unit_cm, 1e-6)
    row = " ".join([f"%.{6 + max(0, math.ceil(-math.log10(height)))}f"] * len(columns))
    for block in quaternion.blocks(mocap.frame_count):
        for frame in torch.stack([column[block] for column in columns], dim=1):
            yield row % tuple(frame.tolist())


def _plain(value):
    """The shortest decimal that reads back as the same float, never with an exponent."""
    return np.format_float_positional(value, trim="-")


def _plain_name(skeleton, joint):
    """A name as a BVH file can hold it, which other formats do not ask for: on one line, without braces, not empty."""
    name = UNPRINTABLE.sub("_", skeleton.joint_names[joint]).translate(BRACES)
    return name.strip() or f"joint{joint}"
