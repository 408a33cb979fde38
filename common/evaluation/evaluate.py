"""How good a model is: figures of what it makes of the held-out part, each beside the baselines that it should beat.

Shapes: W windows, L frames of a window, J joints.
"""

import csv
import json
import math
from pathlib import Path

from common.dataset.duet import HELD_OUT, REPORTED, TRAINING
from common.evaluation import clip_metrics, dancer_classifier, metrics, partners, summary
from common.evaluation.baselines import describe_dancer, prediction_errors, recorded_windows
from common.model import generate
from common.motion import kinematics
from common.runtime import files, parallel

import numpy as np
import torch

MEAN_POSE, COPY = "mean pose of dancer", "copy dancer"


class Evaluation:
    """What does not change while a model learns: what is held out, which joints move, and what to compare with.

    Of several processes, process 0 alone measures. No random state is touched.
    """

    def __init__(self, duet, sequence_length, keep_best=False):
        """With `keep_best` the weights are chosen by one half of what is held out, and figures are of the other one."""
        self.held_out = self.reported = ()
        if parallel.rank() > 0:
            return
        self.duet, self.length = duet, sequence_length
        self.dancers = [describe_dancer(duet, dancer) for dancer in (0, 1)]
        self.part = REPORTED if keep_best else HELD_OUT
        self.held_out = recorded_windows(duet, sequence_length, HELD_OUT)  # of every epoch's errors
        self.reported = recorded_windows(duet, sequence_length, self.part)  # of the figures
        self.training = recorded_windows(duet, sequence_length, TRAINING)

    def errors(self, conversions):
        """Mean errors of the moving joints in the held-out windows, in degrees and in cm, over the conversions that
        there is a recording of. nan where nothing is held out."""
        if not len(self.held_out):
            return math.nan, math.nan
        errors = [self._errors(conversion, self.held_out) for conversion in generate.compared(conversions)]
        numbers = [(error.degrees(error.dancer.moving), error.centimetres(error.dancer.moving)) for error in errors]
        return tuple(float(number) for number in np.mean(numbers, axis=0))

    def _errors(self, conversion, windows):
        rotations = generate.convert_windows(conversion, windows.poses(conversion.source))
        return prediction_errors(rotations, windows, conversion.target, self.dancers[conversion.target])

    def measure(self, conversions, epoch):
        """All figures of the models after so many epochs, as plain values for JSON; see `save`. Takes seconds."""
        measures = {
            "epoch": epoch,
            "held_out_seconds": self.duet.held_out_seconds,
            "training_seconds": self.duet.training_seconds,
            "rows": [],
        }
        if len(self.reported):
            recorded = self.duet.held_out_motions(self.length, self.part)
            clips = clip_metrics.convert_clips(recorded, conversions, self.length)
            measures["rows"] = [self._row(conversion, conversions, clips) for conversion in conversions]
            if generate.compared(conversions) != conversions:
                measures["conversion"] = dancer_classifier.figures(
                    self.dancers, self.reported, self.training, conversions, clips
                )
            answers = [(c.source, c.target) for c in generate.compared(conversions) if c.target == 1]
            measures["duet"] = partners.measure(self.dancers, clips, answers[0]) if answers else None
        measures["latent"] = self._latent(conversions)
        measures = {name: value for name, value in measures.items() if value is not None}
        measures |= {"summary": summary.sentences(measures), "advice": summary.advice(measures)}
        return _plain(measures)

    def _row(self, conversion, conversions, clips):
        """The figures of one conversion."""
        source, target = conversion.source, conversion.target
        dancer = self.dancers[target]
        row = {
            "conversion": f"dancer {source + 1} to dancer {target + 1}",
            "source": source + 1,
            "target": target + 1,
            "joints": {"moving": int(dancer.moving.sum()), "all": len(dancer.names)},
            "figures": [],
        }
        is_compared = conversion in generate.compared(conversions)
        if is_compared:
            errors = self._errors(conversion, self.reported)
            row["figures"] = [*_error_figures(errors, self._baselines(source, target), dancer.moving)]
            row["per_joint"] = _per_joint(errors)
            row["training"] = self._training_errors(conversion)
        reference = target if is_compared else source  # whose recording the motion should be like
        return row | {"figures": row["figures"] + self._motion_figures((source, target), reference, clips)}

    def _baselines(self, source, target):
        """Errors of what needs no model, by name."""
        dancer = self.dancers[target]
        motions = {f"{MEAN_POSE} {target + 1}": dancer.mean_pose.expand_as(self.reported.rotations(target))}
        if source != target and self.dancers[source].names == dancer.names:
            motions[f"{COPY} {source + 1}"] = self.reported.rotations(source)
        return {
            name: prediction_errors(rotations, self.reported, target, dancer) for name, rotations in motions.items()
        }

    def _training_errors(self, conversion):
        """The main errors on as many training windows as are held out: far smaller ones are a sign of overfitting."""
        if not len(self.training):
            return None
        count = min(len(self.reported), len(self.training))
        windows = self.training.some(kinematics.evenly_spaced(0, len(self.training), count))
        errors = self._errors(conversion, windows)
        moving = errors.dancer.moving
        return {"degrees": errors.degrees(moving), "centimetres": errors.centimetres(moving)}

    def _motion_figures(self, conversion, reference, clips):
        """Jitter and foot skate of clips that a conversion (source, target) gave, beside those of the dancer, 0 or 1,
        whose recording they should be like."""
        generated, target = [clip.generated[conversion] for clip in clips], self.dancers[conversion[1]]
        takes, dancer = [clip.recorded[reference] for clip in clips], self.dancers[reference]
        jitter = clip_metrics.jitter(generated, target.moving), clip_metrics.jitter(takes, dancer.moving)
        skate = clip_metrics.foot_skate(generated, target.feet), clip_metrics.foot_skate(takes, dancer.feet)
        return [
            metrics.figure("jitter", "cm/s²", jitter[0], recording=jitter[1]),
            metrics.figure("foot skate", "% of frames", skate[0], recording=skate[1]),
        ]

    def _latent(self, conversions):
        """How many dimensions of the latent are in use, over the training windows that the encoder has learnt from."""
        if not len(self.training):
            return None
        encoders = {conversion.source: conversion.encoder for conversion in conversions}
        codes = [generate.encode_windows(net, self.training.poses(dancer)) for dancer, net in encoders.items()]
        codes = torch.cat(codes)
        return {"dimensions": codes.shape[1], "active": metrics.active_dimensions(codes)}


def _error_figures(model, baselines, moving):
    """The errors of a conversion beside those of the baselines."""
    all_joints = torch.ones_like(moving)
    kinds = [
        ("rotation error, moving joints", "°", lambda e: e.degrees(moving)),
        ("rotation error, moving joints, 95th percentile", "°", lambda e: e.degrees_at(95, moving)),
        ("position error, moving joints", "cm", lambda e: e.centimetres(moving)),
        ("position error, moving joints, heading aligned", "cm", lambda e: e.centimetres_aligned(moving)),
    ]
    if not moving.all():
        kinds += [
            ("rotation error, all joints", "°", lambda e: e.degrees(all_joints)),
            ("position error, all joints", "cm", lambda e: e.centimetres(all_joints)),
            ("position error, all joints, heading aligned", "cm", lambda e: e.centimetres_aligned(all_joints)),
        ]
    for name, unit, of in kinds:
        yield metrics.figure(name, unit, of(model), {baseline: of(errors) for baseline, errors in baselines.items()})


def _per_joint(errors):
    """The errors of every joint, by its name; a second joint of the same name has its number with it."""
    degrees = errors.angles.mean(dim=(0, 1))
    centimetres = metrics.position_errors(errors.predicted, errors.expected).mean(dim=(0, 1))
    by_name = {}
    for joint, name in enumerate(errors.dancer.names):
        by_name[f"{name} ({joint})" if name in by_name else name] = {
            "degrees": float(degrees[joint]),
            "centimetres": float(centimetres[joint]),
            "moving": bool(errors.dancer.moving[joint]),
        }
    return by_name


def _plain(value):
    """The same with six digits, and null for what is no number, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def save(measures, folder, epochs):
    """Write metrics_<epochs>.json, all that was measured, and metrics_<epochs>.csv, the figures as a table."""
    stem = Path(folder) / f"metrics_{epochs}"
    files.write_text(f"{stem}.json", json.dumps(measures, indent=1, allow_nan=False) + "\n")
    with (
        files.whole_file(f"{stem}.csv") as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        csv.writer(file).writerows(_table(measures))


def _table(measures):
    """A row per figure, with a column for every baseline that there is."""
    figures = [(row["conversion"], figure) for row in measures["rows"] for figure in row["figures"]]
    figures += [("both directions", figure) for figure in measures.get("conversion", [])]
    figures += [("duet", figure) for figure in measures.get("duet", {}).get("figures", [])]
    names = list(dict.fromkeys(name for _, figure in figures for name in figure["baselines"]))
    yield ["conversion", "figure", "unit", "model", *names, "recording"]
    for conversion, figure in figures:
        baselines = [figure["baselines"].get(name) for name in names]
        yield [conversion, figure["name"], figure["unit"], figure["model"], *baselines, figure["recording"]]
    empty = [None] * (len(names) + 1)
    for row in measures["rows"]:
        for joint, errors in row.get("per_joint", {}).items():
            yield [row["conversion"], f"rotation error of {joint}", "°", errors["degrees"], *empty]
            yield [row["conversion"], f"position error of {joint}", "cm", errors["centimetres"], *empty]
    for name, count in measures.get("latent", {}).items():
        yield ["latent", name, "dimensions", count, *empty]
