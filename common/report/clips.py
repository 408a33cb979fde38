"""The clips of a run as the stage plays them: joint positions, compact.

Shapes: T frames, F frames shown, J joints. Positions are in cm, the up axis is y.
"""

import base64
import math
from pathlib import Path

from common.dataset.clip import KINDS, OTHER, RECORDED
from common.mocap import ENDINGS, joint_names, load_mocap
from common.motion import kinematics
from common.motion.facing import turn_upright
from common.report import presets
from common.results.clips import CLIP_NOTES, noted_clip, read_notes
from common.runtime.errors import InputError

import numpy as np

SMOOTHEST = 60  # frames per second that are shown
COARSEST = 24  # and below which they do not go to save room; then a clip is cut
LARGEST = 5_500_000  # bytes of all clips, before base64 makes 4 of every 3
STEPS = 32_767  # of a quantised number, to either side of 0
ONE_FLOOR = 30  # cm; floors that differ less are one floor, and feet below it a fault of the motion
ORDER = (*KINDS, OTHER)


def packed(folder, clips, problems):
    """All clips for the page, {"clips": [...], "skeletons": [...], "presets": [...]}; None where there are none.

    They are the list of Clips `clips`, or else the motion files of the folder. What cannot be read is added to
    `problems`.
    """
    clips = sorted(clips or _read_all(Path(folder), problems), key=_rank)
    if not clips:
        return None
    skeletons, takes = {}, [clip.motion for clip in clips]
    step, longest = _thinning(takes)
    shown = [_pack(clip, step, longest, skeletons) for clip in clips]
    _share_floor(shown)
    for values, title in zip(shown, presets.titles(clips), strict=True):
        values.update(title)
    return {
        "clips": shown,
        "skeletons": list(skeletons.values()),
        "presets": presets.presets(clips, [values["still"] for values in shown]),
        "thinned": step,
        "cut": any(take.frame_count > longest for take in takes),
    }


def _rank(clip):
    """Recordings first, then what was made of them, last what a run that went on had made before."""
    return clip.kind != RECORDED, -clip.epoch, ORDER.index(clip.kind), clip.name


def _read_all(folder, problems):
    """The Clips of a results folder, in cm. One that is there as FBX and BVH counts once."""
    try:
        notes = read_notes(folder / "histories" / CLIP_NOTES)
    except (OSError, ValueError) as error:
        problems.append(f"{CLIP_NOTES} cannot be read: {error}")
        notes = {}
    paths_of = {}
    for path in sorted((folder / "anims").glob("*")):
        if path.suffix.lower() in ENDINGS and not path.name.startswith("."):
            paths_of.setdefault(path.stem, []).append(path)
    clips = []
    for name, paths in paths_of.items():
        paths.sort(key=lambda path: ENDINGS.index(path.suffix.lower()))  # an FBX states its unit, so it goes first
        for path in paths:
            try:
                clips.append(noted_clip(name, load_mocap(path), notes.get(name)))
                break
            except (InputError, OSError) as error:
                problems.append(f"{path.name} cannot be read: {error}")
    return clips


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


def _pack(clip, step, longest, skeletons):
    """A clip for the page: the path of the hips as it is, all joints relative to them in 16 bits."""
    take = clip.motion
    hips = kinematics.hips(take.skeleton)
    positions = turn_upright(kinematics.positions_of(take)[:longest:step], take.up_axis).numpy()  # (F, J, 3)
    path, joints = positions[:, hips], positions - positions[:, hips : hips + 1]
    numbers, scale = quantised(joints)
    return {
        "name": clip.name,
        "kind": clip.kind,
        "source": clip.source,
        "dancer": clip.dancer,
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
        joints = find(side, word)
        while joints and joints[0] in parents:
            joints = [parents.index(joints[0])]
        return joints

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
