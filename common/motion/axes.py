"""Which axis is up: "X", "Y" or "Z", or with a minus where the axis points down, as "-Y" of pose estimators.

Shapes: any leading axes.
"""

import torch

UP_AXES = ("X", "Y", "Z", "-X", "-Y", "-Z")


def axis_and_sign(up_axis):
    """The number of an up axis and its sign: (1, -1) of "-Y"."""
    return "XYZ".index(up_axis[-1]), -1 if up_axis.startswith("-") else 1


def up_vector(up_axis):
    """The direction that is up, a tensor (3,)."""
    axis, sign = axis_and_sign(up_axis)
    return sign * torch.eye(3)[axis]


def heights(positions, up_axis):
    """How high positions lie along the up axis, (..., 3) -> (...)."""
    axis, sign = axis_and_sign(up_axis)
    return positions[..., axis] if sign > 0 else -positions[..., axis]


def horizontal_axes(up_axis):
    """The two horizontal axes as numbers, in the order that makes them and the up axis a right-handed system."""
    axis, sign = axis_and_sign(up_axis)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    return (first, second) if sign > 0 else (second, first)


def extent(positions, dim=0):
    """How far positions reach along each axis, (N, 3) -> (3,): the largest number less the smallest."""
    return positions.amax(dim=dim) - positions.amin(dim=dim)
