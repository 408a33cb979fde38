"""What a live client needs of a run: the folder `realtime`, with weights, plain recordings, and the settings to paste.

Everything that describes the models is read off the models, so that it cannot differ from them.
"""

import json
import time
from pathlib import Path

from common.dataset.pairs import SEEN_CM
from common.mocap import plain, without_namespace
from common.model import generate
from common.results import onnx, weights
from common.runtime import console, files

FOLDER = "realtime"
IN_CLIENT = "data/realtime"  # where the user copies the folder to


def save_realtime(folder, nets, duet, script, export_onnx=False):
    """Write <folder>/realtime, whole or not at all: its path. Raises OSError.

    `nets` are a script's models by name, and `duet` the Duet that they were trained on, whose whole takes are written.
    `export_onnx` writes the models as ONNX too.
    """
    pairs, ranges = duet.pairs, duet.ranges
    start, target = time.perf_counter(), Path(folder) / FOLDER
    with files.whole_folder(target) as partial:
        for name, net in nets.items():
            weights.save_state(net.state_dict(), partial / f"{name}_weights")
        recordings = [
            [_save_recording(take, pair_ranges, partial, dancer, number) for dancer, take in enumerate(pair, 1)]
            for number, (pair, pair_ranges) in enumerate(zip(pairs, ranges, strict=True), 1)
        ]
        description = describe(nets, pairs, script, recordings)
        files.write_json(partial / "model.json", description)
        if export_onnx:
            onnx.save_models(nets, partial, description)
        files.write_text(partial / "client_settings.txt", client_settings(nets, pairs, recordings))
    for limit in limits(pairs):
        console.note(f"{FOLDER}: {limit}")
    size = sum(file.stat().st_size for file in target.iterdir())
    console.line(f"for live use: {target} ({size / 1e6:.1f} MB): {time.perf_counter() - start:.1f} s")
    return target


def _save_recording(take, ranges, folder, dancer, pair):
    """The name of the file that a take is written to: dancer1, of further pairs dancer1_2, ..."""
    name = f"dancer{dancer}" if pair == 1 else f"dancer{dancer}_{pair}"
    return plain.save_plain(plain.make_plain(take, ranges), folder / name).name


def limits(pairs):
    """Where a client sees something else than was recorded, and what: sentences."""
    moving = {}
    for take in (take for pair in pairs for take in pair):
        for name, distance in take.skeleton.moving_joints(at_least=SEEN_CM).items():
            moving[name] = max(distance, moving.get(name, 0.0))
    if moving:
        farthest = max(moving, key=moving.get)
        yield (
            f"{len(moving)} joint(s) that move inside their parents stand at their mean place here, as the models have "
            f"learnt them: {', '.join(moving)}; {farthest} moved farthest, by {moving[farthest]:.3g} cm."
        )
    if pairs[0][0].up_axis != "Y":
        yield f"the recording has {pairs[0][0].up_axis} up; a client that takes Y for up shows it lying."


# ---------------------------------------------------------------------------------------------------------------------
# model.json


def describe(nets, pairs, script, recordings=()):
    """Models, bodies and conventions as plain values: what model.json and ONNX files hold."""
    encoder, fps = nets["encoder"], pairs[0][0].fps
    sequence_length = _decoders(nets)[0].sequence_length
    return {
        "script": Path(script).name,
        "fps": float(fps),
        "up_axis": pairs[0][0].up_axis,
        "unit": "centimetre",
        "sequence_length": sequence_length,
        "hop": generate.window_hop(sequence_length),
        "latent_dim": encoder.fc_mu.out_features,
        "models": {name: f"{name}_weights" for name in nets},
        "conversions": _conversions(nets),
        "recordings": list(recordings),
        "dancers": [_describe_dancer(take) for take in pairs[0]],
        "pose": "the local rotations of all joints in the order of the joints, as unit quaternions, end to end",
        "quaternion_order": "w x y z",
        "rotation_order_meaning": "that of the plain recordings; ZXY means R = Rz·Rx·Ry",
        "quaternion_signs": "continuous from frame to frame; in the plain recordings each frame's Euler angles, taken "
        "as a product of half-angle quaternions, give the sign that was learnt; live streams start with that of their "
        "Euler angles, and each later frame takes the sign that is nearer to the frame before",
        "latent_step": {"mu": "tanh(fc_mu)", "std": "abs(tanh(fc_std)) + 1e-5", "z": "mu + std * noise"},
        "blending": "Hann-weighted mean of the windows' quaternions, signs aligned, divided by the sum of the weights",
    }


def _decoders(nets):
    return [net for name, net in nets.items() if name != "encoder"]


def _conversions(nets):
    """Which dancer, 1 or 2, a decoder turns into which."""
    if "decoder" in nets:
        return [{"source": 1, "target": 2, "decoder": "decoder"}]
    return [
        {"source": source, "target": target, "decoder": f"decoder{target}"} for source in (1, 2) for target in (1, 2)
    ]


def _describe_dancer(take):
    skeleton, to_bvh = take.skeleton, plain.is_bvh(take)
    return {
        "joints": list(skeleton.joint_names),
        "plain_joints": plain.plain_names(skeleton, to_bvh),
        "parents": skeleton.parents,
        "offsets": skeleton.mean_offsets.tolist(),
        "rotation_order": plain.plain_order(skeleton, to_bvh),
        "pose_dim": 4 * skeleton.joint_count,
    }


# ---------------------------------------------------------------------------------------------------------------------
# client_settings.txt


def client_settings(nets, pairs, recordings):
    """The lines to paste into a live client: assignments, and what else there is to know as comments."""
    encoder = nets["encoder"]
    rnn = encoder.rnn_layers["encoder_rnn_0"]
    values = {
        "mocap_file_path": IN_CLIENT,
        "mocap_files": [list(names) for names in recordings],
        "mocap_pos_scale": 1.0,
        "mocap_fps": _short(pairs[0][0].fps),
        **_weights_files(nets),
        "seq_length": _decoders(nets)[0].sequence_length,
        "latent_dim": encoder.fc_mu.out_features,
        "ae_rnn_layer_count": rnn.num_layers,
        "ae_rnn_layer_size": rnn.hidden_size,
        "ae_rnn_bidirectional": rnn.bidirectional,
        "ae_dense_layer_sizes": [layer.out_features for layer in encoder.dense_layers.values()],
    }
    lines = [
        "# Settings for a live client: paste them over its own lines of the same names.",
        f"# Copy this folder into the client's folder first, as {IN_CLIENT}.",
        *(f"# {console.printable(sentence)}" for sentence in _advice(nets, pairs)),  # a name may hold a line's end
        *(f"{name} = {_as_python(value)}" for name, value in values.items()),
    ]
    return "\n".join(lines) + "\n"


def _advice(nets, pairs):
    first, second = (take.skeleton for take in pairs[0])
    if "decoder" in nets:
        yield "This model translates dancer 1 into dancer 2: its decoder goes in as decoder 2, decoder 1 stays empty."
        yield "Set the client's deepfake mode to 1."
    if _hierarchy(first) != _hierarchy(second):
        yield "The two dancers have different joints: a client that shows both figures on dancer 1's skeleton cannot"
        yield "show this dancer 2."
    for limit in limits(pairs):
        yield f"Note: {limit}"


def _hierarchy(skeleton):
    return [*map(without_namespace, skeleton.joint_names)], skeleton.parents


def _weights_files(nets):
    files_of = {f"{name}_weights_file": f"{IN_CLIENT}/{name}_weights" for name in nets}
    if "decoder" in nets:
        files_of["decoder1_weights_file"], files_of["decoder2_weights_file"] = "", files_of.pop("decoder_weights_file")
    return files_of


def _as_python(value):
    """A plain value as Python source, texts in double quotes."""
    return repr(value) if isinstance(value, (bool, int, float)) else json.dumps(value, ensure_ascii=False)


def _short(number):
    """A number without the last digits of its arithmetic; a whole one without a point."""
    short = float(f"{number:.7g}")
    return int(short) if short.is_integer() else short
