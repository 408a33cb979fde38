"""Dancers whose feet slide."""

import math

from common.motion import root_path
from common.motion.axes import horizontal_axes

import torch


def pushed(take, amplitude=20.0, seconds=1.0):
    """The take on a path that sways by so many cm over the floor."""
    time = torch.arange(take.frame_count, dtype=torch.float64) / take.fps
    swing = amplitude * torch.sin(2 * math.pi * time / seconds)
    return root_path.aside(take, swing[:, None] * torch.eye(3)[horizontal_axes(take.up_axis)[0]])
