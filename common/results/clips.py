"""Clips, as GIF and as motion files."""

import shutil
import time

from common.mocap import save_mocap
from common.motion import root_path
from common.results import stick_figure
from common.runtime import console
from common.runtime.files import whole_file

import torch

IN_PLACE = "_in_place"  # at the end of the name of clips without their path


def export_clips(clips, folder, endings, fbx_backend, view, root_motion):
    """Write clips (name, Mocap), any iterable of them, into a folder: along their path, or in place and named so.

    A clip with the same motion as the one before is not drawn again: its files are copied.
    """
    before = None
    for name, clip in clips:
        take, name = (clip, name) if root_motion else (root_path.stand(clip), f"{name}{IN_PLACE}")
        if before and _same(take, before[1]):
            _copy(before[0], name, folder, endings)
        else:
            export_clip(take, folder, name, endings, fbx_backend, view)
        before = name, take


def export_clip(take, folder, name, endings, fbx_backend, view):
    """Write <folder>/<name>.gif and the same take with each of the endings; `view` is what stick_figure.save_gif
    takes."""
    start = time.perf_counter()
    stick_figure.save_gif(take, folder / f"{name}.gif", *view)
    for ending in endings:
        save_mocap(take, folder / f"{name}{ending}", fbx_backend)
    console.line(f"{name} (.gif, {', '.join(endings)}): {time.perf_counter() - start:.1f} s")


def _same(take, other):
    tensors = [(one.rot_local, one.root_pos, one.skeleton.offsets) for one in (take, other)]
    return take.skeleton.joint_names == other.skeleton.joint_names and all(map(torch.equal, *tensors))


def _copy(source, name, folder, endings):
    for ending in (".gif", *endings):
        with whole_file(folder / f"{name}{ending}") as partial:
            shutil.copyfile(folder / f"{source}{ending}", partial)
    console.line(f"{name} (.gif, {', '.join(endings)}): the same motion as {source}")
