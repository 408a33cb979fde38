"""The properties of FBX objects, as they are written: what a row looks like, and the defaults of the SDK.

A file that leaves a property out means the default of its class, which the file itself states in a template. The
templates here have the names, order and values that Autodesk's SDK writes.
"""

from common.mocap.fbx.binary_write import Record, double, int32, int64, text

# Per type: the second word of its row, and how its values are stored.
TYPES = {
    "bool": ("", int32),
    "enum": ("", int32),
    "int": ("Integer", int32),
    "double": ("Number", double),
    "Number": ("", double),
    "Vector3D": ("Vector", double),
    "ColorRGB": ("Color", double),
    "Lcl Translation": ("", double),
    "Lcl Rotation": ("", double),
    "Lcl Scaling": ("", double),
    "Visibility": ("", double),
    "Visibility Inheritance": ("", int32),
    "KTime": ("Time", int64),
    "ULongLong": ("", int64),
    "KString": ("", text),
    "Compound": ("", None),
    "object": ("", None),
}


def row(name, kind, *values, flags=""):
    """One property; flags: "A" can be animated, "A+" is animated, "H" hidden."""
    subtype, store = TYPES[kind]
    return Record("P", (text(name), text(kind), text(subtype), text(flags), *(store(value) for value in values)))


def table(*rows):
    return Record("Properties70", children=list(rows))


def _zeros(*names):
    return [row(name, "Vector3D", 0.0, 0.0, 0.0) for name in names]


def _per_axis(kind, value, *names):
    return [row(f"{name}{axis}", kind, value) for name in names for axis in "XYZ"]


def _limits(name, largest):
    return [
        row(f"{name}Min", "Vector3D", 0.0, 0.0, 0.0),
        row(f"{name}Max", "Vector3D", *largest),
        *_per_axis("bool", 0, f"{name}Min", f"{name}Max"),
    ]


_GREY = row("Color", "ColorRGB", 0.8, 0.8, 0.8)

NODE = [
    row("QuaternionInterpolate", "enum", 0),
    *_zeros("RotationOffset", "RotationPivot", "ScalingOffset", "ScalingPivot"),
    row("TranslationActive", "bool", 0),
    *_limits("Translation", (0.0, 0.0, 0.0)),
    row("RotationOrder", "enum", 0),
    row("RotationSpaceForLimitOnly", "bool", 0),
    *_per_axis("double", 0.0, "RotationStiffness"),
    row("AxisLen", "double", 10.0),
    *_zeros("PreRotation", "PostRotation"),
    row("RotationActive", "bool", 0),
    *_limits("Rotation", (0.0, 0.0, 0.0)),
    row("InheritType", "enum", 0),
    row("ScalingActive", "bool", 0),
    *_limits("Scaling", (1.0, 1.0, 1.0)),
    *_zeros("GeometricTranslation", "GeometricRotation"),
    row("GeometricScaling", "Vector3D", 1.0, 1.0, 1.0),
    *_per_axis("double", 0.0, "MinDampRange", "MaxDampRange", "MinDampStrength", "MaxDampStrength", "PreferedAngle"),
    row("LookAtProperty", "object"),
    row("UpVectorProperty", "object"),
    row("Show", "bool", 1),
    row("NegativePercentShapeSupport", "bool", 1),
    row("DefaultAttributeIndex", "int", -1),
    row("Freeze", "bool", 0),
    row("LODBox", "bool", 0),
    row("Lcl Translation", "Lcl Translation", 0.0, 0.0, 0.0, flags="A"),
    row("Lcl Rotation", "Lcl Rotation", 0.0, 0.0, 0.0, flags="A"),
    row("Lcl Scaling", "Lcl Scaling", 1.0, 1.0, 1.0, flags="A"),
    row("Visibility", "Visibility", 1.0, flags="A"),
    row("Visibility Inheritance", "Visibility Inheritance", 1),
]

SKELETON = [_GREY, row("Size", "double", 100.0), row("LimbLength", "double", 1.0, flags="H")]

STACK = [
    row("Description", "KString", ""),
    row("LocalStart", "KTime", 0),
    row("LocalStop", "KTime", 0),
    row("ReferenceStart", "KTime", 0),
    row("ReferenceStop", "KTime", 0),
]

LAYER = [
    row("Weight", "Number", 100.0, flags="A"),
    row("Mute", "bool", 0),
    row("Solo", "bool", 0),
    row("Lock", "bool", 0),
    _GREY,
    row("BlendMode", "enum", 0),
    row("RotationAccumulationMode", "enum", 0),
    row("ScaleAccumulationMode", "enum", 0),
    row("BlendModeBypass", "ULongLong", 0),
]

CURVE_NODE = [row("d", "Compound")]

# Per class of object: the name of its template and the rows. A curve has none.
TEMPLATES = {
    "NodeAttribute": ("FbxSkeleton", SKELETON),
    "Model": ("FbxNode", NODE),
    "AnimationStack": ("FbxAnimStack", STACK),
    "AnimationLayer": ("FbxAnimLayer", LAYER),
    "AnimationCurveNode": ("FbxAnimCurveNode", CURVE_NODE),
    "AnimationCurve": (None, None),
}
