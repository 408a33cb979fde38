"""Takes as objects of Autodesk's SDK. NOT RUN AGAINST THE REAL SDK, see `sdk.py`.

Shapes: T frames, J joints.
"""

from common.mocap.fbx import frame_rates
from common.mocap.fbx.channels import clean_name, file_angles, local_positions, rest_angles_of, setup_of, unit_of

MODES = (  # by number, as the file has them
    *("eDefaultMode", "eFrames120", "eFrames100", "eFrames60", "eFrames50", "eFrames48", "eFrames30", "eFrames30Drop"),
    *("eNTSCDropFrame", "eNTSCFullFrame", "ePAL", "eFrames24", "eFrames1000", "eFilmFullFrame", "eCustom", "eFrames96"),
    *("eFrames72", "eFrames59dot94", "eFrames119dot88"),
)
AXIS_SYSTEMS = {"Y": "eMayaYUp", "Z": "eMax"}


def enum(owner, scope, name):
    """A value of an enum, wherever this version keeps it."""
    return getattr(getattr(owner, scope, owner), name)


def pivot(fbx):
    return enum(fbx.FbxNode, "EPivotSet", "eSourcePivot")


def order(fbx, name):
    return enum(fbx, "EFbxRotationOrder", f"eEuler{name[::-1]}")  # FBX names them in the order of application


def write_settings(fbx, scene, first):
    """Frame rate, unit, axes and the take: its layer, and the exact rate."""
    mode, rate = frame_rates.mode_to_write(first.fps, setup_of(first).time_mode)
    settings = scene.GetGlobalSettings()
    settings.SetTimeMode(enum(fbx.FbxTime, "EMode", MODES[mode]))
    if mode == frame_rates.CUSTOM:
        settings.SetCustomFrameRate(float(rate))
    settings.SetSystemUnit(fbx.FbxSystemUnit(float(unit_of(first))))
    axes = enum(fbx.FbxAxisSystem, "EPreDefinedAxisSystem", AXIS_SYSTEMS[first.up_axis])
    settings.SetAxisSystem(fbx.FbxAxisSystem(axes))
    stack = fbx.FbxAnimStack.Create(scene, clean_name(setup_of(first).take_name))
    layer = fbx.FbxAnimLayer.Create(scene, "BaseLayer")
    stack.AddMember(layer)
    scene.SetCurrentAnimationStack(stack)
    return layer, rate


def write_take(fbx, scene, layer, rate, mocap, unit_cm):
    """Add a take's joints, lengths in units of unit_cm, with linear curves."""
    skeleton, setup, nodes = mocap.skeleton, setup_of(mocap), []
    angles, positions = file_angles(mocap), local_positions(mocap) / unit_cm
    for joint, name in enumerate(map(clean_name, skeleton.joint_names)):
        node, attribute = fbx.FbxNode.Create(scene, name), fbx.FbxSkeleton.Create(scene, name)
        attribute.SetSkeletonType(enum(fbx.FbxSkeleton, "EType", "eLimbNode"))
        node.SetNodeAttribute(attribute)
        node.SetRotationActive(True)
        node.SetRotationOrder(pivot(fbx), order(fbx, skeleton.rot_orders[joint]))
        node.SetPreRotation(pivot(fbx), fbx.FbxVector4(*setup.pre_rotation[joint].tolist()))
        node.SetPostRotation(pivot(fbx), fbx.FbxVector4(*setup.post_rotation[joint].tolist()))
        node.SetTransformationInheritType(enum(fbx.FbxTransform, "EInheritType", "eInheritRSrs"))
        node.LclTranslation.Set(fbx.FbxDouble3(*(skeleton.rest_offsets[joint] / unit_cm).tolist()))
        node.LclRotation.Set(fbx.FbxDouble3(*rest_angles_of(mocap)[joint].tolist()))
        (nodes[skeleton.parents[joint]] if joint else scene.GetRootNode()).AddChild(node)
        nodes.append(node)
        _write_curves(fbx, layer, rate, node.LclTranslation, positions[:, joint])
        _write_curves(fbx, layer, rate, node.LclRotation, angles[:, joint])


def _write_curves(fbx, layer, rate, channel, values):
    """Linear curves through `values` (T, 3)."""
    channel.GetCurveNode(layer, True)  # or there is nothing to put curves on
    linear = enum(fbx.FbxAnimCurveDef, "EInterpolationType", "eInterpolationLinear")
    time = fbx.FbxTime()
    for axis, keys in zip("XYZ", values.T.tolist(), strict=True):
        curve = channel.GetCurve(layer, axis, True)
        curve.KeyModifyBegin()
        for frame, value in enumerate(keys):
            time.SetSecondDouble(float(frame / rate))
            curve.KeySet(curve.KeyAdd(time)[0], time, value, linear)
        curve.KeyModifyEnd()
