"""The pairs of takes that a script names: read, brought to centimetres, checked, cut to equal length."""

import dataclasses
from pathlib import Path

from common.mocap import check_same_fps, check_same_joints, first_frames, frame_range, load_mocap, rescale
from common.motion import kinematics
from common.runtime import console
from common.runtime.errors import InputError

HEIGHTS_CM = (100, 230)  # a standing person
SEEN_CM = 0.1  # a joint that moves less inside its parent is taken to be still


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
        takes = [overrule(take, pos_scale, fps, up_axis) for take in takes]
        for dancer, take in enumerate(takes, 1):
            describe_take(dancer, take, pos_scale)
        where = f"mocap_files, pair {index}"
        check_same_fps(*takes, where)
        takes = _cut_to_shorter(takes)
        ranges.append(_resolve_ranges(frame_ranges[index], takes[0].frame_count, index))
        if takes[0].up_axis != takes[1].up_axis:
            console.note(
                f"{where}: one dancer has {takes[0].up_axis} up, the other {takes[1].up_axis}; see mocap_up_axis."
            )
        pairs.append(tuple(takes))
        for dancer in (0, 1):
            check_same_joints(pairs[0][dancer], takes[dancer], f"mocap_files, dancer {dancer + 1}")
        check_same_fps(pairs[0][0], takes[0], "mocap_files, first pair and another")
    return pairs, ranges


def overrule(take, pos_scale, fps, up_axis):
    """A take in centimetres, with the frame rate and the up axis that the user gives; None leaves the file's own."""
    take = rescale(take, pos_scale)
    if fps is not None:
        name = Path(take.path).name
        console.note(f"{name}: mocap_fps = {fps:g} overrules the file's {take.fps:.5g} frames per second.")
    return dataclasses.replace(take, fps=float(fps or take.fps), up_axis=up_axis or take.up_axis)


def describe_take(dancer, take, pos_scale):
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
    return [take if take.frame_count == min(counts) else first_frames(take, min(counts)) for take in takes]


def _resolve_ranges(frame_ranges, frame_count, index):
    where = f"mocap_valid_frame_ranges, pair {index}"
    ranges = [frame_range(start, end, frame_count, where) for start, end in frame_ranges]
    for (_, end), (start, _) in zip(sorted(ranges)[:-1], sorted(ranges)[1:], strict=True):
        if start < end:
            raise InputError(
                f"{where}: two ranges share the frames {start} to {end - 1}; training would see what the test "
                f"holds out. Make them end where the next begins."
            )
    return ranges
