"""Where the partner stands whom nobody has recorded: beside a dancer's path, as the partners of a recorded duet did.

Shapes: T frames, J joints. Lengths are in cm; places on the floor are complex numbers.
"""

import cmath
import dataclasses
import math
import typing

from common.motion import axes, facing, kinematics
from common.motion.feet import FLOOR, find_feet

import torch


class PartnerPlace(typing.NamedTuple):
    """Where dancer 2 is, on average, as seen from dancer 1."""

    distance: float  # cm over the floor, from hips to hips
    bearing: float  # radians from where dancer 1 faces, counterclockwise as seen from above
    rise: float  # cm by which the lowest joint of dancer 2 stands higher than that of dancer 1
    front: torch.Tensor | None  # (3,) of dancer 1's body in the axes of its hips; None where no foot tells

    def __str__(self):
        degrees = round(math.degrees(self.bearing))
        side = "straight ahead" if degrees == 0 else f"{abs(degrees)}° to the {'left' if degrees > 0 else 'right'}"
        return f"{self.distance:.0f} cm away, {side}"


def mean_place(pairs, ranges):
    """The PartnerPlace of recorded duets [(Mocap, Mocap), ...] in their frame ranges [[(start, end), ...], ...].

    The distance is its mean. The bearing is the mean direction to dancer 2, each frame's as seen from where dancer 1
    faces: so it is the same when the whole duet is turned.
    """
    front = _front(pairs[0][0])
    distances, directions, rises = [], [], []
    for takes, pair_ranges in zip(pairs, ranges, strict=True):
        frames = torch.cat([torch.arange(start, end) for start, end in pair_ranges])
        positions = [kinematics.positions_of(take)[frames] for take in takes]
        hips = [pos[:, kinematics.hips(take.skeleton)] for pos, take in zip(positions, takes, strict=True)]
        to_partner = _on_the_floor(hips[1] - hips[0], takes[0].up_axis)
        distances.append(to_partner.abs())
        directions.append(_direction(to_partner * _headings(takes[0], front)[frames].conj()))
        floors = [_floor(pos, take.up_axis) for pos, take in zip(positions, takes, strict=True)]
        rises.append(floors[1] - floors[0])
    bearing = cmath.phase(complex(torch.cat(directions).mean()))
    return PartnerPlace(float(torch.cat(distances).mean()), bearing, sum(rises) / len(rises), front)


def stand_beside(body, guide, place):
    """A body, as it moves its joints, beside the path of another take of as many frames: a Mocap.

    It keeps the distance of a PartnerPlace, in one direction for the whole take: the bearing, from where the guide
    faces on average. Its lowest joint is on the floor. Bones hold still, at their mean length.
    """
    skeleton = dataclasses.replace(body.skeleton, offsets=body.skeleton.mean_offsets)
    placed = dataclasses.replace(body, skeleton=skeleton, root_pos=torch.zeros_like(guide.root_pos))
    in_place, guiding = kinematics.positions_of(placed), kinematics.positions_of(guide)
    ahead = complex(_direction(_headings(guide, place.front).mean()))
    beside = place.distance * ahead * cmath.exp(1j * place.bearing)
    x, y = axes.horizontal_axes(guide.up_axis)
    root_pos = guiding[:, kinematics.hips(guide.skeleton)] - in_place[:, kinematics.hips(skeleton)]
    root_pos[:, x] += beside.real
    root_pos[:, y] += beside.imag
    up, sign = axes.axis_and_sign(guide.up_axis)
    root_pos[:, up] = sign * (_floor(guiding, guide.up_axis) + place.rise - _lowest(in_place, guide.up_axis))
    return dataclasses.replace(placed, root_pos=root_pos)


def _lowest(positions, up_axis):
    return axes.heights(positions, up_axis).amin(dim=1)


def _floor(positions, up_axis):
    return float(_lowest(positions, up_axis).quantile(FLOOR))


def _on_the_floor(vectors, up_axis):
    """Vectors (T, 3) as complex numbers (T,), without their height."""
    x, y = axes.horizontal_axes(up_axis)
    return torch.complex(vectors[:, x], vectors[:, y])


def _direction(places):
    """Complex numbers of length 1; where there is no direction, 1."""
    length = places.abs()
    return torch.where(length > 1e-9, places / length.clamp_min(1e-9), torch.ones_like(places))


def _front(take):
    positions = kinematics.positions_of(take)
    feet = find_feet(positions, take.skeleton.parents, take.up_axis, kinematics.body_height(take))
    return facing.forward_axis(positions, _hip_rotations(take), feet, take.up_axis)


def _hip_rotations(take):
    hips = kinematics.hips(take.skeleton)
    return kinematics.world_rotation(take.rot_local, take.skeleton.parents, hips)


def _headings(take, front):
    """Where a dancer faces, as complex numbers (T,) of length 1; without a front, one direction of the room."""
    if front is None:
        return torch.ones(take.frame_count, dtype=torch.complex128)
    return _direction(_on_the_floor(facing.headings(_hip_rotations(take), front, take.up_axis), take.up_axis))
