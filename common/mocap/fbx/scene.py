"""What an FBX file describes: nodes in a tree, settings, and stacks of animation layers.

Both generations of the format end in the same Scene: `version7.py`, `version6.py`. What these two share is here, too.
"""

import collections
import dataclasses
import functools

from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.curves import LATEST

import numpy as np

LIMBS = ("LimbNode", "Limb", "Root")
PATHS = ("Lcl Translation", "Lcl Rotation", "Lcl Scaling")


@dataclasses.dataclass(eq=False)
class SceneNode:
    """A model: anything that stands somewhere in the scene."""

    name: str
    kind: str  # "LimbNode", "Null", "Mesh", "Camera", ...
    properties: collections.abc.Mapping  # name -> values, the file's defaults included
    parent: int = -1  # its place in Scene.nodes, −1 at the top
    constraint: str = ""  # the kind of constraint that drives it

    def vector(self, name, default):
        """Three numbers of a property, (3,)."""
        return vector_of(self.properties.get(name), default, f"{name} of {self.name!r}")

    def number(self, name, default):
        return number_of(self.properties.get(name), default, f"{name} of {self.name!r}")


@dataclasses.dataclass(eq=False)
class Channel:
    """An animated property within a layer: per component a number and, where it moves, the node of a curve."""

    defaults: list
    sources: list

    @functools.cached_property
    def curves(self):
        return [source and source() for source in self.sources]


@dataclasses.dataclass(eq=False)
class Layer:
    """One layer of a stack. `channels` maps (place in Scene.nodes, property) to a Channel."""

    weight: float = 1.0
    muted: bool = False
    solo: bool = False
    mode: int = 0  # 0 adds to the layers below, 1 and 2 replace them
    rotation_by_channel: bool = False  # else whole rotations are multiplied
    scale_by_channel: bool = False  # else scales are multiplied
    channels: dict = dataclasses.field(default_factory=dict)
    weight_channel: Channel | None = None


@dataclasses.dataclass(eq=False)
class Stack:
    """A take. start and stop are ticks, equal where the file does not say."""

    name: str
    start: int
    stop: int
    layers: list

    @functools.cached_property
    def heard_layers(self):
        """The layers that play, from the lowest up: those that are solo, if any is, and not muted."""
        layers = [layer for layer in self.layers if layer.solo] or self.layers
        return [layer for layer in layers if not layer.muted]

    @functools.cached_property
    def channels(self):
        """What animates each property of each node: {place: {property: [(number of the layer, Layer, Channel)]}}."""
        channels = {}
        for number, layer in enumerate(self.heard_layers):
            for (place, name), channel in layer.channels.items():
                channels.setdefault(place, {}).setdefault(name, []).append((number, layer, channel))
        return channels

    def curves(self, place):
        """All curves that turn, move or scale the node at `place`, with keys in them."""
        return [
            curve
            for name, parts in self.channels.get(place, {}).items()
            if name in PATHS
            for _, _, channel in parts
            for curve in channel.curves
            if curve is not None and len(curve.values)
        ]


@dataclasses.dataclass(eq=False)
class Scene:
    version: int
    nodes: list  # parents before children, children in the order of the file
    settings: dict  # the global settings, name -> values
    stacks: list
    ticks_per_second: int
    file_size: int  # bytes

    def setting(self, name, default):
        return number_of(self.settings.get(name), default, name)


# ---------------------------------------------------------------------------------------------------------------------
# properties


def properties_of(node, defaults=None):
    """The table of properties of an object, over the defaults of its class: {name: values}."""
    table = {}
    for list_name, row_name, first in (("Properties70", "P", 4), ("Properties60", "Property", 3)):
        for rows in node.named(list_name):
            table |= {row.text(0): row.values[first:] for row in rows.named(row_name)}
    return collections.ChainMap(table, defaults) if defaults else table


LARGEST_NUMBER = 1e300  # also of whole numbers, which a text file can write with any number of digits


def number_of(values, default, where):
    if not values:
        return default
    if not isinstance(values[0], (int, float)) or not abs(values[0]) <= LARGEST_NUMBER:
        raise DamagedError(f"{where} should be a number, and is {str(values[0])[:30]!r}")
    return values[0]


def vector_of(values, default, where):
    if not values:
        return np.array(default, np.float64)
    if len(values) < 3 or not all(isinstance(value, (int, float)) and abs(value) < 1e30 for value in values[:3]):
        raise DamagedError(f"{where} should be three numbers, and is {str(values[:3])[:60]}")
    return np.array(values[:3], np.float64)


def time_of(values):
    value = values[0] if values else 0
    return int(value) if isinstance(value, (int, float)) and abs(value) < LATEST else 0


# ---------------------------------------------------------------------------------------------------------------------
# the tree of nodes


def in_order(nodes, parents):
    """Nodes {key: SceneNode} and parents {key: key} -> the nodes, parents first, and their places {key: place}."""
    children = {}
    for key in sorted(nodes, key=lambda key: parents.get(key, (None, -1))[1]):
        parent = parents.get(key, (None, -1))[0]
        children.setdefault(parent if parent in nodes else None, []).append(key)
    ordered, places, stack = [], {}, children.get(None, [])[::-1]
    while stack:
        key = stack.pop()
        places[key] = len(ordered)
        ordered.append(nodes[key])
        for child in reversed(children.get(key, [])):
            nodes[child].parent = places[key]
            stack.append(child)
    if len(ordered) < len(nodes):
        name = next(nodes[key].name for key in nodes if key not in places)
        raise DamagedError(f"the node {name!r} is its own ancestor")
    return ordered, places


def connections(root, row_name, key):
    """All connections in file order: (child, parent, property); property is "" between whole objects."""
    node = root.child("Connections")
    rows = [row for row in (node.named(row_name) if node else []) if len(row.values) >= 3]
    return [(key(row.values[1]), key(row.values[2]), row.text(3)) for row in rows]


class Constraints:
    """The constraints of a scene, from {key: Node}; `kind_at` is the place of the kind among a node's values."""

    def __init__(self, nodes, kind_at):
        self.kinds = {key: node.text(kind_at) or "constraint" for key, node in nodes.items()}
        self.active = {key: properties_of(node).get("Active", [1])[:1] != [0] for key, node in nodes.items()}

    def note(self, key, node, prop):
        """Remember that the constraint drives `node`, if by `prop` it does."""
        if key in self.kinds and self.active[key] and prop.lower().startswith(("constrained", "first joint")):
            node.constraint = self.kinds[key]


def take_times(root):
    """What the list of takes says of their spans, {name: (start, stop)}."""
    takes = root.child("Takes")
    spans = {}
    for take in takes.named("Take") if takes else []:
        span = take.child("LocalTime")
        if span is not None:
            spans[take.text(0)] = (time_of(span.values[:1]), time_of(span.values[1:2]))
    return spans
