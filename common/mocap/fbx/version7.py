"""Scenes of version 7: objects with numbers, and one list of connections between them."""

import functools

from common.mocap.fbx.container import DamagedError, split_name
from common.mocap.fbx.keys import KeyReader
from common.mocap.fbx.scene import (
    LIMBS,
    Channel,
    Constraints,
    Layer,
    SceneNode,
    Stack,
    connections,
    in_order,
    number_of,
    properties_of,
    take_times,
    time_of,
)


def parse_version_7(root, ticks_per_second):
    """The tree of a file -> its nodes in order, its stacks, its global settings."""
    objects = root.child("Objects")
    if objects is None:
        raise DamagedError("it has no list of objects")
    templates = _templates(root)
    by_id = {}
    for node in objects.children:
        if node.values and _is_id(node.values[0]):
            by_id.setdefault(node.values[0], node)
    links = connections(root, "C", lambda value: value if _is_id(value) else None)
    nodes, places = _nodes(by_id, links, templates)
    settings = root.child("GlobalSettings")
    stacks = _stacks(root, by_id, links, templates, places, ticks_per_second)
    return nodes, stacks, properties_of(settings) if settings else {}


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _class_of(node):
    return node.text(2)


def _nodes(by_id, links, templates):
    defaults = templates.get("Model")
    nodes = {
        key: SceneNode(split_name(node.text(1))[0], _class_of(node), properties_of(node, defaults))
        for key, node in by_id.items()
        if node.name == "Model"
    }
    constraints = Constraints({key: node for key, node in by_id.items() if node.name == "Constraint"}, 2)
    parents = {}
    for place, (child, parent, prop) in enumerate(links):
        if child in nodes and not prop and (parent in nodes or parent == 0):
            parents.setdefault(child, (parent, place))
        elif parent in nodes and child in by_id and by_id[child].name == "NodeAttribute":
            kind = _class_of(by_id[child])
            nodes[parent].kind = kind if kind in LIMBS else nodes[parent].kind or kind
        elif child in nodes:
            constraints.note(parent, nodes[child], prop)
    return in_order(nodes, parents)


def _stacks(root, by_id, links, templates, places, ticks_per_second):
    by_class = {name: {} for name in ("AnimationStack", "AnimationLayer", "AnimationCurveNode", "AnimationCurve")}
    for key, node in by_id.items():
        if node.name in by_class:
            by_class[node.name][key] = node
    stack_nodes, layer_nodes, channel_nodes, curve_nodes = by_class.values()
    layers = {key: _layer(properties_of(node, templates.get("AnimationLayer"))) for key, node in layer_nodes.items()}
    channels = {
        key: _channel(properties_of(node, templates.get("AnimationCurveNode"))) for key, node in channel_nodes.items()
    }
    reader = KeyReader(ticks_per_second)
    # An object that is connected twice counts once: else a short list of connections could mean a long list of keys.
    targets, layer_of, stack_of = {}, {}, {}
    for child, parent, prop in links:
        if child in curve_nodes and parent in channels:
            _connect_curve(channels[parent], prop, functools.partial(reader.curve, curve_nodes[child]))
        elif child in channels and (parent in places or parent in layers) and prop:
            targets.setdefault(child, []).append((parent, prop))
        elif child in channels and parent in layers:
            layer_of.setdefault(child, parent)
        elif child in layers and parent in stack_nodes:
            stack_of.setdefault(child, parent)
    for child, parent in layer_of.items():
        _fill_layer(layers, parent, channels[child], targets.get(child, []), places)
    layers_of = {key: [] for key in stack_nodes}
    for child, parent in stack_of.items():
        layers_of[parent].append(layers[child])
    times = take_times(root)
    stacks = []
    for key, node in stack_nodes.items():
        name = split_name(node.text(1))[0]
        table = properties_of(node, templates.get("AnimationStack"))
        start, stop = time_of(table.get("LocalStart")), time_of(table.get("LocalStop"))
        if stop <= start:
            start, stop = times.get(name, (0, 0))
        stacks.append(Stack(name, start, stop, layers_of[key]))
    return stacks


def _layer(table):
    return Layer(
        weight=number_of(table.get("Weight"), 100.0, "the weight of a layer") / 100,
        muted=bool(number_of(table.get("Mute"), 0, "Mute")),
        solo=bool(number_of(table.get("Solo"), 0, "Solo")),
        mode=int(number_of(table.get("BlendMode"), 0, "BlendMode")),
        rotation_by_channel=bool(number_of(table.get("RotationAccumulationMode"), 0, "RotationAccumulationMode")),
        scale_by_channel=bool(number_of(table.get("ScaleAccumulationMode"), 0, "ScaleAccumulationMode")),
    )


def _channel(table):
    """A Channel whose components are not connected to curves yet."""
    defaults = [number_of(table.get(f"d|{axis}"), None, f"d|{axis}") for axis in "XYZ"]
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


def _templates(root):
    """Per class of objects, the defaults that the file states for it."""
    templates = {}
    definitions = root.child("Definitions")
    for kind in definitions.named("ObjectType") if definitions else []:
        if template := kind.child("PropertyTemplate"):
            templates[kind.text(0)] = properties_of(template)
    return templates
