"""A take at another frame rate: rotations on the arc between two frames, positions on the line.

Shapes: T frames, J joints.
"""

import dataclasses

from common.motion import quaternion

import torch

SAME = 1e-3  # rates that differ less are one, as everywhere
ON_A_FRAME = 1e-6  # of a frame: what is nearer to a recorded frame lies on it


def resample(mocap, fps):
    """The same movement at `fps` frames per second, from the first frame on: a Mocap.

    Frame n lies at n / fps seconds. Rotations are interpolated by slerp along the shorter arc, the root's path and the
    offsets that move linearly. A frame that falls on a recorded one is that frame, with its sign; others have the sign
    of the recorded frame before.
    """
    if abs(fps - mocap.fps) <= SAME * mocap.fps:
        return mocap
    ratio = mocap.fps / fps
    count = int((mocap.frame_count - 1) / ratio + ON_A_FRAME) + 1
    places = torch.arange(count, dtype=torch.float64) * ratio  # (N,) in recorded frames
    places = torch.where((places - places.round()).abs() < ON_A_FRAME, places.round(), places)
    before = places.long().clamp_max(mocap.frame_count - 1)
    after, share = (before + 1).clamp_max(mocap.frame_count - 1), places - before
    offsets = mocap.skeleton.offsets
    if offsets.dim() == 3:
        offsets = _between(offsets, before, after, share[:, None, None])
    return dataclasses.replace(
        mocap,
        skeleton=dataclasses.replace(mocap.skeleton, offsets=offsets),
        rot_local=_turned(mocap.rot_local, before, after, share),
        root_pos=_between(mocap.root_pos, before, after, share[:, None]),
        fps=float(fps),
    )


def _between(values, before, after, share):
    return values[before] * (1 - share) + values[after] * share


def _turned(rotations, before, after, share):
    """(T, J, 4) -> (N, J, 4)."""
    turned = rotations.new_empty(len(before), *rotations.shape[1:])
    for block in quaternion.blocks(len(before)):
        first, second, part = rotations[before[block]], rotations[after[block]], share[block].unsqueeze(-1)
        on_a_frame = (part == 0).unsqueeze(-1)
        turned[block] = torch.where(on_a_frame, first, quaternion.slerp(first, second, part))
    return turned
