"""Euler angles of whole takes, as the writers need them.

Shapes: T frames, J joints.
"""

import torch

AT_A_TIME = 100_000  # rotations, of one joint at least: the conversion holds a dozen arrays of that size


def euler_degrees(rot_local, rot_orders, to_euler):
    """Local rotations (T, J, 4) as angles (T, J, 3) in degrees, in each joint's own rotation order; `to_euler` is that
    of `quaternion` or its like."""
    angles = rot_local.new_empty(*rot_local.shape[:2], 3)
    for order in sorted(set(rot_orders)):
        joints = torch.tensor([joint for joint, name in enumerate(rot_orders) if name == order])
        for block in joints.split(max(1, AT_A_TIME // max(1, len(rot_local)))):
            angles[:, block] = torch.rad2deg(to_euler(rot_local[:, block], order))
    return angles
