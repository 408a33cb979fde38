"""The scene out: objects, what connects them, and how a take becomes joints with one linear curve per channel.

A joint is a model with a node attribute that says what kind of node it is. A take is a stack of layers, here one. On
the layer stand curve nodes, one per animated property of a joint, and on these a curve for each of X, Y and Z.

Shapes: T frames, J joints.
"""

from common.mocap.fbx.binary_write import Record, array, boolean, double, int32, int64, text
from common.mocap.fbx.channels import clean_name, file_angles, local_positions, rest_angles_of, setup_of
from common.mocap.fbx.properties import TEMPLATES, row, table
from common.motion import quaternion

import numpy as np

# The second half of an object's full name, where it is not the class.
SUFFIXES = {
    "AnimationStack": "AnimStack",
    "AnimationLayer": "AnimLayer",
    "AnimationCurveNode": "AnimCurveNode",
    "AnimationCurve": "AnimCurve",
}
CURVE_PROPERTIES = {"T": "Lcl Translation", "R": "Lcl Rotation"}
ORDERS = ("ZYX", "YZX", "XZY", "ZXY", "YXZ", "XYZ")  # by FBX number: FBX names them in the order of application
TYPE_FLAGS = {  # of the kinds of node that are written as they came in; any other becomes a LimbNode
    "LimbNode": ("Skeleton",),
    "Limb": ("Skeleton",),
    "Root": ("Null", "Skeleton", "Root"),
    "Null": ("Null",),
}
BONE_SIZE_CM = 3.0  # how thick programs draw a joint
LINEAR = 4
NO_SLOPES = np.array([0, 0, 0x0D050D05, 0], dtype=np.uint32).view(np.float32)  # the third: bits of default weights


class Scene:
    """The objects of a file by class, and their connections."""

    def __init__(self, key_version):
        self.key_version = key_version  # the format of the curves
        self.by_class = {name: [] for name in TEMPLATES}
        self.connections = []
        self.last_id = 1_000_000

    def new_id(self):
        self.last_id += 1
        return self.last_id

    def add(self, class_name, name, kind, children):
        """Add an object and give its id."""
        full_name = text(f"{name}\0\1{SUFFIXES.get(class_name, class_name)}")
        self.by_class[class_name].append(Record(class_name, (int64(self.new_id()), full_name, text(kind)), children))
        return self.last_id

    def connect(self, child, parent, of_property=None):
        if of_property is None:
            values = (text("OO"), int64(child), int64(parent))
        else:
            values = (text("OP"), int64(child), int64(parent), text(of_property))
        self.connections.append(Record("C", values))

    def objects(self):
        return Record("Objects", children=[record for records in self.by_class.values() for record in records])

    def definitions(self):
        """How many objects of each class there are, with the defaults of their properties."""
        types = [Record("ObjectType", (text("GlobalSettings"),), [Record("Count", (int32(1),))])]
        for class_name, records in self.by_class.items():
            template, rows = TEMPLATES[class_name]
            children = [Record("Count", (int32(len(records)),))]
            if template:
                children.append(Record("PropertyTemplate", (text(template),), [table(*rows)]))
            types.append(Record("ObjectType", (text(class_name),), children))
        total = 1 + sum(map(len, self.by_class.values()))
        return Record(
            "Definitions", children=[Record("Version", (int32(100),)), Record("Count", (int32(total),)), *types]
        )


def add_take(scene, name, end):
    """A stack from time 0 to `end`, with one layer: the layer's id."""
    stops = {"LocalStart": 0, "LocalStop": end, "ReferenceStart": 0, "ReferenceStop": end}
    stack = scene.add("AnimationStack", name, "", [table(*(row(key, "KTime", t) for key, t in stops.items()))])
    layer = scene.add("AnimationLayer", "BaseLayer", "", [])
    scene.connect(layer, stack)
    return layer


def add_skeleton(scene, layer, mocap, unit_cm, key_times, plain=False):
    """Add a take's joints and their curves, lengths in units of unit_cm; key_times as `array` makes them.

    Every joint has curves for its rotation, since programs key what has some. Only ends that never leave the rest pose,
    such as BVH's End Sites, stay without. In a `plain` scene they have some too, and a frame's angles give the sign
    of its quaternion.
    """
    skeleton, setup = mocap.skeleton, setup_of(mocap)
    angles = file_angles(mocap, quaternion.signed_euler if plain else quaternion.to_euler)
    rest_angles = rest_angles_of(mocap)
    rest_pos, positions = skeleton.rest_offsets.numpy() / unit_cm, local_positions(mocap) / unit_cm
    models = []
    for joint in range(skeleton.joint_count):
        is_end = joint > 0 and joint not in skeleton.parents
        moves = joint == 0 or (is_end and plain) or _leaves(positions[:, joint], rest_pos[joint])
        turns = not is_end or plain or _leaves(angles[:, joint], rest_angles[joint])
        rest = [
            row("Lcl Translation", "Lcl Translation", *rest_pos[joint], flags="A+" if moves else "A"),
            row("Lcl Rotation", "Lcl Rotation", *rest_angles[joint], flags="A+" if turns else "A"),
        ]
        models.append(_add_joint(scene, skeleton, setup, joint, rest, unit_cm))
        parent = skeleton.parents[joint]
        scene.connect(models[joint], models[parent] if parent >= 0 else 0)
        if moves:
            _add_curves(scene, layer, models[joint], "T", key_times, positions[:, joint])
        if turns:
            _add_curves(scene, layer, models[joint], "R", key_times, angles[:, joint])


def _leaves(values, rest):
    """Whether values (T, 3) are anywhere else than at rest (3,)."""
    return bool(np.abs(values - rest).max() > 1e-9 * max(1.0, np.abs(rest).max()))


def _add_joint(scene, skeleton, setup, joint, rest, unit_cm):
    """A joint's model and its node attribute: the model's id."""
    name = clean_name(skeleton.joint_names[joint])
    kind = setup.kinds[joint] if setup.kinds[joint] in TYPE_FLAGS else "LimbNode"
    size = table(row("Size", "double", BONE_SIZE_CM / unit_cm))
    flags = Record("TypeFlags", tuple(text(flag) for flag in TYPE_FLAGS[kind]))
    attribute = scene.add("NodeAttribute", name, kind, [size, flags])
    rows = [
        row("RotationOrder", "enum", ORDERS.index(skeleton.rot_orders[joint])),
        row("PreRotation", "Vector3D", *setup.pre_rotation[joint]),
        row("PostRotation", "Vector3D", *setup.post_rotation[joint]),
        row("RotationActive", "bool", 1),  # without it, programs ignore the three above
        row("InheritType", "enum", int(setup.inherit_type[joint])),
        row("ScalingMax", "Vector3D", 0.0, 0.0, 0.0),
        row("DefaultAttributeIndex", "int", 0),
        *rest,
        row("Lcl Scaling", "Lcl Scaling", 1.0, 1.0, 1.0, flags="A"),
    ]
    children = [Record("Version", (int32(232),)), table(*rows), Record("Shading", (boolean(True),))]
    model = scene.add("Model", name, kind, [*children, Record("Culling", (text("CullingOff"),))])
    scene.connect(attribute, model)
    return model


def _add_curves(scene, layer, model, channel, key_times, values):
    """Linear curves X, Y, Z of "T" or "R" through `values` (T, 3) on a model."""
    start = [row(f"d|{axis}", "Number", value, flags="A") for axis, value in zip("XYZ", values[0], strict=True)]
    curve_node = scene.add("AnimationCurveNode", channel, "", [table(*start)])
    scene.connect(curve_node, layer)
    scene.connect(curve_node, model, CURVE_PROPERTIES[channel])
    for axis, keys in zip("XYZ", values.T, strict=True):
        children = [
            Record("Default", (double(keys[0]),)),
            Record("KeyVer", (int32(scene.key_version),)),
            Record("KeyTime", (key_times,)),
            Record("KeyValueFloat", (array(keys.astype(np.float32)),)),
            Record("KeyAttrFlags", (array(np.array([LINEAR], dtype=np.int32)),)),  # one run for all keys
            Record("KeyAttrDataFloat", (array(NO_SLOPES),)),
            Record("KeyAttrRefCount", (array(np.array([len(keys)], dtype=np.int32)),)),
        ]
        scene.connect(scene.add("AnimationCurve", "", "", children), curve_node, f"d|{axis}")
