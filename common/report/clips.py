"""The clips of a run as the stage plays them: joint positions, compact, and what the clips' names say of them.

Shapes: T frames, F frames shown, J joints. Positions are in cm, the up axis is y.
"""

import base64
import dataclasses
import math
from pathlib import Path

from common.mocap import ENDINGS, joint_names, load_mocap, rescale
from common.motion import kinematics
from common.motion.axes import UP_AXES
from common.motion.facing import turn_upright
from common.report import presets
from common.runtime.errors import InputError

import numpy as np

SMOOTHEST = 60  # frames per second that are shown
COARSEST = 24  # and below which they do not go to save room; then a clip is cut
LARGEST = 5_500_000  # bytes of all clips, before base64 makes 4 of every 3
STEPS = 32_767  # of a quantised number, to either side of 0
ONE_FLOOR = 30  # cm; floors that differ less are one floor, and feet below it a fault of the motion
STRETCHES = ("orig", "pred", "rec", "seq")  # how the names of a run's clips begin


def packed(folder, config, run, clips, problems):
    """All clips for the page, {"clips": [...], "skeletons": [...], "presets": [...]}; None where there are none.

    They are `clips` [(name, Mocap), ...] if given, else the motion files of the folder. What cannot be read is added to
    `problems`.
    """
    named = list(clips or []) or _read_all(Path(folder) / "anims", config, run, problems)
    if not named:
        return None
    named = _in_order(_with_one_up_axis(named, config))
    skeletons = {}
    step, longest = _thinning([take for _, take in named])
    found = [_pack(name, take, step, longest, skeletons) for name, take in named]
    _share_floor(found)
    presets.add_titles(found)
    return {
        "clips": found,
        "skeletons": list(skeletons.values()),
        "presets": presets.presets(found),
        "thinned": step,
        "cut": any(take.frame_count > longest for _, take in named),
    }


# ---------------------------------------------------------------------------------------------------------------------
# files


def _read_all(folder, config, run, problems):
    """The clips [(name, Mocap), ...] of a folder, in cm. One that is there as FBX and BVH counts once."""
    files = {}
    for path in sorted(folder.glob("*")):  # FBX says its unit and its axes itself, so it replaces the BVH
        if path.suffix.lower() in ENDINGS and not path.name.startswith("."):
            files.setdefault(path.stem, []).append(path)
    clips = []
    for name, paths in files.items():
        paths.sort(key=lambda path: ENDINGS.index(path.suffix.lower()))
        for path in paths:
            try:
                clips.append((name, _in_centimetres(load_mocap(path), name, config, run)))
                break
            except (InputError, OSError) as error:
                problems.append(f"{path.name} cannot be read: {error}")
    return clips


def _in_centimetres(take, name, config, run):
    """An exported BVH has the unit of its recording, which the run noted, or which its settings name."""
    if take.path.lower().endswith(".fbx"):
        return take
    try:
        scale = float(run["takes"][0][presets.role(name)["dancer"]]["unit_cm"])
    except (TypeError, KeyError, IndexError, ValueError):
        scale = config.get("mocap_pos_scale", 1.0)
        if isinstance(scale, list) and len(scale) == 2:
            scale = scale[presets.role(name)["dancer"]]
    fits = isinstance(scale, (int, float)) and 1e-6 < scale < 1e6
    return rescale(take, float(scale)) if fits else take


def _with_one_up_axis(named, config):
    """All clips of a run have the axes of its recording; a generated pose alone could be taken for lying."""
    axis = config.get("mocap_up_axis")
    if axis not in UP_AXES:
        recorded = [take.up_axis for name, take in named if name.startswith("orig")]
        axes = recorded or [take.up_axis for _, take in named]
        axis = max(sorted(set(axes)), key=axes.count)
    return [(name, dataclasses.replace(take, up_axis=axis)) for name, take in named]


def _in_order(named):
    """Recordings first, then what was made of them, last what a run that went on had made before."""

    def rank(item):
        start = item[0].split("_")[0]
        kind = STRETCHES.index(start) if start in STRETCHES else len(STRETCHES)
        return kind > 0, -presets.epoch(item[0]), kind, item[0]

    return sorted(named, key=rank)


# ---------------------------------------------------------------------------------------------------------------------
# packing


def _thinning(takes):
    """Of how many frames one is shown, and how many frames of a clip at most, so that all fit: (step, frames)."""
    fastest = max(take.fps for take in takes)
    step = max(1, math.ceil(fastest / SMOOTHEST - 1e-3))
    while _size(takes, step) > LARGEST and fastest / (step + 1) >= COARSEST - 1e-3:
        step += 1
    size = _size(takes, step)
    longest = max(take.frame_count for take in takes)
    return step, longest if size <= LARGEST else max(2 * step, math.floor(longest * LARGEST / size))


def _size(takes, step):
    return sum(math.ceil(take.frame_count / step) * (6 * take.skeleton.joint_count + 12) for take in takes)


def _pack(name, take, step, longest, skeletons):
    """A clip for the page: the path of the hips as it is, all joints relative to them in 16 bits."""
    hips = kinematics.hips(take.skeleton)
    positions = turn_upright(kinematics.positions_of(take)[:longest:step], take.up_axis).numpy()  # (F, J, 3)
    path, joints = positions[:, hips], positions - positions[:, hips : hips + 1]
    numbers, scale = quantised(joints)
    return {
        "name": name,
        **presets.role(name),
        "fps": take.fps / step,
        "step": step,
        "frames": len(positions),
        "skeleton": _skeleton_number(take.skeleton, skeletons),
        "floor": float(np.percentile(positions[..., 1].min(axis=1), 5)),
        "path": base64_of(path.astype("<f4")),
        "joints": base64_of(numbers),
        "scale": scale,
        "still": bool(np.ptp(path[:, [0, 2]], axis=0).max() < 1),
    }


def quantised(positions):
    """Positions as whole numbers of 16 bits, and the cm that one of these counts."""
    scale = max(float(np.abs(positions).max()), 1e-6) / STEPS
    return np.round(positions / scale).astype("<i2"), scale


def base64_of(array):
    """An array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _skeleton_number(skeleton, skeletons):
    """The place of a skeleton among those that the page has; the same joints are kept once."""
    key = tuple(skeleton.joint_names), tuple(skeleton.parents)
    if key not in skeletons:
        skeletons[key] = {"number": len(skeletons), **describe(skeleton)}
    return skeletons[key]["number"]


def describe(skeleton):
    """What the stage has to know of a body: {"names", "parents", "sides", "hips", "head", "marks"}."""
    names, parents = skeleton.joint_names, skeleton.parents
    numbers = {"left": 1, "right": 2, None: 0}
    sides = [numbers[side] for side in joint_names.sides(skeleton)]
    heads = [joint for joint, name in enumerate(names) if joint_names.words(name)[-1:] == ["head"]]
    return {
        "names": names,
        "parents": parents,
        "sides": sides,
        "hips": kinematics.hips(skeleton),
        "head": heads[0] if heads else -1,
        "marks": _marks(names, parents, sides, kinematics.hips(skeleton)),
    }


def _marks(names, parents, sides, hips):
    """The joints that leave trails: {"hands": [...], "feet": [...], "hips": [...]}, found by their names."""

    def find(side, *wanted):
        for word in wanted:
            for joint, name in enumerate(names):
                if (
                    sides[joint] == side
                    and word in " ".join(joint_names.words(name))
                    and "nub" not in joint_names.words(name)
                ):
                    return [joint]
        return []

    def end(side, word):
        """The end of the first chain that has the word in it."""
        found = find(side, word)
        while found and found[0] in parents:
            found = [parents.index(found[0])]
        return found

    hands = [find(side, "hand", "wrist") or end(side, "arm") for side in (1, 2)]
    feet = [find(side, "foot", "ankle") or end(side, "leg") for side in (1, 2)]
    return {"hands": [*hands[0], *hands[1]], "feet": [*feet[0], *feet[1]], "hips": [hips]}


def _share_floor(clips):
    """One floor for all clips whose own is about that of the recordings."""
    recorded = [clip["floor"] for clip in clips if clip["kind"] == "recorded"] or [clip["floor"] for clip in clips]
    floor = float(np.median(recorded))
    for clip in clips:
        if abs(clip["floor"] - floor) < ONE_FLOOR:
            clip["floor"] = floor
