"""What a take is in the terms of an FBX file: its setup, unit, names, translations and Euler angles.

Shapes: T frames, J joints.
"""

import re

from common.mocap.euler import euler_degrees
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
    file_axes = setup_of(mocap).axes
    return file_axes if up_axis_name(*file_axes[:2]) == mocap.up_axis else AXES[mocap.up_axis]


def clean_name(name):
    """A name as an FBX file can hold it: the character 0 ends the name there, and UTF-8 has no half characters."""
    return re.sub(r"[\0\ud800-\udfff]", "_", name)


def local_positions(mocap):
    """Offsets, and the root's path in the place of its offset: a NumPy array (T, J, 3)."""
    positions = mocap.skeleton.offsets.expand(mocap.frame_count, -1, -1).clone()
    positions[:, 0] = mocap.root_pos
    return positions.numpy()


def file_angles(mocap, to_euler=quaternion.to_euler):
    """The file's own Euler angles in degrees about X, Y, Z, unrolled: a NumPy array (T, J, 3).

    They are what pre- and post-rotation leave of the local rotation: rot_local = pre · angles · inv(post).
    """
    setup, rot_orders, rot_file = setup_of(mocap), mocap.skeleton.rot_orders, mocap.rot_local
    if setup.pre_rotation.any():
        rot_file = quaternion.mul(quaternion.inv(extra_rotations(setup.pre_rotation)), rot_file)
    if setup.post_rotation.any():
        rot_file = quaternion.mul(rot_file, extra_rotations(setup.post_rotation))
    angles = euler_degrees(rot_file, rot_orders, to_euler)
    columns = torch.tensor([[order.index(axis) for axis in "XYZ"] for order in rot_orders])  # (J, 3)
    return angles.gather(-1, columns.expand_as(angles)).numpy()


def rest_angles_of(mocap):
    """The Euler angles of the rest pose, as `file_angles` has them: (J, 3)."""
    angles = setup_of(mocap).rest_rotation
    return np.zeros((mocap.skeleton.joint_count, 3)) if angles is None else angles


def extra_rotations(degrees):
    """Pre- or post-rotations (J, 3) about X, Y, Z -> (J, 4). Their order is always the same."""
    return quaternion.from_euler(torch.from_numpy(np.radians(degrees[:, ::-1].copy())), PRE_POST_ORDER)
