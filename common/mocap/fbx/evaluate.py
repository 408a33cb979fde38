"""Where the nodes of a scene are at given times: curves, layers, rotations, pivots and inherited scale.

Shapes: T times, N nodes. A node that does not move has 1 instead of T.

A node's own matrix is `T · Roff · Rp · Rpre · R · Rpost⁻¹ · Rp⁻¹ · Soff · Sp · S · Sp⁻¹` on column vectors (Autodesk,
"Computing transformation matrices"). Here it is kept in parts: a quaternion for the three rotations, a translation
with all that pivots and offsets add to it, and a scale. `R` goes by the node's rotation order, where FBX's XYZ means
R = Rz·Ry·Rx; pre- and post-rotation are always XYZ.
"""

import dataclasses

from common.mocap.fbx import curves
from common.motion import quaternion

import numpy as np
import torch

ORDERS = ("ZYX", "YZX", "XZY", "ZXY", "YXZ", "XYZ", "ZYX")  # enum of rotation orders -> intrinsic sequence
XYZ = "ZYX"
SNAP = 1e-4  # of a frame: as near to a key as this is on it
REMEMBERED = 16  # places among key times: where curves do not share these, they would fill the memory
JUMP = (45.0, 0.1)  # degrees within seconds, from key to key: angles that were wrapped, and no curve to follow
EVEN = 1e-6  # scales whose axes differ by less, relatively, scale evenly


@dataclasses.dataclass
class Clock:
    """The times at which a scene is evaluated. `places` remembers them among key times that curves share."""

    ticks: np.ndarray  # (T,) int64
    ticks_per_second: int
    frame: float  # ticks
    places: dict = dataclasses.field(default_factory=dict)

    def places_of(self, curve):
        """Where the times stand among the keys of a curve."""
        key = id(curve.times)  # which lives as long as its curve, and that as long as the scene
        if key not in self.places:
            if len(self.places) >= REMEMBERED:
                self.places.clear()
            self.places[key] = curves.find_places(curve.times, self.ticks, int(SNAP * self.frame))
        return self.places[key]

    def sample(self, curve):
        """(T,) or (1,) values of a curve."""
        return curves.sample(curve, self.ticks, self.places_of(curve), self.ticks_per_second)


@dataclasses.dataclass
class Local:
    """A node's own transform."""

    rotation: torch.Tensor  # (T, 4) or (1, 4)
    translation: np.ndarray  # (T, 3) or (1, 3)
    scale: np.ndarray  # (T, 3) or (1, 3)


@dataclasses.dataclass
class Stretch:
    """What scales make of a node beyond turning it: numbers (T, 1) where all axes scale alike, else (T, 3, 3)."""

    whole: np.ndarray  # the node's matrix in the scene is its rotation · whole
    inherited: np.ndarray  # the same without the node's own scale


@dataclasses.dataclass
class World:
    """A node in the scene."""

    rotation: torch.Tensor  # (T, 4) or (1, 4)
    position: np.ndarray  # (T, 3) or (1, 3)
    stretch: Stretch


def rotation_order(node):
    """Intrinsic sequence of a node, as "ZYX"; and whether the file uses it, and pre- and post-rotation, at all."""
    active = node.number("RotationActive", 0) and not node.number("RotationSpaceForLimitOnly", 0)
    order = int(node.number("RotationOrder", 0))
    return (ORDERS[order] if active and 0 <= order < len(ORDERS) else XYZ), bool(active)


def pre_and_post(node):
    """Pre- and post-rotation (3,) in degrees; zero where they are switched off."""
    if not rotation_order(node)[1]:
        return np.zeros(3), np.zeros(3)
    return node.vector("PreRotation", (0, 0, 0)), node.vector("PostRotation", (0, 0, 0))


def inherit_type(node):
    """0: the parent's scale comes after the rotation; 1: plain product; 2: as 0, without the parent's own scale."""
    kind = int(node.number("InheritType", 0))
    return kind if kind in (0, 1, 2) else 1


# ---------------------------------------------------------------------------------------------------------------------
# animated properties


def property_values(scene, stack, place, name, clock, default=(0.0, 0.0, 0.0)):
    """(T, 3) or (1, 3): a property of a node over time, all layers of the stack blended. No stack: at rest."""
    node = scene.nodes[place]
    result = node.vector(name, default)[None]
    for number, layer, channel in stack.channels.get(place, {}).get(name, ()) if stack else ():
        values = _channel_values(channel, default if number else result[0], clock)
        result = values if number == 0 else _blend(layer, name, node, result, values, _weight(layer, clock))
    return result


def _channel_values(channel, fallback, clock):
    parts = []
    for axis, curve in enumerate(channel.curves):
        if curve is not None and len(curve.values):
            parts.append(clock.sample(curve).astype(np.float64))
        else:
            default = channel.defaults[axis]
            parts.append(np.array([fallback[axis] if default is None else default], np.float64))
    count = max(len(part) for part in parts)
    return np.stack([np.broadcast_to(part, count) for part in parts], axis=1)


def _weight(layer, clock):
    """(T, 1), (1, 1) or a number."""
    curve = layer.weight_channel and next((curve for curve in layer.weight_channel.curves if curve), None)
    return layer.weight if curve is None or not len(curve.values) else clock.sample(curve)[:, None] / 100


def _blend(layer, name, node, below, values, weight):
    """A layer's `values` on what the layers below give, both (T, 3) or (1, 3)."""
    replaces = layer.mode != 0
    if name == "Lcl Rotation" and not layer.rotation_by_channel:
        return _blend_rotations(below, values, weight, rotation_order(node)[0], replaces)
    if name == "Lcl Scaling" and not layer.scale_by_channel:
        return _power(below, 1 - weight if replaces else 1.0) * _power(values, weight)
    return below * (1 - weight) + values * weight if replaces else below + values * weight


def _power(values, exponent):
    return np.sign(values) * np.abs(values) ** exponent


def _blend_rotations(below, values, weight, order, replaces):
    """Degrees in, degrees out. Adding turns by the layer's rotation; replacing turns towards it."""
    count = max(len(below), len(values), np.size(weight))
    base, turn = (_from_degrees(np.broadcast_to(part, (count, 3)), order) for part in (below, values))
    if replaces:
        turn = quaternion.mul(turn, quaternion.inv(base))
    turn = _part_of(turn, torch.from_numpy(np.broadcast_to(np.asarray(weight, np.float64), (count, 1)).copy()))
    product = quaternion.mul(turn, base) if replaces else quaternion.mul(base, turn)
    angles = np.empty((count, 3))
    angles[:, ["XYZ".index(axis) for axis in order]] = np.degrees(quaternion.to_euler(product, order).numpy())
    return angles


def _part_of(turn, weight):
    """Rotations (T, 4) by `weight` (T, 1) of their shorter angle."""
    turn = torch.where(turn[:, :1] < 0, -turn, turn)
    length = torch.linalg.vector_norm(turn[:, 1:], dim=-1, keepdim=True)
    half = torch.atan2(length, turn[:, :1]) * weight
    return torch.cat((torch.cos(half), turn[:, 1:] / length.clamp_min(1e-12) * torch.sin(half)), dim=-1)


def _from_degrees(angles, order):
    """Angles about X, Y, Z (..., 3) in degrees -> (..., 4), the plain product of half-angle quaternions."""
    columns = torch.from_numpy(np.radians(angles))[..., ["XYZ".index(axis) for axis in order]]
    return quaternion.from_euler(columns, order)


# ---------------------------------------------------------------------------------------------------------------------
# a node's own transform


def local_transforms(scene, stack, places, clock):
    """The Local of each node at `places`, one by one, at the times of `clock`; without a stack at rest, one time."""
    for place in places:
        node = scene.nodes[place]
        angles = property_values(scene, stack, place, "Lcl Rotation", clock)
        moved = property_values(scene, stack, place, "Lcl Translation", clock)
        scale = property_values(scene, stack, place, "Lcl Scaling", clock, (1.0, 1.0, 1.0))
        rotation = _whole_rotation(node, angles)
        if stack:
            _cross_jumps(node, stack.channels.get(place, {}).get("Lcl Rotation", ()), clock, rotation)
        yield Local(rotation, _with_pivots(node, moved, rotation, scale), scale)


def _whole_rotation(node, angles):
    """Rotations (T, 4) of a node whose angles are (T, 3) degrees: pre · R · post⁻¹."""
    order = rotation_order(node)[0]
    blocks = np.split(angles, range(curves.BLOCK, len(angles), curves.BLOCK))
    return torch.cat([_with_pre_and_post(node, _from_degrees(block, order)) for block in blocks])


def _cross_jumps(node, layers, clock, rotation):
    """Between keys whose angles jump, as from 179° to −179°, take the shorter turn: rotation (T, 4) is changed there.

    Recordings have such keys one after another, which is no matter where frames fall on keys. Between them, each
    angle by itself would take the longer turn.
    """
    if len(layers) != 1:
        return
    parts = [curve for curve in layers[0][2].curves if curve is not None and len(curve.values)]
    moving = [curve for curve in parts if len(curve.values) > 1]
    if len(parts) < 3 or not moving or any(not np.array_equal(c.times, moving[0].times) for c in moving[1:]):
        return
    places = clock.places_of(moving[0])
    if places.on_keys:
        return
    times, ends = moving[0].times, (places.keys, np.minimum(places.keys + 1, len(moving[0].times) - 1))
    is_short = (places.parts > 0) & (times[ends[1]] - times[ends[0]] <= JUMP[1] * clock.ticks_per_second)
    is_constant = np.any([curve.flags[curve.rows(ends[0])] & curves.CONSTANT for curve in moving], axis=0)
    before, after = (np.stack([c.values[np.minimum(end, len(c.values) - 1)] for c in parts], axis=1) for end in ends)
    jumps = np.flatnonzero(is_short & ~is_constant & (np.abs(after - before).max(axis=1) > JUMP[0]))
    if len(jumps):
        first, last = (_whole_rotation(node, angles[jumps].astype(np.float64)) for angles in (before, after))
        weight = torch.from_numpy(places.parts[jumps])[:, None]
        rotation[jumps] = quaternion.mul(first, _part_of(quaternion.mul(quaternion.inv(first), last), weight))


def _with_pre_and_post(node, rotation):
    pre, post = pre_and_post(node)
    if pre.any():
        rotation = quaternion.mul(_from_degrees(pre, XYZ), rotation)
    if post.any():
        rotation = quaternion.mul(rotation, quaternion.inv(_from_degrees(post, XYZ)))
    return rotation


def _with_pivots(node, moved, rotation, scale):
    """The translation of a node's matrix, (T, 3) or (1, 3)."""
    names = ("RotationOffset", "RotationPivot", "ScalingOffset", "ScalingPivot")
    rotation_offset, rotation_pivot, scaling_offset, scaling_pivot = (node.vector(name, (0, 0, 0)) for name in names)
    turned = scaling_offset + scaling_pivot - rotation_pivot - scale * scaling_pivot
    if turned.any():
        moved = moved + quaternion.rotate(rotation, torch.from_numpy(turned)).numpy()
    return moved + rotation_offset + rotation_pivot


# ---------------------------------------------------------------------------------------------------------------------
# in the scene


def world_transforms(scene, stack, clock):
    """[World] of all nodes of a scene, in file units."""
    worlds = []
    for node, local in zip(scene.nodes, local_transforms(scene, stack, range(len(scene.nodes)), clock), strict=True):
        worlds.append(compose(worlds[node.parent] if node.parent >= 0 else None, node, local))
    return worlds


def compose(parent, node, local):
    """The World of a node from its parent's, None at the top."""
    stretch = stretch_of(parent and parent.stretch, node, local)
    if parent is None:
        return World(local.rotation, local.translation, stretch)
    offset = torch.from_numpy(stretched(parent.stretch.whole, local.translation))
    position = parent.position + quaternion.rotate(parent.rotation, offset).numpy()
    rotation = quaternion.mul(*torch.broadcast_tensors(parent.rotation, local.rotation))
    return World(rotation, position, stretch)


def stretch_of(parent, node, local):
    """The Stretch of a node from its parent's, None at the top."""
    if parent is None:
        inherited = np.ones((1, 1))
    elif inherit_type(node) == 1 and parent.whole.ndim == 3:
        turn = rotation_matrices(local.rotation)
        inherited = np.swapaxes(turn, -1, -2) @ parent.whole @ turn
    else:
        inherited = parent.inherited if inherit_type(node) == 2 else parent.whole
    scale = local.scale
    even = np.ptp(scale, axis=1).max() <= EVEN * np.abs(scale).max()
    if even and inherited.ndim == 2:
        return Stretch(inherited * scale.mean(axis=1, keepdims=True), inherited)
    matrix = inherited if inherited.ndim == 3 else inherited[..., None] * np.eye(3)
    return Stretch(matrix * scale[:, None, :], inherited)


def rotation_matrices(rotation):
    """(T, 4) -> (T, 3, 3)."""
    turned_axes = quaternion.rotate(rotation[:, None], torch.eye(3, dtype=rotation.dtype))  # (T, 3, 3), one a row
    return turned_axes.transpose(-1, -2).numpy()


def stretched(whole, vectors):
    """(T, 1) or (T, 3, 3) on vectors (T, 3); either may have 1 for T."""
    return whole * vectors if whole.ndim == 2 else (whole @ vectors[..., None])[..., 0]
