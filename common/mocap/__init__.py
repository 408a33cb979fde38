"""Load: motion files (FBX, BVH) to takes, and takes to motion files."""

from common.mocap.joint_names import without_namespace
from common.mocap.load import ENDINGS, export_endings, load_mocap, save_mocap, split_skeleton
from common.mocap.take import (
    Mocap,
    Skeleton,
    check_same_fps,
    check_same_joints,
    cut,
    first_frames,
    frame_range,
    poses_of,
    rescale,
)

__all__ = [
    "ENDINGS",
    "Mocap",
    "Skeleton",
    "check_same_fps",
    "check_same_joints",
    "cut",
    "export_endings",
    "first_frames",
    "frame_range",
    "load_mocap",
    "poses_of",
    "rescale",
    "save_mocap",
    "split_skeleton",
    "without_namespace",
]
