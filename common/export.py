"""One clip, as GIF and as motion files."""

import time

from common import console, formats, render


def export_clip(take, folder, name, endings, fbx_backend, view):
    """Write <folder>/<name>.gif and the same take with each of the endings; `view` is what render.save_gif takes."""
    start = time.perf_counter()
    render.save_gif(take, folder / f"{name}.gif", *view)
    for ending in endings:
        formats.save_mocap(take, folder / f"{name}{ending}", fbx_backend)
    console.line(f"{name} (.gif, {', '.join(endings)}): {time.perf_counter() - start:.1f} s")


def clip_range(start, length, frame_count):
    """The frames of a clip, cut to what the take has; a start beyond the take is moved back: (start, end)."""
    if start >= frame_count:
        start = max(0, frame_count - length)
    return start, min(start + length, frame_count)
