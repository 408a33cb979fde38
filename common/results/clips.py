"""Clips, as GIF and as motion files."""

import time

from common.mocap import save_mocap
from common.motion import root_path
from common.results import stick_figure
from common.runtime import console

IN_PLACE = "_in_place"  # at the end of the name of clips without their path


def export_clips(clips, folder, endings, fbx_backend, view, root_motion):
    """Write clips (name, Mocap), any iterable of them, into a folder: along their path, or in place and named so."""
    for name, clip in clips:
        if root_motion:
            export_clip(clip, folder, name, endings, fbx_backend, view)
        else:
            export_clip(root_path.stand(clip), folder, f"{name}{IN_PLACE}", endings, fbx_backend, view)


def export_clip(take, folder, name, endings, fbx_backend, view):
    """Write <folder>/<name>.gif and the same take with each of the endings; `view` is what render.save_gif takes."""
    start = time.perf_counter()
    stick_figure.save_gif(take, folder / f"{name}.gif", *view)
    for ending in endings:
        save_mocap(take, folder / f"{name}{ending}", fbx_backend)
    console.line(f"{name} (.gif, {', '.join(endings)}): {time.perf_counter() - start:.1f} s")
