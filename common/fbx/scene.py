"""What an FBX file describes: nodes in a tree, settings, and stacks of animation layers.

Both generations end in the same Scene. Version 7 has objects with numbers and one list of connections; version 6
names its objects, and keeps the curves of each take inside the take.
"""

import dataclasses
import functools
import math
from pathlib import Path

from common.fbx import ascii, container, keys
from common.fbx.container import DamagedError
from common.fbx.frame_rates import TICKS_PER_SECOND

import numpy as np

TICKS_PER_SECOND_8 = 141120000  # of version 8, and of files that say so
LIMBS = ("LimbNode", "Limb", "Root")
PATHS = ("Lcl Translation", "Lcl Rotation", "Lcl Scaling")


@dataclasses.dataclass(eq=False)
class SceneNode:
    """A model: anything that stands somewhere in the scene."""

    name: str
    kind: str  # "LimbNode", "Null", "Mesh", "Camera", ...
    properties: dict  # name -> values, the file's defaults included
    parent: int = -1  # its place in Scene.nodes, −1 at the top
    constraint: str = ""  # the kind of constraint that drives it

    def vector(self, name, default):
        """Three numbers of a property, (3,)."""
        return _vector(self.properties.get(name), default, f"{name} of {self.name!r}")

    def number(self, name, default):
        return _number(self.properties.get(name), default, f"{name} of {self.name!r}")


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


@dataclasses.dataclass(eq=False)
class Scene:
    version: int
    nodes: list  # parents before children, children in the order of the file
    settings: dict  # the global settings, name -> values
    stacks: list
    ticks_per_second: int
    file_size: int

    def setting(self, name, default):
        return _number(self.settings.get(name), default, name)


def read_scene(path):
    """Read an FBX file as a Scene. Raises DamagedError, without the file's name."""
    data = Path(path).read_bytes()
    if data.startswith(container.MAGIC):
        version, root = container.parse_binary(data)
    else:
        version, root = _parse_text(data)
    parse = _parse_version_6 if version < 7000 else _parse_version_7
    nodes, stacks, settings = parse(root, _ticks_per_second(version, root))
    return Scene(version, nodes, settings, stacks, _ticks_per_second(version, root), len(data))


def _parse_text(data):
    if not data.strip():
        raise DamagedError("the file is empty")
    if b"\0" in data[:4096]:
        raise DamagedError("it does not start as FBX files do")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "FBX" not in text[:1000]:
        raise DamagedError(f"it starts with {text[:30].strip()!r}, not as FBX files do")
    root = ascii.parse_ascii(text)
    head = root.child("FBXHeaderExtension")
    found = head.child("FBXVersion").number(0, 0) if head and head.child("FBXVersion") else 0
    if not 6000 <= found < 9000:
        raise DamagedError(f"it is of version {found or 'unknown'}; 6100 to 7700 can be read")
    return int(found), root


def _ticks_per_second(version, root):
    head = root.child("FBXHeaderExtension")
    if version >= 8000 or head is None:
        return TICKS_PER_SECOND if version < 8000 else TICKS_PER_SECOND_8
    header_version, flags = head.child("FBXHeaderVersion"), head.child("OtherFlags")
    definition = flags and flags.child("TCDefinition")
    if definition and header_version and header_version.number(0, 0) >= 1004 and definition.number(0, 127) != 127:
        return TICKS_PER_SECOND_8
    return TICKS_PER_SECOND


# ---------------------------------------------------------------------------------------------------------------------
# properties


def _properties(node, defaults=None):
    """The table of properties of an object, over the defaults of its class: {name: values}."""
    table = dict(defaults or {})
    for list_name, row_name, first in (("Properties70", "P", 4), ("Properties60", "Property", 3)):
        for rows in node.named(list_name):
            table |= {row.text(0): row.values[first:] for row in rows.named(row_name)}
    return table


def _templates(root):
    """Per class of objects, the defaults that the file states for it."""
    templates = {}
    definitions = root.child("Definitions")
    for kind in definitions.named("ObjectType") if definitions else []:
        if template := kind.child("PropertyTemplate"):
            templates[kind.text(0)] = _properties(template)
    return templates


def _number(values, default, where):
    if not values:
        return default
    if not isinstance(values[0], (int, float)) or not math.isfinite(values[0]):
        raise DamagedError(f"{where} should be a number, and is {str(values[0])[:30]!r}")
    return values[0]


def _vector(values, default, where):
    if not values:
        return np.array(default, np.float64)
    if len(values) < 3 or not all(isinstance(value, (int, float)) and abs(value) < 1e30 for value in values[:3]):
        raise DamagedError(f"{where} should be three numbers, and is {str(values[:3])[:60]}")
    return np.array(values[:3], np.float64)


def _time(values):
    value = values[0] if values else 0
    return int(value) if isinstance(value, (int, float)) and abs(value) < keys.LATEST else 0


# ---------------------------------------------------------------------------------------------------------------------
# the tree of nodes


def _in_order(found, parents):
    """Nodes {key: SceneNode} and parents {key: key} -> the nodes, parents first, and their places {key: place}."""
    children = {}
    for key in sorted(found, key=lambda key: parents.get(key, (None, -1))[1]):
        parent = parents.get(key, (None, -1))[0]
        children.setdefault(parent if parent in found else None, []).append(key)
    nodes, places, stack = [], {}, children.get(None, [])[::-1]
    while stack:
        key = stack.pop()
        places[key] = len(nodes)
        nodes.append(found[key])
        for child in reversed(children.get(key, [])):
            found[child].parent = places[key]
            stack.append(child)
    if len(nodes) < len(found):
        name = next(found[key].name for key in found if key not in places)
        raise DamagedError(f"the node {name!r} is its own ancestor")
    return nodes, places


# ---------------------------------------------------------------------------------------------------------------------
# version 7


def _parse_version_7(root, ticks_per_second):
    objects = root.child("Objects")
    if objects is None:
        raise DamagedError("it has no list of objects")
    templates = _templates(root)
    by_id = {}
    for node in objects.children:
        if node.values and _is_id(node.values[0]):
            by_id.setdefault(node.values[0], node)
    links = _connections(root, "C", lambda value: value if _is_id(value) else None)
    nodes, places = _nodes_7(by_id, links, templates)
    settings = root.child("GlobalSettings")
    stacks = _stacks_7(root, by_id, links, templates, places, ticks_per_second)
    return nodes, stacks, _properties(settings) if settings else {}


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _connections(root, row_name, key):
    """All connections in file order: (child, parent, property); property is "" between whole objects."""
    found = root.child("Connections")
    rows = [row for row in (found.named(row_name) if found else []) if len(row.values) >= 3]
    return [(key(row.values[1]), key(row.values[2]), row.text(3)) for row in rows]


def _class_of(node):
    return node.text(2)


def _nodes_7(by_id, links, templates):
    defaults = templates.get("Model")
    found = {
        key: SceneNode(container.split_name(node.text(1))[0], _class_of(node), _properties(node, defaults))
        for key, node in by_id.items()
        if node.name == "Model"
    }
    parents = {}
    for place, (child, parent, prop) in enumerate(links):
        if child in found and not prop and (parent in found or parent == 0):
            parents.setdefault(child, (parent, place))
        elif parent in found and child in by_id and by_id[child].name == "NodeAttribute":
            kind = _class_of(by_id[child])
            found[parent].kind = kind if kind in LIMBS else found[parent].kind or kind
        elif child in found and parent in by_id and by_id[parent].name == "Constraint":
            _note_constraint(found[child], prop, _class_of(by_id[parent]), _properties(by_id[parent]))
    return _in_order(found, parents)


def _note_constraint(node, prop, kind, properties):
    if prop.lower().startswith(("constrained", "first joint")) and properties.get("Active", [1])[:1] not in (
        [0],
        [False],
    ):
        node.constraint = kind or "constraint"


def _stacks_7(root, by_id, links, templates, places, ticks_per_second):
    by_class = {name: {} for name in ("AnimationStack", "AnimationLayer", "AnimationCurveNode", "AnimationCurve")}
    for key, node in by_id.items():
        if node.name in by_class:
            by_class[node.name][key] = node
    stack_nodes, layer_nodes, channel_nodes, curve_nodes = by_class.values()
    layers = {key: _layer(_properties(node, templates.get("AnimationLayer"))) for key, node in layer_nodes.items()}
    channels = {
        key: _channel(_properties(node, templates.get("AnimationCurveNode"))) for key, node in channel_nodes.items()
    }
    targets, layers_of = {}, {key: [] for key in stack_nodes}
    for child, parent, prop in links:
        if child in curve_nodes and parent in channels:
            _connect_curve(channels[parent], prop, functools.partial(_curve_7, curve_nodes[child], ticks_per_second))
        elif child in channels and (parent in places or parent in layers) and prop:
            targets.setdefault(child, []).append((parent, prop))
        elif child in layers and parent in stack_nodes and layers[child] not in layers_of[parent]:
            layers_of[parent].append(layers[child])
    for child, parent, prop in links:
        if child in channels and parent in layers and not prop:
            _fill_layer(layers, parent, channels[child], targets.get(child, []), places)
    times = _take_times(root)
    stacks = []
    for key, node in stack_nodes.items():
        name = container.split_name(node.text(1))[0]
        table = _properties(node, templates.get("AnimationStack"))
        start, stop = _time(table.get("LocalStart")), _time(table.get("LocalStop"))
        if stop <= start:
            start, stop = times.get(name, (0, 0))
        stacks.append(Stack(name, start, stop, layers_of[key]))
    return stacks


def _layer(table):
    return Layer(
        weight=_number(table.get("Weight"), 100.0, "the weight of a layer") / 100,
        muted=bool(_number(table.get("Mute"), 0, "Mute")),
        solo=bool(_number(table.get("Solo"), 0, "Solo")),
        mode=int(_number(table.get("BlendMode"), 0, "BlendMode")),
        rotation_by_channel=bool(_number(table.get("RotationAccumulationMode"), 0, "RotationAccumulationMode")),
        scale_by_channel=bool(_number(table.get("ScaleAccumulationMode"), 0, "ScaleAccumulationMode")),
    )


def _channel(table):
    """A Channel whose components are not connected to curves yet."""
    defaults = [_number(table.get(f"d|{axis}"), None, f"d|{axis}") for axis in "XYZ"]
    return Channel(defaults, [None, None, None])


def _connect_curve(channel, prop, source):
    component = "XYZ".find(prop.removeprefix("d|")[:1] or "?")
    channel.sources[max(component, 0)] = source


def _fill_layer(layers, key, channel, targets, places):
    for target, prop in targets:
        if target in places:
            layers[key].channels.setdefault((places[target], prop), channel)
        elif prop == "Weight":
            layers[target].weight_channel = channel


def _curve_7(node, ticks_per_second):
    return keys.from_arrays(node, ticks_per_second)


def _take_times(root):
    """What the list of takes says of their spans, {name: (start, stop)}."""
    takes = root.child("Takes")
    spans = {}
    for take in takes.named("Take") if takes else []:
        span = take.child("LocalTime")
        if span is not None:
            spans[take.text(0)] = (_time(span.values[:1]), _time(span.values[1:2]))
    return spans


# ---------------------------------------------------------------------------------------------------------------------
# version 6


def _parse_version_6(root, ticks_per_second):
    objects = root.child("Objects")
    if objects is None:
        raise DamagedError("it has no list of objects")
    found, constraints = {}, {}
    for node in reversed(objects.children):  # so that of two with one name the first stays
        key = _full_name(node.text(0))
        if node.name == "Model":
            found[key] = SceneNode(key[0], node.text(1), _properties(node))
        elif node.name == "Constraint":
            constraints[key] = node
    parents = {}
    for place, (child, parent, prop) in enumerate(_connections(root, "Connect", _full_name)):
        if child in found and not prop and (parent in found or parent == ("Scene", "Model")):
            parents.setdefault(child, (parent, place))
        elif child in found and parent in constraints:
            _note_constraint(found[child], prop, constraints[parent].text(1), _properties(constraints[parent]))
    nodes, places = _in_order(found, parents)
    return nodes, _stacks_6(root, places, ticks_per_second), _settings_6(root, objects)


def _full_name(text):
    return container.split_name(text) if isinstance(text, str) else None


def _settings_6(root, objects):
    table = {}
    for settings in [*objects.named("GlobalSettings"), *root.named("GlobalSettings")]:
        table |= _properties(settings)
    old = root.child("Version5") and root.child("Version5").child("Settings")
    rate = old and old.child("FrameRate")
    if rate and "TimeMode" not in table and rate.values:
        try:
            table |= {"TimeMode": [14], "CustomFrameRate": [float(str(rate.values[0]))]}
        except ValueError:
            raise DamagedError(f"FrameRate should be a number, and is {str(rate.values[0])[:30]!r}") from None
    return table


def _stacks_6(root, places, ticks_per_second):
    takes, spans = root.child("Takes"), _take_times(root)
    stacks = []
    for take in takes.named("Take") if takes else []:
        layer = Layer()
        for model in take.named("Model"):
            place = places.get(_full_name(model.text(0)))
            transform = next((node for node in model.named("Channel") if node.text(0) == "Transform"), None)
            if place is None or transform is None:
                continue
            for part in transform.named("Channel"):
                if (index := "TRS".find(part.text(0) or "?")) >= 0:
                    layer.channels[place, PATHS[index]] = _channel_6(part, ticks_per_second)
        stacks.append(Stack(take.text(0), *spans.get(take.text(0), (0, 0)), [layer]))
    return stacks


def _channel_6(part, ticks_per_second):
    channel = Channel([None, None, None], [None, None, None])
    for axis in part.named("Channel"):
        index = "XYZ".find(axis.text(0) or "?")
        if index >= 0:
            stated = axis.child("Default")
            channel.defaults[index] = _number(stated.values if stated else None, None, "Default")
            if axis.child("Key") is not None:
                channel.sources[index] = functools.partial(keys.from_list, axis, ticks_per_second)
    return channel
