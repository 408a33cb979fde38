"""The latent map: the codes of both dancers' windows, drawn where their two principal components put them.

Shapes: P points (windows), Z latent, F frames, J joints. A point keeps the motion of its window, coarse and in place,
so that the page can play it. An hour of recording takes no more room than a minute.
"""

import dataclasses
import math
import zipfile
from pathlib import Path

from common.dataset.duet import HELD_OUT, TRAINING, windows_at
from common.model import generate
from common.motion import kinematics
from common.motion.facing import turn_upright
from common.report.clips import base64_of, quantised
from common.runtime.files import whole_file

import numpy as np

MOST_POINTS = 400  # of a dancer
MOST_BYTES = 1_000_000  # of a dancer's motion, before base64 makes 4 of every 3
SMOOTHEST = 20  # frames per second of the motion
MOST_FRAMES = 60  # of a window's motion


@dataclasses.dataclass(frozen=True)
class Map:
    """Windows of the dancers as points, and their motion, the hips at the origin."""

    codes: np.ndarray  # (P, Z) float32, latent means
    places: np.ndarray  # (P, 2) float32, principal components
    explained: np.ndarray  # (2,) float32, their shares of the variance
    dancer: np.ndarray  # (P,) int32, 0 or 1
    take: np.ndarray  # (P,) int32, into `takes`
    frame: np.ndarray  # (P,) int32, of the window's first frame in its take
    held_out: np.ndarray  # (P,) bool
    takes: np.ndarray  # file names
    first: np.ndarray  # (P,) int32, of the window's first frame in its dancer's motion
    lengths: np.ndarray  # (4,) int32: frames of a window, of a point's motion, and of dancer 1's and 2's motion
    fps: np.ndarray  # (2,) float32, of the recording and of the motion
    motion1: np.ndarray  # (F, J, 3) int16
    motion2: np.ndarray
    scales: np.ndarray  # (2,) float32, cm that one of these counts
    names1: np.ndarray  # (J,) joint names
    names2: np.ndarray
    parents1: np.ndarray  # (J,) int32
    parents2: np.ndarray


OF_A_POINT = ("dancer", "take", "frame", "held_out", "first")


def make(conversions, duet, sequence_length):
    """The map of what the conversions' encoders see: the windows of every dancer that is the source of one."""
    encoders = {conversion.source: conversion.encoder for conversion in conversions}
    fps = duet.fps
    step = max(1, math.ceil(fps / SMOOTHEST - 1e-3), math.ceil(sequence_length / MOST_FRAMES))
    shown = math.ceil(sequence_length / step)
    parts = [_Dancer(dancer, encoders, duet, sequence_length, step) for dancer in (0, 1)]
    codes = np.concatenate([part.codes for part in parts if len(part.codes)] or [np.zeros((0, 2), "f4")])
    places, explained = principal_components(codes)
    windows = np.array([window for part in parts for window in part.windows], dtype=np.int32).reshape(-1, 4)
    return Map(
        codes=codes,
        places=places,
        explained=explained,
        dancer=np.repeat(np.arange(2, dtype=np.int32), [len(part.windows) for part in parts]),
        take=windows[:, 0],
        frame=windows[:, 1],
        held_out=windows[:, 2] > 0,
        takes=np.array([_plain(name) for pair in range(len(duet.pairs)) for name in duet.names(pair)]),
        first=windows[:, 3],
        lengths=np.array([sequence_length, shown, *(len(part.motion) for part in parts)], dtype=np.int32),
        fps=np.array([fps, fps / step], dtype=np.float32),
        motion1=parts[0].motion,
        motion2=parts[1].motion,
        scales=np.array([part.scale for part in parts], dtype=np.float32),
        **{f"names{k}": np.array([_plain(n) for n in body.joint_names]) for k, body in enumerate(duet.skeletons, 1)},
        **{f"parents{k}": np.array(body.parents, dtype=np.int32) for k, body in enumerate(duet.skeletons, 1)},
    )


def principal_components(codes):
    """Codes (P, Z) on the two axes along which they vary most, (P, 2), and the shares of the variance (2,).

    By the singular value decomposition of the centred codes (Jolliffe, "Principal Component Analysis", 2002, 3.5). An
    axis points to where its largest number is positive, so that the map does not turn over between two saves.
    """
    centred = codes.astype(np.float64) - codes.mean(axis=0) if len(codes) else codes.astype(np.float64)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes, sizes = (np.concatenate((part, np.zeros((2, *part.shape[1:]))))[:2] for part in (axes, sizes))
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    places = centred @ (axes * np.where(largest < 0, -1, 1)).T
    total = max(np.square(centred).sum(), 1e-30)
    return places.astype(np.float32), (sizes**2 / total).astype(np.float32)


class _Dancer:
    """A dancer's windows [(take, frame, held out, first of the motion), ...], their codes and motion."""

    def __init__(self, dancer, encoders, duet, sequence_length, step):
        takes = duet.takes(dancer)
        shown = math.ceil(sequence_length / step)
        joint_bytes = 6 * takes[0].skeleton.joint_count
        most = min(MOST_POINTS, max(2, MOST_BYTES // (shown * joint_bytes))) if dancer in encoders else 0
        grids = _grids(duet, sequence_length, step)  # [(stretch, starts, held out), ...]
        if sum(len(starts) for _, starts, _ in grids) * joint_bytes <= MOST_BYTES:  # windows share their frames
            most = min(MOST_POINTS, most * shown)
        self.windows, motions, codes, length = [], [], [], 0
        for stretch, chosen, held_out in _spread(grids, most):
            take = takes[stretch.pair]
            starts = (chosen - stretch.first + stretch.start).numpy()  # frames of the take
            frames = np.unique((starts[:, None] + step * np.arange(shown)).ravel())
            motions.append(_in_place(take, np.minimum(frames, take.frame_count - 1)))
            places = np.searchsorted(frames, starts) + length
            self.windows += [
                (2 * stretch.pair + dancer, int(start), held_out, int(place))
                for start, place in zip(starts, places, strict=True)
            ]
            windows = windows_at(duet.poses[dancer], chosen, sequence_length)
            codes.append(generate.encode_windows(encoders[dancer], windows).numpy())
            length += len(frames)
        count = takes[0].skeleton.joint_count
        self.codes = np.concatenate(codes) if codes else np.zeros((0, 2), dtype=np.float32)
        self.motion, self.scale = quantised(np.concatenate(motions) if motions else np.zeros((1, count, 3)))


def _grids(duet, sequence_length, step):
    """Where windows may begin, every `step` frames: [(stretch, starts among all frames, held out), ...]."""
    parts = [duet.window_starts(sequence_length, step, part) for part in (TRAINING, HELD_OUT)]
    both = zip(*parts, strict=True)
    return [
        (stretch, starts, held_out) for pair in both for held_out, (stretch, starts) in enumerate(pair) if len(starts)
    ]


def _spread(grids, most):
    """At most so many of the starts, evenly over all, at least one of every stretch while there is room."""
    total = sum(len(starts) for _, starts, _ in grids)
    chosen = []
    for stretch, starts, held_out in grids:
        count = min(len(starts), max(1, most * len(starts) // max(total, 1)))
        picked = starts[np.unique(np.linspace(0, len(starts) - 1, count).round().astype(int))]
        chosen.append((stretch, picked, held_out))
    return chosen[:most]


def _in_place(take, frames):
    """Joint positions of some frames (F, J, 3) with the hips at the origin, y up."""
    skeleton, start = take.skeleton, kinematics.hips(take.skeleton)
    positions = kinematics.joint_positions(take.rot_local[frames], skeleton.mean_offsets, skeleton.parents)
    return turn_upright(positions - positions[:, start : start + 1], take.up_axis).numpy()


def _plain(name):
    """A name that NumPy can keep as text: short, and without an end that is 0, which it would drop."""
    return name.replace("\0", "_")[:200]


# ---------------------------------------------------------------------------------------------------------------------
# files


def save(points, folder, epochs):
    """Write latent_<epochs>.npz into a folder."""
    with whole_file(Path(folder) / f"latent_{epochs}.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, **vars(points))


def load(path):
    """The Map that `save` wrote to a file. Nothing is executed. Raises OSError, or ValueError where it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Map(**file)
    except (TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"it is no latent map ({error})") from None


def packed(points):
    """A Map as the page holds it: plain values, its arrays in base64."""
    bodies = []
    for number, (motion, names, parents) in enumerate(
        ((points.motion1, points.names1, points.parents1), (points.motion2, points.names2, points.parents2))
    ):
        bodies.append(
            {
                "motion": base64_of(motion.astype("<i2")),
                "scale": float(points.scales[number]),
                "names": names.tolist(),
                "parents": parents.tolist(),
            }
        )
    return {
        "count": len(points.places),
        "places": base64_of(points.places.astype("<f4")),
        "explained": points.explained.tolist(),
        **{name: base64_of(getattr(points, name).astype("<i4")) for name in OF_A_POINT},
        "takes": points.takes.tolist(),
        "window": int(points.lengths[0]),
        "shown": int(points.lengths[1]),
        "fps": points.fps.tolist(),
        "bodies": bodies,
    }
