"""BVH in and out.

A BVH file lists joints with an OFFSET and animated CHANNELS, then the channel values frame by frame, angles in degrees.
The channel order is the rotation order: `Zrotation Xrotation Yrotation` means R = Rz·Rx·Ry. Position channels replace
the OFFSET of their joint, on the root and on inner joints alike. Euler angles exist in here only.
"""

from common.mocap.bvh.read import load_bvh
from common.mocap.bvh.write import save_bvh

__all__ = ["load_bvh", "save_bvh"]
