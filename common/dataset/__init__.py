"""Segment: takes to windows, of a training part and a held-out part."""

from common.dataset.joint_weights import load_joint_weights
from common.dataset.pairs import load_pairs
from common.dataset.take_findings import check_takes
from common.dataset.windows import (
    Target,
    border_frame,
    check_batch_size,
    held_out_clips,
    make_windows,
    poses_of,
    preview_stretch,
    split_into_batches,
)

__all__ = [
    "Target",
    "border_frame",
    "check_batch_size",
    "check_takes",
    "held_out_clips",
    "load_joint_weights",
    "load_pairs",
    "make_windows",
    "poses_of",
    "preview_stretch",
    "split_into_batches",
]
