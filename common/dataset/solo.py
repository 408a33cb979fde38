"""Recordings of one dancer, without a partner, for models that are trained: read, and checked against the trained duet.

Shapes: T frames, J joints.
"""

import dataclasses
import typing
from pathlib import Path

from common.dataset.pairs import read_take
from common.mocap import Mocap, check_same_joints, check_same_rest_pose, resample, rescale, split_skeleton
from common.runtime import console
from common.runtime.errors import InputError

SAME_FPS = 1e-3  # of the frame rate


class Solo(typing.NamedTuple):
    """A whole take of one dancer."""

    name: str  # the file's, without its ending
    dancer: int  # 0 or 1, who danced it
    take: Mocap


def load_solos(
    folder, files, duet, dancers, sequence_length, pos_scale, fps, up_axis, take_name=None, fbx_backend="builtin"
):
    """Read the recordings that apply_files names, in cm and at the frame rate of the trained duet: [Solo, ...].

    `files` holds names, or pairs (name, dancer) where the models know movement of both `dancers`. Raises InputError,
    or FileNotFoundError, for what cannot be read, has other joints than the trained dancer, or is too short.
    """
    solos = []
    for entry in files:
        name, dancer = _name_and_dancer(entry, dancers)
        where, trained = f"apply_files, {name}", duet.pairs[0][dancer]
        scale = pos_scale if isinstance(pos_scale, (int, float)) else pos_scale[dancer]
        take = rescale(_read(Path(folder) / name, take_name, fbx_backend, fps, trained.fps), scale)
        take = dataclasses.replace(take, up_axis=up_axis or take.up_axis)
        check_same_joints(trained, take, where)
        check_same_rest_pose(trained, take, where)
        if take.up_axis != trained.up_axis:
            raise InputError(
                f"{where}: has {take.up_axis} up, the recording of the training {trained.up_axis}. Export it with the "
                f"same axes, or set mocap_up_axis if it is wrong."
            )
        if take.frame_count < sequence_length:
            raise InputError(
                f"{where}: has {take.frame_count} frames at {take.fps:.5g} frames per second, fewer than one window of "
                f"sequence_length = {sequence_length}. Use a longer recording."
            )
        solos.append(Solo(_free_name(name, solos), dancer, take))
        console.line(f"{where}: {take.frame_count / take.fps:.1f} s, danced by dancer {dancer + 1}")
    return solos


def _name_and_dancer(entry, dancers):
    """The file's name and who danced it, 0 or 1."""
    name, dancer = (entry, None) if isinstance(entry, str) else entry
    if dancer is None and len(dancers) > 1:
        raise InputError(f"apply_files: say who danced {name}, dancer 1 or 2, as [[{name!r}, 1]].")
    dancer = dancers[0] + 1 if dancer is None else dancer
    if dancer - 1 not in dancers:
        allowed = " or ".join(str(number + 1) for number in dancers)
        raise InputError(f"apply_files, {name}: the models read movement of dancer {allowed}, not of dancer {dancer}.")
    return name, dancer - 1


def _read(path, take_name, fbx_backend, fps, trained_fps):
    """The take at the frame rate of the training."""
    if not split_skeleton(path)[0].is_file():
        raise FileNotFoundError(2, "no such file; check mocap_file_path and apply_files", str(path))
    take = read_take(path, take_name, fbx_backend, fps)
    if abs(take.fps - trained_fps) <= SAME_FPS * trained_fps:
        return take
    console.note(f"{path.name}: resampled from {take.fps:.5g} to {trained_fps:.5g} frames per second.")
    return resample(take, trained_fps)


def _free_name(name, solos):
    """The file's name without its ending, as a part of the names of clips; two alike get numbers."""
    path, skeleton = split_skeleton(Path(name))
    stem = path.stem if skeleton is None else f"{path.stem}_{skeleton + 1 if isinstance(skeleton, int) else skeleton}"
    used_names, count, free_name = {solo.name for solo in solos}, 1, stem
    while free_name in used_names:
        count += 1
        free_name = f"{stem}_{count}"
    return free_name
