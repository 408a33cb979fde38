"""Joints with names that anybody may have put into a motion file, and what the formats make of them."""

from common.mocap import Mocap, Skeleton
from common.motion import quaternion

import numpy as np
import torch

KEPT = [
    *("\"left\" 'arm'", "&quot;", "*3", "a;b", "a,b", "A:B", "A::B", "Model::x", "#a", "a#2", "0", "0 0 0", "1e5"),
    *("MOTION", "HIERARCHY", "ROOT", "JOINT x", "End", "End Site", "OFFSET", "CHANNELS 3 Xrotation", "Frames: 3"),
    *("../../etc/passwd", "C:\\con", "%s%n", "</script><b>", "Ünter 腕 🕺", "\ufeff", "\u202ecba", "x" * 10_000),
]


# what BVH makes of the others; FBX keeps them, if not said otherwise below
CHANGED_IN_BVH = {
    "": f"joint{1 + len(KEPT)}",
    "   ": f"joint{2 + len(KEPT)}",
    "  two ": "two",
    "{": "(",
    "}": ")",
    "a{": "a(",
    "a {": "a (",
    "{}": "()",
    "a\nb": "a_b",
    "a\r\n}\nMOTION\n": "a__)_MOTION_",
    "a\tb": "a_b",
    "a\x0bb": "a_b",
    "a\x85b": "a_b",
    "a\u2028b": "a_b",
    "\x1b[2J": "_[2J",
    "\x9b2J": "_2J",
    "\x07\x7f": "__",
    "a\0b": "a_b",
    "a\0\1Model": "a__Model",
    "\ud800": "_",
    "x\udcffy": "x_y",
}


CHANGED_IN_FBX = {"a\0b": "a_b", "a\0\1Model": "a_\1Model", "\ud800": "_", "x\udcffy": "x_y"}


NAMES = ["Hips", *KEPT, *CHANGED_IN_BVH]


IN_BVH = [CHANGED_IN_BVH.get(name, name) for name in NAMES]


IN_FBX = [CHANGED_IN_FBX.get(name, name) for name in NAMES]


def take_of(names, frame_count=6):
    """A body with these joints, two below every other, all turning."""
    random = np.random.default_rng(8)
    count = len(names)
    angles = torch.from_numpy(random.uniform(-1, 1, (frame_count, count, 3)))
    offsets = torch.from_numpy(random.uniform(5, 10, (count, 3)))
    skeleton = Skeleton(
        name=names[0],
        joint_names=names,
        parents=[-1, *(joint - 2 + joint % 2 for joint in range(1, count))],
        offsets=offsets,
        rot_orders=["ZXY"] * count,
        rest_offsets=offsets,
    )
    root_pos = torch.from_numpy(random.uniform(-50, 50, (frame_count, 3)))
    return Mocap(skeleton, quaternion.from_euler(angles, "ZXY"), root_pos, 50.0, "Y", "made")
