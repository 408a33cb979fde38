"""Clips, as GIF and as motion files, and the note of what they are."""

import dataclasses
import shutil
import time

from common.dataset.clip import KINDS, OTHER, Clip
from common.mocap import rescale, save_mocap
from common.motion import root_path
from common.motion.axes import UP_AXES
from common.results import stick_figure
from common.runtime import console, files
from common.runtime.files import whole_file

import torch

CLIP_NOTES = "clips.json"
IN_PLACE = "_in_place"  # at the end of the name of clips without their path


def export_clips(clips, folder, notes, endings, fbx_backend, view, root_motion):
    """Write Clips, any iterable of them, into a folder: along their path, or in place and named so; and what each is
    into the file `notes`.

    A clip with the same motion as the one before is not drawn again: its files are copied.
    """
    before = None
    for clip in clips:
        if not root_motion:
            clip = dataclasses.replace(clip, motion=root_path.stand(clip.motion), name=f"{clip.name}{IN_PLACE}")
        if before and _same(clip.motion, before.motion):
            _copy(before.name, clip.name, folder, endings)
        else:
            export_clip(clip.motion, folder, clip.name, endings, fbx_backend, view)
        note_clip(clip, notes)
        before = clip


def note_clip(clip, path):
    """Add to a JSON file what a Clip is, by its name: its fields, and what its motion file may not state, the unit in
    cm and the axis that points up."""
    try:
        notes = read_notes(path)
    except ValueError:  # somebody has changed the file: what it said is lost, the clips are not
        notes = {}
    names = [field.name for field in dataclasses.fields(clip) if field.name not in ("name", "motion")]
    fields = {name: getattr(clip, name) for name in names}
    notes[clip.name] = fields | {"unit_cm": clip.motion.unit_cm, "up_axis": clip.motion.up_axis}
    files.write_json(path, notes)


def read_notes(path):
    """What runs have noted of the clips, {name: fields}; {} where there is no such file. Raises ValueError where it is
    no JSON object, and OSError."""
    try:
        notes = files.read_json(path)
    except FileNotFoundError:
        return {}
    if not isinstance(notes, dict):
        raise ValueError("it holds no notes of clips")
    return notes


def noted_clip(name, motion, note):
    """The Clip of a motion file, in cm, by what a run has noted of it; of kind OTHER where `note` is no such note."""
    try:
        note = dict(note)
        unit_cm, up_axis = float(note.pop("unit_cm")), str(note.pop("up_axis"))
        stretch = note.pop("stretch")
        clip = Clip(name, motion, stretch=None if stretch is None else tuple(map(int, stretch)), **note)
        fits = clip.kind in KINDS and {clip.source, clip.dancer} <= {0, 1} and isinstance(clip.epoch, int)
    except (TypeError, ValueError, KeyError):
        fits = False
    if not (fits and 1e-6 < unit_cm < 1e6 and up_axis in UP_AXES and isinstance(clip.recording, str)):
        return Clip(name, motion, OTHER, 0, 0)
    if not motion.path.lower().endswith(".fbx"):  # which states its unit itself
        motion = rescale(motion, unit_cm)
    return dataclasses.replace(clip, motion=dataclasses.replace(motion, up_axis=up_axis))


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
