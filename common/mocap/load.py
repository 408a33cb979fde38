"""Motion files by their ending: `load_mocap`, `save_mocap`, and what a path says beyond its file."""

import dataclasses
import re
from pathlib import Path

from common.mocap import bvh, fbx
from common.mocap.fbx import sdk
from common.runtime import console
from common.runtime.errors import InputError

ENDINGS = (".fbx", ".bvh")
BUNDLED = 'mocap_files = [["duet_dancer1.fbx", "duet_dancer2.fbx"]] in mocap_file_path = "data/mocap"'
RATES = (1, 10_000)  # frames per second that can be asked for


def load_mocap(path, skeleton=None, take=None, fbx_backend="builtin", fps=None):
    """Read a motion file as a Mocap.

    `skeleton` picks one of several in the file, by number from 0 or by name; so does a path that ends in "#2" (the
    second) or "#name". `take` names one of several takes of an FBX file. `fps` is the rate at which an FBX file's
    curves are sampled, and the rate at which a BVH file's frames are said to come; None: the file's own. Raises
    FileNotFoundError or InputError, both saying what to change.
    """
    if fps is not None and not RATES[0] <= fps <= RATES[1]:
        raise InputError(
            f"{path}: cannot come at {fps:g} frames per second. Set mocap_fps from {RATES[0]} to {RATES[1]}."
        )
    path, skeleton_of_path = split_skeleton(path)
    skeleton = skeleton_of_path if skeleton is None else skeleton
    same_stem = _of_the_same_stem(path)
    ending = _known_ending(path.suffix, path, "read", same_stem)
    if not path.is_file():
        others = f" There is {same_stem}." if same_stem else ""
        raise FileNotFoundError(
            2,
            f"no such file.{others} Recordings belong into the folder that mocap_file_path names, {path.parent} here, "
            f"and mocap_files names them. The project comes with {BUNDLED}.",
            str(path),
        )
    if ending == ".bvh":
        return _at_rate(bvh.load_bvh(path, skeleton), fps)
    return _backend(fbx_backend).load_fbx(path, skeleton, take, fps)


def _at_rate(take, fps):
    """The same frames at another rate: what a file without times has to be taken for."""
    if fps is None or fps == take.fps:
        return take
    console.note(f"{Path(take.path).name}: mocap_fps = {fps:g} overrules the file's {take.fps:.5g} frames per second.")
    return dataclasses.replace(take, fps=float(fps))


def save_mocap(take, path, fbx_backend="builtin"):
    """Write a Mocap in the format of the path's ending."""
    path = Path(path)
    if _known_ending(path.suffix, path, "written") == ".bvh":
        bvh.save_bvh(take, path)
    else:
        _backend(fbx_backend).save_fbx(take, path)


def _backend(name):
    """What reads and writes FBX; Autodesk's SDK is imported only here, when it is asked for."""
    if name == "builtin":
        return fbx

    return sdk


def split_skeleton(path):
    """A path and the skeleton that its end picks: "duet.fbx#2" -> (duet.fbx, 1), "duet.fbx#Anna" -> (duet.fbx, "Anna").

    A file whose own name holds a "#" is taken as it is.
    """
    path = Path(path)
    match = re.fullmatch(r"(.*?(?:\.fbx|\.bvh))#(.+)", path.name, re.IGNORECASE)
    if not match or path.is_file():
        return path, None
    file_name, skeleton = match.groups()
    if skeleton.isdecimal() and int(skeleton) == 0:
        raise InputError(f"{path}: skeletons are counted from 1, as {file_name}#1.")
    return path.with_name(file_name), int(skeleton) - 1 if skeleton.isdecimal() else skeleton


def export_endings(export_formats, path):
    """The endings to write: of the formats asked for, or else of the recording itself."""
    endings = [f".{name}" for name in export_formats or []] or [Path(path).suffix.lower()]
    return [_known_ending(ending, "export_formats", "written") for ending in endings]


def _of_the_same_stem(path):
    """Names of the motion files beside `path` that are called so but for their ending, as "one.bvh, one.fbx"."""
    stems = (path.name.partition("#")[0].lower(), path.stem.lower())
    beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return ", ".join(file.name for file in beside if file.suffix.lower() in ENDINGS and file.stem.lower() in stems)


def _known_ending(ending, where, verb, same_stem=""):
    if ending.lower() not in ENDINGS:
        files = f"motion files ending in {ending!r}" if ending else "motion files without an ending"
        advice = f"The folder has {same_stem}: name one" if same_stem else "Convert the recording to one"
        raise InputError(f"{where}: {files} cannot be {verb}; supported: {', '.join(ENDINGS)}. {advice} of these.")
    return ending.lower()
