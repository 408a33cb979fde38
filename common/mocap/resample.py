"""A take at another frame rate: rotations on the arc between two frames, positions on the line.

Shapes: T frames, J joints.
"""

import dataclasses

from common.motion import quaternion

import numpy as np
import torch

SAME = 1e-3  # rates that differ less are one, as everywhere
ON_A_FRAME = 1e-6  # of a frame: what counts as no way at all between two frames


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
    places = np.arange(count) * ratio  # (N,) in recorded frames
    places = np.where(np.abs(places - np.round(places)) < ON_A_FRAME, np.round(places), places)
    before = np.minimum(places.astype(int), mocap.frame_count - 1)
    after, share = np.minimum(before + 1, mocap.frame_count - 1), torch.from_numpy(places - before)
    offsets = np.asarray(mocap.skeleton.offsets)
    if offsets.ndim == 3:
        offsets = _between(offsets, before, after, share[:, None, None].numpy())
    return dataclasses.replace(
        mocap,
        skeleton=dataclasses.replace(mocap.skeleton, offsets=offsets),
        rot_local=_turned(torch.as_tensor(mocap.rot_local), before, after, share).numpy(),
        root_pos=_between(np.asarray(mocap.root_pos), before, after, share[:, None].numpy()),
        fps=float(fps),
    )


def _between(values, before, after, share):
    return values[before] * (1 - share) + values[after] * share


def _turned(rotations, before, after, share):
    """(T, J, 4) -> (N, J, 4)."""
    turned = rotations.new_empty(len(before), *rotations.shape[1:])
    for start in range(0, len(before), quaternion.BLOCK):
        block = slice(start, start + quaternion.BLOCK)
        first, second, part = rotations[before[block]], rotations[after[block]], share[block].unsqueeze(-1)
        on_a_frame = (part == 0).unsqueeze(-1)
        turned[block] = torch.where(on_a_frame, first, quaternion.slerp(first, second, part))
    return turned
