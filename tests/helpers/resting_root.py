"""Bodies that hang from a root at rest, and takes with another axis up."""

import dataclasses

from common.motion import quaternion
from helpers.project import BODY

import numpy as np
import torch

RESTING = "HIERARCHY\nROOT Reference\n{\nOFFSET 50 0 20\nCHANNELS 0\n" + BODY[10:].replace("ROOT", "JOINT") + "}\n"


def turned(take, up):
    """A take of Y up with another axis up, as no file has it yet."""
    order = {"X": [1, 2, 0], "Y": [0, 1, 2], "Z": [2, 0, 1]}[up]
    parts = {"offsets": take.skeleton.offsets[..., order], "rest_offsets": take.skeleton.rest_offsets[..., order]}
    skeleton = dataclasses.replace(take.skeleton, channels=None, is_end_site=None, **parts)
    rot_local = take.rot_local[..., [0, *(1 + axis for axis in order)]]
    return dataclasses.replace(
        take, skeleton=skeleton, rot_local=rot_local, root_pos=take.root_pos[:, order], up_axis=up
    )


def with_turned_root(take):
    """The same movement below a root that is turned by 90 degrees, as exports from programs with another up axis."""
    turn = torch.tensor([np.sqrt(0.5), np.sqrt(0.5), 0, 0])
    rot_local, offsets = take.rot_local.clone(), take.skeleton.offsets.clone()
    rot_local[:, 1] = quaternion.mul(quaternion.inv(turn), rot_local[:, 1])
    rot_local[:, 0] = turn
    offsets[:, 1] = quaternion.rotate(quaternion.inv(turn), offsets[:, 1])
    return dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, offsets=offsets), rot_local=rot_local)
