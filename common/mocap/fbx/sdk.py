"""FBX through Autodesk's own SDK, for who has its Python bindings; the reader and writer beside it need none.

NOT RUN AGAINST THE REAL SDK, which no public package index has: written from its documentation alone.

Enums of the bindings stand in a class of their own from 2020.3 on and in the outer class before. What C++ returns by
reference comes as a further return value. After `manager.Destroy()` every object of it is invalid, so all numbers are
copied before. Shapes: T frames, J joints.
"""

import contextlib
import importlib
import platform
import sys

from common.mocap.fbx import frame_rates
from common.mocap.fbx.channels import extra_rotations, unit_of
from common.mocap.fbx.joints import AXES, PARENT_TIMES_LOCAL, JointSetup, up_axis_name
from common.mocap.fbx.sdk_scene import AXIS_SYSTEMS, MODES, enum, order, pivot, write_settings, write_take
from common.mocap.fbx.write import check_one_scene
from common.mocap.fbx.write_scene import ORDERS
from common.mocap.take import Mocap, Skeleton
from common.motion import axes, quaternion
from common.runtime.errors import InputError
from common.runtime.files import whole_file

import numpy as np
import torch

STILL_CM = 1e-3  # an offset that moves less has only been shaken by the arithmetic


def load_fbx(path, skeleton=None, take=None, fps=None):
    """Read a skeleton, by its number or its root's name, as a Mocap, lengths in cm; `take` names a take, `fps` is the
    rate to sample at. Raises ImportError without the bindings, and InputError for a file that does not serve."""
    with _sdk() as (fbx, manager):
        importer, scene = fbx.FbxImporter.Create(manager, ""), fbx.FbxScene.Create(manager, "")
        if not (importer.Initialize(str(path), -1, manager.GetIOSettings()) and importer.Import(scene)):
            raise InputError(f"{path}: the SDK says: {importer.GetStatus().GetErrorString()}. Export it again.")
        roots = _roots(scene.GetRootNode())
        skeleton = 0 if skeleton is None else skeleton
        named = [root for number, root in enumerate(roots) if skeleton in (number, root.GetName())]
        if not named:
            raise InputError(f"{path}: has the skeletons {[r.GetName() for r in roots]}; {skeleton!r} is not there.")
        kind = fbx.FbxCriteria.ObjectType(fbx.FbxAnimStack.ClassId)
        stacks = [scene.GetSrcObject(kind, i) for i in range(scene.GetSrcObjectCount(kind))]
        matches = [stack for stack in stacks if take in (None, stack.GetName())]
        if not matches:
            raise InputError(f"{path}: has the takes {[stack.GetName() for stack in stacks]}; {take!r} is not there.")
        scene.SetCurrentAnimationStack(matches[0])
        return _read_take(fbx, scene, named[0], path, fps)


def save_fbx(mocaps, path):
    """Write a Mocap, or a list of them as skeletons of one scene. Raises as `save_fbx`, and ImportError as above."""
    mocaps = [mocaps] if isinstance(mocaps, Mocap) else list(mocaps)
    with _sdk() as (fbx, manager), whole_file(path) as partial:
        check_one_scene(mocaps, path)
        if mocaps[0].up_axis not in AXIS_SYSTEMS:
            up_axis = mocaps[0].up_axis
            raise InputError(f'{path}: {up_axis} is up, which fbx_backend = "sdk" cannot write. Use "builtin".')
        scene = fbx.FbxScene.Create(manager, "")
        layer, rate = write_settings(fbx, scene, mocaps[0])
        for mocap in mocaps:
            write_take(fbx, scene, layer, rate, mocap, unit_of(mocaps[0]))
        exporter = fbx.FbxExporter.Create(manager, "")
        kind = manager.GetIOPluginRegistry().FindWriterIDByDescription("FBX binary (*.fbx)")
        if not (exporter.Initialize(str(partial), kind, manager.GetIOSettings()) and exporter.Export(scene)):
            raise OSError(5, f"the SDK says: {exporter.GetStatus().GetErrorString()}", str(path))
        exporter.Destroy()  # closes the file


@contextlib.contextmanager
def _sdk():
    """The module and a manager, which owns all that is made meanwhile."""
    try:
        fbx = importlib.import_module("fbx")
        create = fbx.FbxManager.Create  # other packages are called fbx, too
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f'fbx_backend = "sdk" needs Autodesk\'s module fbx, and Python {platform.python_version()} '
            f"({sys.executable}, {platform.system()} {platform.machine()}) has none that works. The packages fbxsdkpy "
            f"(Inria's index) and fbx (the wheel in Autodesk's FBX Python SDK) provide it, each build for one version "
            f'of Python. fbx_backend = "builtin" needs neither.'
        ) from error
    manager = create()
    try:
        manager.SetIOSettings(fbx.FbxIOSettings.Create(manager, fbx.IOSROOT))
        yield fbx, manager
    finally:
        manager.Destroy()


def _children(node):
    return [node.GetChild(i) for i in range(node.GetChildCount())]


def _roots(node):
    """The uppermost joints below a node."""
    return [root for child in _children(node) for root in ([child] if child.GetSkeleton() else _roots(child))]


def _joints(node, parent=-1, before=0):
    """A joint and all below it that are joints or carry some: [(node, place of its parent), ...]."""
    joints = [(node, parent)]
    for child in _children(node):
        if child.GetSkeleton() or _roots(child):
            joints += _joints(child, before, before + len(joints))
    return joints


def _read_take(fbx, scene, root, path, asked_fps):
    nodes, parents = zip(*_joints(root), strict=True)
    settings, stack = scene.GetGlobalSettings(), scene.GetCurrentAnimationStack()
    mode = [enum(fbx.FbxTime, "EMode", name) for name in MODES].index(settings.GetTimeMode())
    custom = settings.GetCustomFrameRate()
    fps = asked_fps or (custom if mode == frame_rates.CUSTOM else float(frame_rates.RATES.get(mode, 30)))
    span, unit_cm = stack.GetLocalTimeSpan(), settings.GetSystemUnit().GetScaleFactor()
    up_vector, up_sign = settings.GetAxisSystem().GetUpVector()  # X, Y, Z are 1, 2, 3
    up_axis = up_axis_name(int(up_vector) - 1, up_sign)
    active = [node.GetRotationActive() for node in nodes]
    setup = JointSetup(
        pre_rotation=_extra(nodes, "GetPreRotation", pivot(fbx)),
        post_rotation=_extra(nodes, "GetPostRotation", pivot(fbx)),
        inherit_type=np.full(len(nodes), PARENT_TIMES_LOCAL),  # what is read comes from the world, without scale
        kinds=["LimbNode" if node.GetSkeleton() else "Null" for node in nodes],
        axes=AXES[up_axis],
        time_mode=mode,
        custom_fps=custom,
        take_name=stack.GetName(),
        rest_rotation=np.array([_xyz(node.LclRotation.Get()) for node in nodes]),
    )
    orders = {order(fbx, name): name for name in ORDERS}
    rot_orders = [orders[n.GetRotationOrder(pivot(fbx))] if on else "ZYX" for n, on in zip(nodes, active, strict=True)]
    start, stop = span.GetStart().GetSecondDouble(), span.GetStop().GetSecondDouble()
    motion = _sample(fbx, nodes, [start + frame / fps for frame in range(round((stop - start) * fps) + 1)])
    rot_local, pos_local = _local_motion(*motion, parents, rot_orders, setup)
    rest_pos = torch.from_numpy(np.array([_xyz(node.LclTranslation.Get()) for node in nodes])) * unit_cm
    root_pos, offsets = pos_local[:, 0] * unit_cm, pos_local * unit_cm
    offsets[:, 0] = rest_pos[0]
    if axes.extent(offsets).max() < STILL_CM:
        offsets = offsets.mean(dim=0)
    names = [node.GetName() for node in nodes]
    skeleton = Skeleton(names[0], names, list(parents), offsets, rot_orders, rest_pos, fbx=setup)
    return Mocap(skeleton, rot_local, root_pos, fps, up_axis, str(path), unit_cm, start)


def _xyz(vector):
    return np.array([vector[0], vector[1], vector[2]])


def _extra(nodes, getter, of_pivot):
    """Pre- or post-rotations (J, 3) in degrees, zero where they are switched off."""
    return np.array([_xyz(getattr(node, getter)(of_pivot)) * bool(node.GetRotationActive()) for node in nodes])


def _sample(fbx, nodes, times):
    """World rotations (T, J, 4) and positions (T, J, 3), and the file's own Euler angles (T, J, 3) in radians."""
    rot, pos, angles = (np.empty((len(times), len(nodes), size)) for size in (4, 3, 3))
    time = fbx.FbxTime()
    for frame, seconds in enumerate(times):
        time.SetSecondDouble(float(seconds))
        for joint, node in enumerate(nodes):
            world = node.EvaluateGlobalTransform(time)
            rot[frame, joint] = [world.GetQ()[i] for i in (3, 0, 1, 2)]
            pos[frame, joint] = _xyz(world.GetT())
            angles[frame, joint] = np.radians(_xyz(node.LclRotation.EvaluateValue(time)))
    return torch.from_numpy(rot), torch.from_numpy(pos), torch.from_numpy(angles)


def _local_motion(rot, pos, angles, parents, rot_orders, setup):
    """Rotations (T, J, 4), with the signs that the angles give, and positions (T, J, 3) against the parent."""
    to_parent = quaternion.inv(rot[:, list(parents[1:])])
    pos_local = quaternion.rotate(to_parent, pos[:, 1:] - pos[:, list(parents[1:])])
    rot_local = torch.cat((rot[:, :1], quaternion.mul(to_parent, rot[:, 1:])), dim=1)
    turns = [
        quaternion.from_euler(angles[:, joint, ["XYZ".index(axis) for axis in order]], order)
        for joint, order in enumerate(rot_orders)
    ]
    pre, post = extra_rotations(setup.pre_rotation), extra_rotations(setup.post_rotation)
    by_angles = quaternion.mul(quaternion.mul(pre, torch.stack(turns, dim=1)), quaternion.inv(post))
    flips = (rot_local * by_angles).sum(-1, keepdim=True) < 0
    return torch.where(flips, -rot_local, rot_local), torch.cat((pos[:, :1], pos_local), dim=1)
