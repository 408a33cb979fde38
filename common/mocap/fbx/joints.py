"""What an FBX file says of its joints beyond offsets and motion, so that an export can say the same again.

Shapes: J joints.
"""

import dataclasses

import numpy as np

# Up axis, its sign, front axis, its sign, the axis to the side, its sign: as right-handed software writes them.
AXES = {
    "X": (0, 1, 2, 1, 1, -1),
    "Y": (1, 1, 2, 1, 0, 1),
    "Z": (2, 1, 1, -1, 0, 1),
    "-X": (0, -1, 2, 1, 1, 1),
    "-Y": (1, -1, 2, -1, 0, 1),
    "-Z": (2, -1, 1, 1, 0, 1),
}
PARENT_TIMES_LOCAL = 1  # InheritType: the world matrix is the parent's times the joint's own


def up_axis_name(axis, sign):
    """ "X", "Y", "Z", or with a minus where the file says that its axis points down."""
    name = "XYZ"[int(axis)] if axis in (0, 1, 2) else "Y"
    return f"-{name}" if sign == -1 else name


@dataclasses.dataclass(frozen=True)
class JointSetup:
    """`inv(pre) · rot_local · post`, in the joint's own rotation order, gives the file's own Euler angles;
    pre and post are themselves the rotations of their angles in the order "ZYX" (R = Rz·Ry·Rx)."""

    pre_rotation: np.ndarray  # (J, 3) degrees about X, Y, Z; zero where the file switches it off
    post_rotation: np.ndarray  # (J, 3) degrees about X, Y, Z; zero where the file switches it off
    inherit_type: np.ndarray  # (J,) 0 RrSs, 1 RSrs, 2 Rrs
    kinds: list  # per joint "LimbNode", "Root", "Null", ...: what the node is in the file
    axes: tuple  # up, its sign, front, its sign, side, its sign; 0 X, 1 Y, 2 Z and ±1
    time_mode: int = 0  # the file's own enum of its frame rate, 14 for a rate of its own, 0 if not known
    custom_fps: float = -1.0  # the rate, where time_mode is 14
    take_name: str = "Take 001"
    rest_rotation: np.ndarray | None = None  # (J, 3) degrees about X, Y, Z, between pre and post, in the rest pose


def default_setup(skeleton, up_axis):
    """The JointSetup of a skeleton that comes from no FBX file: no extra rotations, plain inheritance."""
    count = skeleton.joint_count
    return JointSetup(
        pre_rotation=np.zeros((count, 3)),
        post_rotation=np.zeros((count, 3)),
        inherit_type=np.full(count, PARENT_TIMES_LOCAL),
        kinds=["LimbNode"] * count,
        axes=AXES[up_axis],
    )
