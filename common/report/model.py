"""The trained decoders as the page plays them: weights in 16 bits, the bodies that they move, and how a latent code
walks.

A weight is kept as the cube root of its share of the largest in its tensor, as a whole number of 16 bits. So small
weights keep more digits than large ones, as in a floating-point number, and all keep more than 16-bit floats (IEEE 754
binary16) have: weights that a regression found, large and small in one tensor, turn joints by 0.03° instead of 0.13°.

Shapes: N parameters of a decoder, Z latent, P points of the latent map, J joints. Offsets are in cm.
"""

import dataclasses
import itertools
import json
import zipfile
from pathlib import Path

from common.model import generate
from common.motion.facing import turn_upright
from common.report.clips import STEPS, base64_of, describe
from common.runtime.files import whole_file

import numpy as np
import torch

WALKED = 64  # windows of the recording that tell how far a code goes from one to the next
LARGEST = 30  # MB of all decoders, before base64 makes 4 of every 3: more is too much for a page
LARGEST_FILE = 60_000_000  # bytes, unpacked
# of a decoder, and of a body
SHAPE = ("dancer", "latent", "dense", "units", "layers", "bidirectional", "pose", "frames", "largest")
BODY = ("names", "parents", "sides", "hips", "head", "marks", "offsets", "orders", "ends", "upright")


@dataclasses.dataclass(frozen=True)
class Model:
    """The decoders of a run, one for each dancer that can be generated."""

    shapes: list  # per decoder the values of SHAPE
    weights: list  # per decoder (N,) int16, in the order of its state_dict
    bodies: list  # of dancer 1 and 2, the values of BODY
    walk: np.ndarray  # (Z,) float32: root mean square steps of the recording's codes, `hop` frames apart
    fps: float
    hop: int


def make(conversions, duet, sequence_length):
    """The Model of what the conversions decode with. Raises ValueError where no page can hold it."""
    decoders = {conversion.target: conversion.decoder for conversion in conversions}
    tensors = [[tensor.detach().cpu().double() for tensor in net.state_dict().values()] for net in decoders.values()]
    megabytes = 2e-6 * sum(tensor.numel() for tensor in itertools.chain(*tensors))
    if megabytes > LARGEST:
        raise ValueError(f"its decoders take {megabytes:.0f} MB, more than the {LARGEST} MB that a page can hold")
    if not all(tensor.isfinite().all() for tensor in itertools.chain(*tensors)):
        raise ValueError("it has weights that are no numbers")
    coded = [[in_16_bits(tensor) for tensor in decoder_tensors] for decoder_tensors in tensors]
    return Model(
        shapes=[
            {"dancer": dancer, **shape(decoder), "largest": [largest for _, largest in parameters]}
            for (dancer, decoder), parameters in zip(decoders.items(), coded, strict=True)
        ],
        weights=[np.concatenate([numbers.ravel() for numbers, _ in parameters]) for parameters in coded],
        bodies=[body(take) for take in duet.pairs[0]],
        walk=walk_step(conversions[0], duet, sequence_length),
        fps=float(duet.fps),
        hop=generate.window_hop(sequence_length),
    )


def in_16_bits(tensor):
    """A tensor as whole numbers of 16 bits, and its largest size: weight = largest · (number / STEPS)³."""
    largest = max(float(tensor.abs().max()), 1e-30)
    return np.round(np.cbrt(tensor.numpy() / largest) * STEPS).astype(np.int16), largest


def from_16_bits(numbers, largest):
    """The weights that are meant by `in_16_bits`, float64."""
    return largest * (numbers.astype(np.float64) / STEPS) ** 3


def shape(decoder):
    """The sizes of a decoder, by which its parameters are told apart."""
    rnn, dense = decoder.rnn_layers["decoder_rnn_0"], list(decoder.dense_layers.values())
    (final,) = decoder.final_layers.values()
    return {
        "latent": dense[0].in_features if dense else rnn.input_size,
        "dense": [layer.out_features for layer in dense],
        "units": rnn.hidden_size,
        "layers": rnn.num_layers,
        "bidirectional": rnn.bidirectional,
        "pose": final.out_features,
        "frames": decoder.sequence_length,
    }


def parameter_count(shape):
    """How many parameters a decoder of that shape has."""
    sizes, units = [shape["latent"], *shape["dense"]], shape["units"]
    count = sum(inputs * outputs + outputs for inputs, outputs in itertools.pairwise(sizes))
    directions, inputs = 1 + shape["bidirectional"], sizes[-1]
    for _ in range(shape["layers"]):
        count += directions * 4 * units * (inputs + units + 2)
        inputs = directions * units
    return count + inputs * shape["pose"] + shape["pose"]


def body(take):
    """What the page has to know to move a body and to write its BVH. `upright` (3, 3) turns positions, as rows, so that
    y is up."""
    skeleton = take.skeleton
    ends = skeleton.is_end_site or [False] * skeleton.joint_count
    return {
        **describe(skeleton),
        "offsets": skeleton.mean_offsets.round(decimals=6).tolist(),
        "orders": list(skeleton.rot_orders),
        "ends": ends,
        "upright": turn_upright(torch.eye(3, dtype=torch.float64), take.up_axis).tolist(),
    }


def walk_step(conversion, duet, sequence_length):
    """How far the codes of the source dancer go from window to window, (Z,), on the first frame range."""
    start, end = duet.ranges[0][0]
    last = min(end, start + WALKED * generate.window_hop(sequence_length) + sequence_length)
    clip = duet.motions(0, start, last)[conversion.source]
    codes = generate.encode_clip(conversion.encoder, clip, sequence_length)
    return generate.step_size(codes).cpu().numpy().astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# files


def save(model, folder, epochs):
    """Write model_<epochs>.npz into a folder."""
    words = {"shapes": model.shapes, "bodies": model.bodies, "fps": model.fps, "hop": model.hop}
    arrays = {f"weights{number}": numbers for number, numbers in enumerate(model.weights, 1)}
    with whole_file(Path(folder) / f"model_{epochs}.npz") as partial, partial.open("wb") as file:
        np.savez(file, words=np.array(json.dumps(words)), walk=model.walk, **arrays)


def load(path):
    """The Model in a file. Nothing in it is executed. Raises OSError, or ValueError where `save` did not write it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > LARGEST_FILE:
                raise ValueError("it is too large")
        with np.load(path, allow_pickle=False) as file:
            words = json.loads(str(file["words"]))
            weights = [file[f"weights{number}"] for number in range(1, len(words["shapes"]) + 1)]
            model = Model(walk=file["walk"], weights=weights, **words)
        _check(model)
    except (KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"it is no model ({error})") from None
    return model


def _check(model):
    if len(model.bodies) != 2 or not model.shapes or not model.fps > 0 or not model.hop >= 1:
        raise ValueError("it is no model of two dancers")
    for sizes, numbers in zip(model.shapes, model.weights, strict=True):
        joints = len(model.bodies[sizes["dancer"]]["parents"])
        fits = numbers.dtype == np.int16 and numbers.shape == (parameter_count(sizes),) and sizes["pose"] == 4 * joints
        fits = fits and all(isinstance(largest, float) and 0 < largest < np.inf for largest in sizes["largest"])
        if not fits or model.walk.shape != (sizes["latent"],):
            raise ValueError(f"its decoder of dancer {sizes['dancer'] + 1} has other sizes than it says")


# ---------------------------------------------------------------------------------------------------------------------
# the page


def packed(model, latent_map):
    """A Model as the page holds it, beside the latent map whose codes it decodes: plain values, arrays in base64.

    `axes` (Z, 2) and `mean` (Z,) put a code on the map, `order` (Z,) has the numbers of a code by their variance.
    """
    codes = latent_map.codes.astype(np.float64)
    if not len(codes) or codes.shape[1] != len(model.walk):
        raise ValueError(f"its codes have {len(model.walk)} numbers, those of the latent map {codes.shape[1]}")
    mean = codes.mean(axis=0)
    axes = np.linalg.lstsq(codes - mean, latent_map.places.astype(np.float64), rcond=None)[0]
    return {
        "decoders": [{name: shape[name] for name in SHAPE} for shape in model.shapes],
        "bodies": [{name: body[name] for name in BODY} for body in model.bodies],
        "weights": [base64_of(numbers.astype("<i2")) for numbers in model.weights],
        "walk": base64_of(model.walk.astype("<f4")),
        "codes": base64_of(latent_map.codes.astype("<f4")),
        "mean": base64_of(mean.astype("<f4")),
        "axes": base64_of(axes.astype("<f4")),
        "order": np.argsort(-codes.var(axis=0), kind="stable").tolist(),
        "fps": model.fps,
        "hop": model.hop,
    }
