"""The pairs of takes that a script names: read, brought to one frame rate and to centimetres, put together, checked."""

import dataclasses
from pathlib import Path

from common.mocap import (
    check_same_fps,
    check_same_joints,
    check_same_rest_pose,
    check_same_up_axis,
    frame_range,
    frames,
    load_mocap,
    resample,
    rescale,
    split_skeleton,
)
from common.motion import kinematics
from common.motion.feet import find_feet
from common.motion.up_axis import find_up_axis
from common.runtime import console
from common.runtime.errors import InputError

HEIGHTS_CM = (100, 230)  # a standing person
SEEN_CM = 0.1  # a joint that moves less inside its parent is taken to be still
PART_OF_A_FRAME = 0.25  # by which two takes may be out of step without a word
SHARED = "mocap_files: the two dancers share one encoder"
ADVICE = ", or use vae_rnn.py, where each dancer has a rest pose of their own"


def load_pairs(
    folder,
    files,
    frame_ranges,
    pos_scale,
    fps,
    up_axis,
    take_name=None,
    fbx_backend="builtin",
    resample_fps=None,
    frame_offsets=None,
    shared_encoder=False,
):
    """Read the two takes of every pair, and check all that must agree before they are used together.

    Returns the pairs [(mocap1, mocap2), ...], in cm and of equal length, and their resolved frame ranges
    [[(start, end), ...], ...]. Prints what was read. fps and up_axis overrule the files unless None, and take_name
    picks one of several takes in FBX files. pos_scale is a number, or one for each dancer. resample_fps is the rate to
    which all takes are brought; frame_offsets has for each pair by how many frames dancer 2's file starts after dancer
    1's, None for what the files say. With shared_encoder both dancers must have the same joints and the same rest pose.
    Frame ranges count the frames of what comes out of this.
    """
    _check_one_for_each_pair("mocap_valid_frame_ranges", frame_ranges, files, "list(s) of ranges", "[[0, -1]]")
    if frame_offsets is not None:
        _check_one_for_each_pair("mocap_frame_offsets", frame_offsets, files, "number(s)", "0")
    if resample_fps is not None:
        console.note(
            f"mocap_resample_fps = {resample_fps:g}: all frame numbers, those of mocap_valid_frame_ranges too, count "
            f"frames at this rate."
        )
    scales = pos_scale if isinstance(pos_scale, list | tuple) else (pos_scale, pos_scale)
    pairs, ranges = [], []
    for index, names in enumerate(files):
        takes = [read_take(Path(folder) / name, take_name, fbx_backend, fps, resample_fps) for name in names]
        takes = _with_up_axes([rescale(take, scale) for take, scale in zip(takes, scales, strict=True)], up_axis)
        for dancer, (take, scale) in enumerate(zip(takes, scales, strict=True), 1):
            describe_take(dancer, take, scale)
        where = f"mocap_files, pair {index}"
        check_same_fps(*takes, where)
        check_same_up_axis(*takes, where)
        takes = _cut_to_shorter(_put_together(takes, index, frame_offsets))
        ranges.append(_resolve_ranges(frame_ranges[index], takes[0].frame_count, index))
        pairs.append(tuple(takes))
        _check_like_the_first(pairs)
        if shared_encoder:
            check_same_joints(*takes, SHARED)
            check_same_rest_pose(*takes, SHARED, ADVICE)
    return pairs, ranges


def _check_one_for_each_pair(constant, values, files, noun, example):
    if len(values) != len(files):
        raise InputError(
            f"{constant} has {len(values)} {noun}, mocap_files has {len(files)} pair(s). Give every pair its own, as "
            f"[{example}, {example}] for two."
        )


def _check_like_the_first(pairs):
    """What is learnt from several pairs must be of one kind."""
    for dancer, (first, take) in enumerate(zip(pairs[0], pairs[-1], strict=True), 1):
        check_same_joints(first, take, f"mocap_files, dancer {dancer}")
    for check in (check_same_fps, check_same_up_axis):
        check(pairs[0][0], pairs[-1][0], "mocap_files, first pair and another")
    for dancer, (first, take) in enumerate(zip(pairs[0], pairs[-1], strict=True), 1):
        check_same_rest_pose(first, take, f"mocap_files, dancer {dancer}")


# ---------------------------------------------------------------------------------------------------------------------
# one take


def read_take(path, take_name, fbx_backend, fps, resample_fps=None):
    """A take at the rate that is asked for: an FBX file's curves are sampled at it, a BVH file has frames only."""
    is_fbx = split_skeleton(path)[0].suffix.lower() == ".fbx"
    rate = resample_fps if is_fbx and resample_fps is not None else fps
    take = load_mocap(path, take=take_name, fbx_backend=fbx_backend, fps=rate)
    if resample_fps is None or is_fbx:
        return take
    resampled = resample(take, resample_fps)
    if resampled is not take:
        console.note(
            f"{path.name}: {take.frame_count} frames at {take.fps:.5g} per second are now {resampled.frame_count} at "
            f"{resample_fps:g}."
        )
    return resampled


def _with_up_axes(takes, up_axis):
    """The takes of a pair with their up axis overruled, or settled: where that of one BVH file is doubtful it has that
    of its partner, or else a note names both candidates."""
    if up_axis is not None:
        return [dataclasses.replace(take, up_axis=up_axis) for take in takes]
    estimates = [None if take.skeleton.channels is None else find_up_axis(take) for take in takes]
    doubts = [estimate is not None and estimate.doubtful for estimate in estimates]
    certain_axes = {take.up_axis for take, is_doubtful in zip(takes, doubts, strict=True) if not is_doubtful}
    with_axes = []
    for take, estimate, is_doubtful in zip(takes, estimates, doubts, strict=True):
        axis = take.up_axis
        if is_doubtful:
            axis = next(iter(certain_axes)) if len(certain_axes) == 1 else axis
            reason = ", as in the partner's file" if len(certain_axes) == 1 else ""
            alternative = estimate.other if axis == estimate.axis else estimate.axis
            console.note(
                f"{Path(take.path).name}: a BVH file does not say which axis is up, and this one is doubtful: "
                f"{estimate.axis} or {estimate.other}. {axis} is taken{reason}; the GIF shows whether that is right. "
                f'If not, set mocap_up_axis, as "{alternative}".'
            )
        with_axes.append(dataclasses.replace(take, up_axis=axis))
    return with_axes


def describe_take(dancer, take, pos_scale):
    """Print a take's joints, length and height, and notes on what is not as a recording of a person would be."""
    skeleton, height, name = take.skeleton, kinematics.body_height(take), Path(take.path).name
    console.line(
        f"dancer {dancer}: {name}: {skeleton.joint_count} joints, {take.frame_count} frames at "
        f"{take.fps:.5g} fps ({take.frame_count / take.fps:.1f} s), body {height:.4g} cm high, {take.up_axis} up"
    )
    if not HEIGHTS_CM[0] <= height <= HEIGHTS_CM[1]:
        advice = f" (for a person of 170 cm: {170 / height * pos_scale:.3g})" if height > 0 else ""
        console.note(
            f"{name}: the body is {height:.4g} cm high, and a person {HEIGHTS_CM[0]} to {HEIGHTS_CM[1]}. Set "
            f"mocap_pos_scale to bring the file to centimetres{advice}."
        )
    if not find_feet(kinematics.sampled_positions(take), skeleton.parents, take.up_axis, height):
        console.note(
            f"{name}: no joint's end is near the floor half of the time, so no feet are found: there is neither foot "
            f"lock nor a figure of foot skate. Is {take.up_axis} up? If not, set mocap_up_axis."
        )
    for joint, distance in skeleton.moving_joints(at_least=SEEN_CM).items():
        console.note(
            f"{name}: {joint} moves by {distance:.3g} cm inside its parent joint; the models learn rotations only and "
            f"see its mean place."
        )


# ---------------------------------------------------------------------------------------------------------------------
# two takes


def _put_together(takes, index, frame_offsets):
    """The takes of a pair from the frame on at which both have begun."""
    by_hand = None if frame_offsets is None else frame_offsets[index]
    offset = _offset_of_files(takes, index) if by_hand is None else by_hand
    if offset == 0:
        return takes
    later, earlier = (1, 0) if offset > 0 else (0, 1)
    names, skipped = [Path(take.path).name for take in takes], abs(offset)
    source = "by the times that the files state" if by_hand is None else "by mocap_frame_offsets"
    finding = (
        f"pair {index}: {source}, {names[later]} starts {skipped} frames ({skipped / takes[0].fps:.5g} s) after "
        f"{names[earlier]}"
    )
    if skipped >= takes[earlier].frame_count:
        finding += f", which has only {takes[earlier].frame_count} frames: no frame is in both."
        if by_hand is not None:
            raise InputError(f"{finding} Give a smaller number.")
        console.note(f"{finding} They are taken to start together; set mocap_frame_offsets if they do not.")
        return takes
    console.note(
        f"{finding}: frame 0 of the pair is frame {skipped} of {names[earlier]}. Set mocap_frame_offsets = [0] to let "
        f"both start together."
    )
    placed = list(takes)
    placed[earlier] = frames(takes[earlier], skipped, takes[earlier].frame_count)
    return placed


def _offset_of_files(takes, index):
    """By how many frames dancer 2's file starts after dancer 1's, 0 where one of them states no time."""
    if any(take.start_seconds is None for take in takes):
        return 0
    late = (takes[1].start_seconds - takes[0].start_seconds) * takes[0].fps
    if abs(late - round(late)) > PART_OF_A_FRAME:
        console.note(
            f"pair {index}: by the times that the files state, the dancers are out of step by "
            f"{abs(late - round(late)):.2f} of a frame, which stays."
        )
    return round(late)


def _cut_to_shorter(takes):
    counts = [take.frame_count for take in takes]
    if counts[0] != counts[1]:
        console.note(f"the takes have {counts[0]} and {counts[1]} frames; using the first {min(counts)}.")
    return [take if take.frame_count == min(counts) else frames(take, 0, min(counts)) for take in takes]


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
