"""Segment: takes to windows, of a training part and a held-out part."""

from common.dataset.clip import Clip
from common.dataset.duet import Duet, load_duet
from common.dataset.joint_weights import load_joint_weights
from common.dataset.pairs import load_pairs
from common.dataset.solo import load_solos
from common.dataset.take_findings import check_takes
from common.dataset.windows import WindowBatch, Windows

__all__ = [
    "Clip",
    "Duet",
    "WindowBatch",
    "Windows",
    "check_takes",
    "load_duet",
    "load_joint_weights",
    "load_pairs",
    "load_solos",
]
