"""Trained models on whole new recordings of one dancer. Shapes: T frames, J joints."""

import dataclasses

from common.dataset.clip import APPLIED, Clip
from common.mocap import cut
from common.model import generate
from common.motion import foot_lock, partner_path, root_path
from common.runtime import console

import torch


def apply_to_solos(conversions, solos, duet, sequence_length, epoch):
    """The Clip that each Solo becomes: the other dancer's movement."""
    for solo in solos:
        for conversion in conversions:
            if conversion.source == solo.dancer != conversion.target:
                dancers = f"dancer{conversion.source + 1}_to_dancer{conversion.target + 1}"
                motion = convert_solo(conversion, solo.take, duet, sequence_length)
                name = f"applied_{solo.name}_{dancers}_epoch_{epoch}"
                yield Clip(name, motion, APPLIED, conversion.source, conversion.target, epoch, recording=solo.name)


def convert_solo(conversion, take, duet, sequence_length):
    """A whole take of the source dancer as movement of the target dancer, on the target's skeleton: a Mocap.

    Where a conversion goes on its source's path, the path is that of the take, scaled by how high the two bodies carry
    their hips. Where it goes on the target's own, there is none: the target stands beside the take's path, as far away,
    and in the direction, as in the recorded duet on average (`partner_path.mean_place`).
    """
    trained = duet.pairs[0][conversion.target]
    motion = generate.convert(conversion, cut(take, 0, take.frame_count), sequence_length)
    skeleton = dataclasses.replace(trained.skeleton, offsets=trained.skeleton.mean_offsets)
    root_pos = torch.zeros_like(take.root_pos)
    body = dataclasses.replace(trained, skeleton=skeleton, rot_local=motion, root_pos=root_pos, fps=take.fps)
    if conversion.path_of == conversion.source:
        return generate.place(body, take, conversion.lock_feet, root_path.scale_between(trained, take))
    place = partner_path.mean_place(duet.pairs, duet.ranges)
    console.line(f"dancer {conversion.target + 1} goes beside the path of dancer {conversion.source + 1}, {place}")
    placed = partner_path.stand_beside(body, take, place)
    return foot_lock.hold(placed) if conversion.lock_feet and root_path.travels(take) else placed
