"""Motion files by their ending: `load_mocap`, `save_mocap`, and the pairs of takes that a script names."""

import dataclasses
import re
from pathlib import Path

from common import bvh, console, fbx, kinematics, mocap
from common.errors import InputError

ENDINGS = (".fbx", ".bvh")
HEIGHTS_CM = (100, 230)  # a standing person
SEEN_CM = 0.1  # a joint that moves less inside its parent is taken to be still


def load_mocap(path, skeleton=None, take=None, fbx_backend="builtin"):
    """Read a motion file as a Mocap.

    `skeleton` picks one of several in the file, by number from 0 or by name; so does a path that ends in "#2" (the
    second) or "#name". `take` names one of several takes of an FBX file. Raises FileNotFoundError or InputError, both
    saying what to change.
    """
    path, picked = split_skeleton(path)
    skeleton = picked if skeleton is None else skeleton
    ending = _known_ending(path.suffix, path, "read")
    if not path.is_file():
        raise FileNotFoundError(2, "no such file; check mocap_file_path and mocap_files", str(path))
    if ending == ".bvh":
        return bvh.load_bvh(path, skeleton)
    return _backend(fbx_backend).load_fbx(path, skeleton, take)


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
    from common.fbx import sdk

    return sdk


def split_skeleton(path):
    """A path and the skeleton that its end picks: "duet.fbx#2" -> (duet.fbx, 1), "duet.fbx#Anna" -> (duet.fbx, "Anna").

    A file whose own name holds a "#" is taken as it is.
    """
    path = Path(path)
    picked = re.fullmatch(r"(.*?(?:\.fbx|\.bvh))#(.+)", path.name, re.IGNORECASE)
    if not picked or path.is_file():
        return path, None
    stem, which = picked.groups()
    if which.isdecimal() and int(which) == 0:
        raise InputError(f"{path}: skeletons are counted from 1, as {stem}#1.")
    return path.with_name(stem), int(which) - 1 if which.isdecimal() else which


def export_endings(export_formats, path):
    """The endings to write: of the formats asked for, or else of the recording itself."""
    endings = [f".{name}" for name in export_formats or []] or [Path(path).suffix.lower()]
    return [_known_ending(ending, "export_formats", "written") for ending in endings]


def _known_ending(ending, where, verb):
    if ending.lower() not in ENDINGS:
        raise InputError(
            f"{where}: motion files ending in {ending!r} cannot be {verb}; "
            f"supported: {', '.join(ENDINGS)}. Convert the recording to one of these."
        )
    return ending.lower()


# ---------------------------------------------------------------------------------------------------------------------
# pairs


def load_pairs(folder, files, frame_ranges, pos_scale, fps, up_axis, take_name=None, fbx_backend="builtin"):
    """Read the two takes of every pair, and check all that must agree before they are used together.

    Returns the pairs [(mocap1, mocap2), ...], in cm and of equal length, and their resolved frame ranges
    [[(start, end), ...], ...]. Prints what was read. fps and up_axis overrule the files unless None, and take_name
    picks one of several takes in FBX files.
    """
    if len(frame_ranges) != len(files):
        raise InputError(
            f"mocap_valid_frame_ranges has {len(frame_ranges)} list(s) of ranges, mocap_files has "
            f"{len(files)} pair(s). Give every pair its own list, as [[[0, -1]], [[0, -1]]]."
        )
    pairs, ranges = [], []
    for index, names in enumerate(files):
        takes = [load_mocap(Path(folder) / name, take=take_name, fbx_backend=fbx_backend) for name in names]
        takes = [_overrule(take, pos_scale, fps, up_axis) for take in takes]
        for dancer, take in enumerate(takes, 1):
            _describe(dancer, take, pos_scale)
        where = f"mocap_files, pair {index}"
        mocap.check_same_fps(*takes, where)
        takes = _cut_to_shorter(takes)
        ranges.append(_resolve_ranges(frame_ranges[index], takes[0].frame_count, index))
        if takes[0].up_axis != takes[1].up_axis:
            console.note(
                f"{where}: one dancer has {takes[0].up_axis} up, the other {takes[1].up_axis}; see mocap_up_axis."
            )
        pairs.append(tuple(takes))
        for dancer in (0, 1):
            mocap.check_same_joints(pairs[0][dancer], takes[dancer], f"mocap_files, dancer {dancer + 1}")
        mocap.check_same_fps(pairs[0][0], takes[0], "mocap_files, first pair and another")
    return pairs, ranges


def _overrule(take, pos_scale, fps, up_axis):
    take = mocap.rescale(take, pos_scale)
    if fps is not None:
        name = Path(take.path).name
        console.note(f"{name}: mocap_fps = {fps:g} overrules the file's {take.fps:.5g} frames per second.")
    return dataclasses.replace(take, fps=float(fps or take.fps), up_axis=up_axis or take.up_axis)


def _describe(dancer, take, pos_scale):
    skeleton, height = take.skeleton, kinematics.body_height(take.skeleton)
    console.line(
        f"dancer {dancer}: {Path(take.path).name}: {skeleton.joint_count} joints, {take.frame_count} frames at "
        f"{take.fps:.5g} fps ({take.frame_count / take.fps:.1f} s), rest pose {height:.4g} cm, {take.up_axis} up"
    )
    if not HEIGHTS_CM[0] <= height <= HEIGHTS_CM[1]:
        advice = f" (for a person of 170 cm: {170 / height * pos_scale:.3g})" if height > 0 else ""
        console.note(
            f"{Path(take.path).name}: the rest pose is {height:.4g} cm high, and a person {HEIGHTS_CM[0]} to "
            f"{HEIGHTS_CM[1]}. Set mocap_pos_scale to bring the file to centimetres{advice}."
        )
    for name, distance in skeleton.moving_joints(at_least=SEEN_CM).items():
        console.note(
            f"{Path(take.path).name}: {name} moves by {distance:.3g} cm inside its parent joint; the models learn "
            f"rotations only and see its mean place."
        )


def _cut_to_shorter(takes):
    counts = [take.frame_count for take in takes]
    if counts[0] != counts[1]:
        console.note(f"the takes have {counts[0]} and {counts[1]} frames; using the first {min(counts)}.")
    return [take if take.frame_count == min(counts) else mocap.first_frames(take, min(counts)) for take in takes]


def _resolve_ranges(frame_ranges, frame_count, index):
    where = f"mocap_valid_frame_ranges, pair {index}"
    ranges = [mocap.frame_range(start, end, frame_count, where) for start, end in frame_ranges]
    for (_, end), (start, _) in zip(sorted(ranges)[:-1], sorted(ranges)[1:], strict=True):
        if start < end:
            raise InputError(
                f"{where}: two ranges share the frames {start} to {end - 1}; training would see what the test "
                f"holds out. Make them end where the next begins."
            )
    return ranges
