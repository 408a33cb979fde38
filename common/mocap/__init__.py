"""Load: motion files (FBX, BVH) to takes, and takes to motion files."""

from common.mocap.joint_names import without_namespace
from common.mocap.load import ENDINGS, export_endings, load_mocap, save_mocap, split_skeleton
from common.mocap.resample import resample
from common.mocap.take import (
    Mocap,
    Skeleton,
    check_same_fps,
    check_same_joints,
    check_same_rest_pose,
    check_same_up_axis,
    cut,
    first_frames,
    frame_range,
    frames,
    poses_of,
    rescale,
)

__all__ = [
    "ENDINGS",
    "Mocap",
    "Skeleton",
    "check_same_fps",
    "check_same_joints",
    "check_same_rest_pose",
    "check_same_up_axis",
    "cut",
    "export_endings",
    "first_frames",
    "frame_range",
    "frames",
    "load_mocap",
    "poses_of",
    "resample",
    "rescale",
    "save_mocap",
    "split_skeleton",
    "without_namespace",
]
