"""Plain recordings, for programs that read motion files by simpler rules than this one does.

A live client counts keys, knows one rotation order, no pre-rotation and no unit, and turns the Euler angles of each
frame into quaternions by themselves. From a plain recording such a client reads the poses that a model has learnt,
signs included. Shapes: T frames, J joints.
"""

import collections
import dataclasses
import re

from common.mocap import bvh, fbx
from common.mocap.bvh.channels import CHANNEL_NAMES, POSITIONS, end_site_name
from common.mocap.fbx.channels import clean_name, setup_of
from common.mocap.fbx.joints import PARENT_TIMES_LOCAL
from common.mocap.take import signs_of

import numpy as np
import torch

FBX_ORDER = "ZYX"  # R = Rz·Ry·Rx, which FBX calls eEulerXYZ
BVH_WORDS = {"hierarchy", "root", "joint", "end", "site", "offset", "channels", "motion", "frames", "time", "frame"}


def make_plain(take, ranges):
    """A take as a plain one: a Mocap with the same joints in the same order, in centimetres.

    One rotation order, nothing between a joint's rotation and its Euler angles, bones that hold still at their mean
    length. In each frame range, and up to the next, the quaternions have the signs that a training on it has learnt.
    Joints have names that every reader takes, no two alike.
    """
    skeleton, to_bvh = take.skeleton, is_bvh(take)
    names, order, offsets = plain_names(skeleton, to_bvh), plain_order(skeleton, to_bvh), skeleton.mean_offsets
    plain = dataclasses.replace(
        skeleton,
        name=names[0],
        joint_names=names,
        offsets=offsets,
        rot_orders=[order] * skeleton.joint_count,
        rest_offsets=offsets,
        rest_rotations=None,
        channels=_plain_channels(skeleton, order) if to_bvh else None,
        is_end_site=_plain_end_sites(skeleton) if to_bvh else None,
        fbx=None if to_bvh else _plain_setup(take),
    )
    return dataclasses.replace(take, skeleton=plain, rot_local=with_trained_signs(take, ranges), unit_cm=1.0)


def save_plain(plain, path_without_ending):
    """Write a take that `make_plain` gave, in the format of its recording: the path. Raises OSError."""
    path = path_without_ending.with_suffix(".bvh" if is_bvh(plain) else ".fbx")
    if is_bvh(plain):
        bvh.save_bvh(plain, path, signed=True)
    else:
        fbx.save_fbx(plain, path, plain=True)
    return path


def is_bvh(take):
    """Whether a take comes from a BVH file."""
    return take.skeleton.channels is not None


def with_trained_signs(take, ranges):
    """The rotations of a whole take (T, J, 4), with the signs of the range's first frame from each range to the next;
    what is before the first range belongs to it."""
    starts = sorted(start for start, _ in ranges)
    ends = [*starts[1:], take.frame_count]
    firsts = [0, *starts[1:]]
    signs = [signs_of(take, *frames) for frames in zip(firsts, ends, starts, strict=True)]
    return take.rot_local * torch.cat(signs).unsqueeze(-1)


def plain_order(skeleton, to_bvh):
    """The one rotation order of a plain recording, as "ZXY": in BVH that of most joints."""
    return collections.Counter(skeleton.rot_orders).most_common(1)[0][0] if to_bvh else FBX_ORDER


def _plain_setup(take):
    """The file's own setup without what turns joints besides their Euler angles; every node is a limb."""
    setup, count = setup_of(take), take.skeleton.joint_count
    return dataclasses.replace(
        setup,
        pre_rotation=np.zeros((count, 3)),
        post_rotation=np.zeros((count, 3)),
        inherit_type=np.full(count, PARENT_TIMES_LOCAL),
        kinds=["LimbNode"] * count,
        rest_rotation=None,
    )


def _plain_end_sites(skeleton):
    """Per joint whether it is an End Site that stays. Readers end the hierarchy at one below the root, and take a
    second one under a joint for the first: these become joints that never turn."""
    ends, ended = [], {0}
    for parent, is_end in zip(skeleton.parents, skeleton.is_end_site, strict=True):
        ends.append(is_end and parent not in ended)
        if is_end:
            ended.add(parent)
    return ends


def _plain_channels(skeleton, order):
    turns = tuple(f"{axis}rotation" for axis in order)
    return [
        (*(POSITIONS if joint == 0 else ()), *(() if is_end else turns))
        for joint, is_end in enumerate(_plain_end_sites(skeleton))
    ]


# ---------------------------------------------------------------------------------------------------------------------
# names


def plain_names(skeleton, to_bvh):
    """The joints' names, a list, as every reader takes them: no two alike, and for BVH of letters, digits and `_` only.
    An End Site is called after its parent, as readers call it."""
    ends = _plain_end_sites(skeleton) if to_bvh else [False] * skeleton.joint_count
    ended = {parent for parent, is_end in zip(skeleton.parents, ends, strict=True) if is_end}
    names, used_names = [], set()
    for joint, name in enumerate(skeleton.joint_names):
        if ends[joint]:
            names.append(end_site_name(names[skeleton.parents[joint]], 0))
            continue
        plain_name = _bvh_name(name, joint) if to_bvh else clean_name(name)
        endings = ("", end_site_name("", 0)) if joint in ended else ("",)
        names.append(_free_name(plain_name, endings, used_names))
        used_names.update(names[-1] + ending for ending in endings)
    return names


def _free_name(stem, endings, used_names):
    """The name, or with a number, so that it is free with each of the endings."""
    count, name = 1, stem
    while any(name + ending in used_names for ending in endings):
        count += 1
        name = f"{stem}_{count}"
    return name


def _bvh_name(name, joint):
    """A joint's name in letters, digits and `_`, not beginning with a digit, and no word of the format."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not plain.strip("_"):
        return f"joint_{joint}"
    is_word = plain.lower() in BVH_WORDS or plain.lower() in CHANNEL_NAMES
    return f"joint_{plain}" if is_word or plain[0].isdigit() else plain
