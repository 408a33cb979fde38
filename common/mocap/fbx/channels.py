"""What a take is in the terms of an FBX file: its setup, unit, names, translations and Euler angles.

Shapes: T frames, J joints.
"""

import re

from common.mocap.fbx.joints import AXES, default_setup, up_axis_name
from common.motion import quaternion

import numpy as np
import torch

PRE_POST_ORDER = "ZYX"  # of pre- and post-rotations, whatever the joint's own order is


def setup_of(mocap):
    """What the take's own FBX file says of its joints, or the plain case."""
    return mocap.skeleton.fbx or default_setup(mocap.skeleton, mocap.up_axis)


def unit_of(mocap):
    """Centimetres in one unit of the file to write. Other formats have no unit, so their takes go out in cm."""
    return mocap.unit_cm if mocap.skeleton.fbx else 1.0


def axes_of(mocap):
    """Up, front and side axis with their signs: the file's own, unless the user has overruled its up axis."""
    own = setup_of(mocap).axes
    return own if up_axis_name(*own[:2]) == mocap.up_axis else AXES[mocap.up_axis]


def clean_name(name):
    """A name as an FBX file can hold it: the character 0 ends the name there, and UTF-8 has no half characters."""
    return re.sub(r"[\0\ud800-\udfff]", "_", name)


def local_positions(mocap):
    """(T, J, 3): offsets, and the root's path in the place of its offset."""
    shape = (mocap.frame_count, mocap.skeleton.joint_count, 3)
    positions = np.broadcast_to(mocap.skeleton.offsets, shape).copy()
    positions[:, 0] = mocap.root_pos
    return positions


def file_angles(mocap):
    """(T, J, 3): the file's own Euler angles in degrees about X, Y, Z, unrolled.

    They are what pre- and post-rotation leave of the local rotation: rot_local = pre · angles · inv(post).
    """
    setup, rot_orders = setup_of(mocap), np.array(mocap.skeleton.rot_orders)
    rot_file = torch.from_numpy(np.ascontiguousarray(mocap.rot_local, dtype=np.float64))
    if setup.pre_rotation.any():
        rot_file = quaternion.mul(quaternion.inv(extra_rotations(setup.pre_rotation)), rot_file)
    if setup.post_rotation.any():
        rot_file = quaternion.mul(rot_file, extra_rotations(setup.post_rotation))
    angles = np.empty((*rot_file.shape[:2], 3))
    for order in np.unique(rot_orders):
        joints = np.flatnonzero(rot_orders == order)
        in_order = np.degrees(quaternion.to_euler(rot_file[:, joints], str(order)).numpy())
        angles[:, joints] = in_order[..., [order.index(axis) for axis in "XYZ"]]
    return angles


def rest_angles_of(mocap):
    """(J, 3): the Euler angles of the rest pose, as `file_angles` has them."""
    angles = setup_of(mocap).rest_rotation
    return np.zeros((mocap.skeleton.joint_count, 3)) if angles is None else angles


def extra_rotations(degrees):
    """Pre- or post-rotations (J, 3) about X, Y, Z -> (J, 4). Their order is always the same."""
    return quaternion.from_euler(torch.from_numpy(np.radians(degrees[:, ::-1].copy())), PRE_POST_ORDER)
