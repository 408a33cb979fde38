"""Scenes of version 6: objects with names, and the curves of each take inside the take."""

import functools

from common.mocap.fbx.container import DamagedError, split_name
from common.mocap.fbx.key_list import from_list
from common.mocap.fbx.scene import (
    PATHS,
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
)


def parse_version_6(root, ticks_per_second):
    """The tree of a file -> its nodes in order, its stacks, its global settings."""
    objects = root.child("Objects")
    if objects is None:
        raise DamagedError("it has no list of objects")
    models, constraints = {}, {}
    for node in reversed(objects.children):  # so that of two with one name the first stays
        key = _full_name(node.text(0))
        if node.name == "Model":
            models[key] = SceneNode(key[0], node.text(1), properties_of(node))
        elif node.name == "Constraint":
            constraints[key] = node
    constraints, parents = Constraints(constraints, 1), {}
    for place, (child, parent, prop) in enumerate(connections(root, "Connect", _full_name)):
        if child in models and not prop and (parent in models or parent == ("Scene", "Model")):
            parents.setdefault(child, (parent, place))
        elif child in models:
            constraints.note(parent, models[child], prop)
    nodes, places = in_order(models, parents)
    return nodes, _stacks(root, places, ticks_per_second), _settings(root, objects)


def _full_name(text):
    return split_name(text) if isinstance(text, str) else None


def _settings(root, objects):
    table = {}
    for settings in [*objects.named("GlobalSettings"), *root.named("GlobalSettings")]:
        table |= properties_of(settings)
    old = root.child("Version5") and root.child("Version5").child("Settings")
    rate = old and old.child("FrameRate")
    if rate and "TimeMode" not in table and rate.values:
        try:
            table |= {"TimeMode": [14], "CustomFrameRate": [float(str(rate.values[0]))]}
        except ValueError:
            raise DamagedError(f"FrameRate should be a number, and is {str(rate.values[0])[:30]!r}") from None
    return table


def _stacks(root, places, ticks_per_second):
    takes, spans = root.child("Takes"), take_times(root)
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
                    layer.channels[place, PATHS[index]] = _channel(part, ticks_per_second)
        stacks.append(Stack(take.text(0), *spans.get(take.text(0), (0, 0)), [layer]))
    return stacks


def _channel(part, ticks_per_second):
    channel = Channel([None, None, None], [None, None, None])
    for axis in part.named("Channel"):
        index = "XYZ".find(axis.text(0) or "?")
        if index >= 0:
            stated = axis.child("Default")
            channel.defaults[index] = number_of(stated.values if stated else None, None, "Default")
            if axis.child("Key") is not None:
                channel.sources[index] = functools.partial(from_list, axis, ticks_per_second)
    return channel
