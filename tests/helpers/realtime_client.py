"""A live client, as known ones are: readers by the simplest rules, strict loading, its own kinematics.

It counts keys, knows one rotation order, and turns each frame's angles into quaternions by themselves. Written from the
table of those rules, not from the code it judges. Shapes: T frames, J joints.
"""

import ast
import itertools
import re
from pathlib import Path

from helpers import plain_fbx

import numpy as np
from scipy.spatial.transform import Rotation

TOKENS = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)|(?P<mark>[{}:])|\s+"
)


class Recording:
    """What the client makes of a motion file, in the file's own numbers."""

    def __init__(self, names, parents, offsets, rotations, translations, fps):
        assert len(set(names)) == len(names), "names are keys of a dictionary"
        self.names, self.parents, self.fps = names, parents, fps
        self.offsets = np.array(offsets)  # (J, 3)
        self.rotations = np.stack(rotations, axis=1)  # (T, J, 4), w x y z
        self.translations = np.stack(translations, axis=1)  # (T, J, 3)

    @property
    def poses(self):
        return self.rotations.reshape(len(self.rotations), -1)


def read(path):
    return read_bvh(Path(path)) if str(path).endswith(".bvh") else read_fbx(Path(path))


def read_settings(path):
    """The assignments of a settings file."""
    lines = ast.parse(Path(path).read_text(encoding="utf-8")).body
    return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}


# ---------------------------------------------------------------------------------------------------------------------
# BVH


def read_bvh(path):
    tokens = _tokens(path.read_text(encoding="utf-8"))
    assert next(tokens) == "HIERARCHY" and next(tokens) == "ROOT"
    joints = []
    _read_joint(tokens, next(tokens), -1, joints)
    assert [next(tokens) for _ in range(3)] == ["MOTION", "Frames", ":"]
    count = int(next(tokens))
    assert [next(tokens) for _ in range(3)] == ["Frame", "Time", ":"]
    fps = 1 / float(next(tokens))
    names = [joint["name"] for joint in joints]
    joints = list({joint["name"]: joint for joint in joints}.values())
    values = np.array([float(token) for token in tokens])
    values = values.reshape(count, sum(len(joint["channels"]) for joint in joints))
    root_channels = joints[0]["channels"]
    assert [name[1:] for name in root_channels] == ["position"] * 3 + ["rotation"] * 3
    order = [name[0] for name in root_channels[3:]]  # for all joints
    rotations, translations, at = [], [], 0
    for joint in joints:
        columns = {name: values[:, at + i] for i, name in enumerate(joint["channels"])}
        at += len(columns)
        rotations.append(_product(columns, order, count))
        place = [columns.get(f"{axis}position", np.full(count, joint["offset"][i])) for i, axis in enumerate("XYZ")]
        translations.append(np.stack(place, axis=1))
    parents = [joint["parent"] for joint in joints]
    return Recording(names, parents, [joint["offset"] for joint in joints], rotations, translations, fps)


def _tokens(text):
    at = 0
    while at < len(text):
        match = TOKENS.match(text, at)
        assert match, f"cannot read {text[at : at + 20]!r}"
        at = match.end()
        if match.lastgroup:
            yield match[0]


def _read_joint(tokens, name, parent, joints):
    assert next(tokens) == "{" and next(tokens) == "OFFSET"
    joint = {"name": name, "parent": parent, "offset": [float(next(tokens)) for _ in range(3)], "channels": []}
    number = len(joints)
    joints.append(joint)
    for token in tokens:
        if token == "}":
            return
        if token == "CHANNELS":
            joint["channels"] = [next(tokens) for _ in range(int(next(tokens)))]
        elif token == "End":
            assert next(tokens) == "Site" and parent >= 0, "an End Site below the root ends the hierarchy"
            _read_joint(tokens, f"{name}_Nub", number, joints)
        else:
            assert token == "JOINT", token
            _read_joint(tokens, next(tokens), number, joints)


def _product(columns, order, count):
    """The product of the half-angle quaternions in the order of the channels."""
    product = np.tile([1.0, 0, 0, 0], (count, 1))
    for axis in order:
        half = np.radians(columns.get(f"{axis}rotation", np.zeros(count))) / 2
        turn = np.zeros((count, 4))
        turn[:, 0], turn[:, 1 + "XYZ".index(axis)] = np.cos(half), np.sin(half)
        product = multiply(product, turn)
    return product


# ---------------------------------------------------------------------------------------------------------------------
# FBX


def read_fbx(path):
    _, tree = plain_fbx.parse(path.read_bytes())
    objects, links = tree.one("Objects"), [c.values for c in tree.one("Connections").all("C")]
    assert len(objects.all("AnimationStack")) == len(objects.all("AnimationLayer")) == 1
    models = {model.values[0]: model for model in objects.all("Model")}
    children = {}
    for kind, child, parent, *_ in links:
        if kind == "OO" and child in models:
            children.setdefault(parent, []).append(child)
    (root,) = children[0]
    order, parents = _walk(root, -1, children, [], [])
    _check_attributes(order, objects, links)
    curves = _curves(objects, links)
    count = len(curves[root, "Lcl Translation", "d|X"])
    assert all(len(curve) == count for curve in curves.values()), "every curve has as many keys, or is not there"
    assert models[root].properties()["RotationOrder"] == [0]  # eEulerXYZ
    rotations, translations, offsets = [], [], []
    for model in order:
        values = {
            name: [curves.get((model, name, f"d|{axis}")) for axis in "XYZ"]
            for name in ("Lcl Rotation", "Lcl Translation")
        }
        angles = [np.zeros(count) if curve is None else curve for curve in values["Lcl Rotation"]]
        x, y, z, w = Rotation.from_euler("xyz", np.stack(angles, axis=1), degrees=True).as_quat().T
        rotations.append(np.stack((w, x, y, z), axis=1))
        rest = models[model].properties()["Lcl Translation"] if model in children else (0, 0, 0)
        place = [np.full(count, r) if c is None else c for c, r in zip(values["Lcl Translation"], rest, strict=True)]
        translations.append(np.stack(place, axis=1))
        offsets.append(translations[-1][0])
    names = [models[model].values[1].split("\0")[0] for model in order]
    settings = tree.one("GlobalSettings").properties()
    return Recording(names, parents, offsets, rotations, translations, _fps(settings))


def _walk(model, parent, children, order, parents):
    number = len(order)
    order.append(model)
    parents.append(parent)
    for child in children.get(model, []):
        _walk(child, number, children, order, parents)
    return order, parents


def _check_attributes(order, objects, links):
    """A node without a skeleton attribute is no joint to the client."""
    attributes = {node.values[0] for node in objects.all("NodeAttribute") if node.values[2] == "LimbNode"}
    limbs = {parent for kind, child, parent, *_ in links if kind == "OO" and child in attributes}
    assert set(order) <= limbs


def _curves(objects, links):
    """(model, property, axis) -> the keys' values."""
    keys = {c.values[0]: c.one("KeyValueFloat").values[0].astype(float) for c in objects.all("AnimationCurve")}
    owners = {child: (parent, name) for kind, child, parent, *rest in links if kind == "OP" for name in rest}
    curves = {}
    for curve, values in keys.items():
        node, axis = owners[curve]
        curves[(*owners[node], axis)] = values
    return curves


def _fps(settings):
    rates = {1: 120, 2: 100, 3: 60, 4: 50, 5: 48, 6: 30, 9: 30 / 1.001, 10: 25, 11: 24, 13: 24 / 1.001}
    (mode,) = settings["TimeMode"]
    return rates[mode] if mode in rates else settings["CustomFrameRate"][0]


# ---------------------------------------------------------------------------------------------------------------------
# poses to positions


def multiply(a, b):
    """Hamilton product, w x y z."""
    (aw, *u), (bw, *v) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)
    u, v = np.stack(u, axis=-1), np.stack(v, axis=-1)
    vector = aw[..., None] * v + bw[..., None] * u + np.cross(u, v)
    return np.concatenate(((aw * bw - (u * v).sum(-1))[..., None], vector), axis=-1)


def positions(rotations, offsets, parents):
    """(T, J, 4), (J, 3) -> (T, J, 3), the root at the origin: matrix by matrix."""
    matrices = Rotation.from_quat(rotations[..., [1, 2, 3, 0]].reshape(-1, 4)).as_matrix()
    matrices = matrices.reshape(*rotations.shape[:2], 3, 3)
    worlds, places = [matrices[:, 0]], [np.zeros((len(rotations), 3))]
    for joint, parent in itertools.islice(enumerate(parents), 1, None):
        places.append(places[parent] + worlds[parent] @ offsets[joint])
        worlds.append(worlds[parent] @ matrices[:, joint])
    return np.stack(places, axis=1)
