"""The models as ONNX, played with onnxruntime."""

import json
import subprocess
import sys

from common.dataset import Duet, load_pairs
from common.dataset.duet import HELD_OUT
from common.mocap import poses_of
from common.model import generate, vae
from common.motion import quaternion
from common.results import onnx as onnx_files
from common.results import realtime
from common.runtime.errors import InputError
from helpers import realtime_client
from helpers.project import PROJECT

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
POSE_DIM, LATENT, LENGTH = 12, 5, 20


def make(layers=2, width=8, both_ways=True, sizes=(10,), pose_dim=POSE_DIM, length=LENGTH):
    torch.manual_seed(1)
    rnn = (layers, width, both_ways, sizes)
    return vae.Encoder(pose_dim, LATENT, *rnn), vae.Decoder(pose_dim, LATENT, length, *rnn)


def sessions(folder, nets, description=None):
    onnx_files.save_models(nets, folder, description or {"sequence_length": LENGTH})
    return {name: onnxruntime.InferenceSession(str(folder / f"{name}.onnx")) for name in nets}


@pytest.mark.parametrize("both_ways", [True, False], ids=["two directions", "one direction"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(10,), (14, 10, 6)], ids=["one dense", "three dense"])
@pytest.mark.parametrize("batch", [1, 7])
@torch.no_grad()
def test_graphs_are_the_models(tmp_path, layers, both_ways, sizes, batch):
    encoder, decoder = make(layers, 8, both_ways, sizes)
    for parameter in [*encoder.parameters(), *decoder.parameters()]:
        parameter.mul_(3)  # so that gates and activations leave their linear part
    players = sessions(tmp_path, {"encoder": encoder, "decoder": decoder})
    poses, z = torch.randn(batch, LENGTH, POSE_DIM), torch.randn(batch, LATENT)
    mu, std = players["encoder"].run(["mu", "std"], {"poses": poses.numpy()})
    for output, expected in zip((mu, std), vae.latent(*encoder(poses)), strict=True):
        np.testing.assert_allclose(output, expected, atol=1e-5)
    (output,) = players["decoder"].run(["poses"], {"z": z.numpy()})
    expected = quaternion.normalise(decoder(z).unflatten(-1, (-1, 4)))
    np.testing.assert_allclose(output, expected.flatten(-2), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(output.reshape(-1, 4), axis=-1), 1, atol=1e-6)


def test_what_other_programs_find_in_the_files(tmp_path):
    encoder, decoder = make()
    description = {"sequence_length": LENGTH, "dancers": [{"joints": ["Hüfte", "a\ud800"]}], "hop": 10}
    played = sessions(tmp_path, {"encoder": encoder, "decoder1": decoder, "decoder2": decoder}, description)
    for name, session in played.items():
        model = onnx.load(tmp_path / f"{name}.onnx")
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert model.ir_version <= 8
        metadata = session.get_modelmeta().custom_metadata_map
        assert {key: json.loads(value) for key, value in metadata.items()} == description
    ends = {name: [(e.name, e.shape) for e in (*s.get_inputs(), *s.get_outputs())] for name, s in played.items()}
    assert ends["encoder"] == [
        ("poses", ["batch", LENGTH, POSE_DIM]),
        ("mu", ["batch", LATENT]),
        ("std", ["batch", LATENT]),
    ]
    assert (
        ends["decoder1"]
        == ends["decoder2"]
        == [
            ("z", ["batch", LATENT]),
            ("poses", ["batch", LENGTH, POSE_DIM]),
        ]
    )


def test_a_zero_quaternion_is_no_trouble(tmp_path):
    encoder, decoder = make()
    torch.nn.init.zeros_(decoder.final_layers["decoder_dense_1"].weight)
    torch.nn.init.zeros_(decoder.final_layers["decoder_dense_1"].bias)
    played = sessions(tmp_path, {"encoder": encoder, "decoder": decoder})
    (poses,) = played["decoder"].run(None, {"z": np.ones((1, LATENT), np.float32)})
    assert (poses == 0).all()


@pytest.fixture(scope="module")
def bundled():
    files = [["duet_dancer1.fbx", "duet_dancer2.fbx"]]
    return Duet(*load_pairs(PROJECT / "data" / "mocap", files, [[[0, 1500]]], 1.0, None, None), 0.2)


@pytest.mark.parametrize("script", ["vae_rnn", "vae_rnn_deepfake"])
def test_a_player_of_numpy_and_onnxruntime_gives_the_prediction(tmp_path, bundled, script):
    """From the plain recording to dancer 2's poses, over the held-out part: window by window, and blended."""
    from helpers import onnx_player

    encoder, decoder = make(pose_dim=92, length=32)
    decoders = (
        {"decoder": decoder}
        if script == "vae_rnn"
        else {"decoder1": make(3, 6, pose_dim=92, length=32)[1], "decoder2": decoder}
    )
    folder = realtime.save_realtime(tmp_path, {"encoder": encoder, **decoders}, bundled, script, export_onnx=True)
    name = "decoder" if script == "vae_rnn" else "decoder2"
    player = onnx_player.Player(folder / "encoder.onnx", folder / f"{name}.onnx")
    metadata = player.encoder.get_modelmeta().custom_metadata_map
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert {key: json.loads(value) for key, value in metadata.items()} == model

    ((clip, _),) = bundled.held_out_motions(32, HELD_OUT)
    conversion = generate.Conversion(0, 1, encoder, decoder, 1)
    recorded = realtime_client.read(folder / "dancer1.fbx").poses[1200:1500]
    poses = poses_of(clip)
    np.testing.assert_allclose(recorded, poses, atol=1e-5)
    starts = generate.window_starts(300, 32)
    windows = generate.convert_windows(conversion, torch.stack([poses[start : start + 32] for start in starts]))
    for start, window in zip(starts, windows.flatten(2).numpy(), strict=True):
        answer = player.answer(recorded[start : start + 32].astype(np.float32))
        np.testing.assert_allclose(answer, window, atol=2e-5)

    count = 32 + 16 * 16  # whole hops, as a stream has them
    live = [answer for pose in recorded[:count] for answer in player.push(pose)]
    live = np.array([*live, *player.rest()]).reshape(count, -1, 4)
    blended = generate.decode(decoder, generate.encode(encoder, poses[:count], 32), count).numpy()
    assert np.abs((live * blended).sum(-1)).min() > 1 - 1e-8
    assert np.abs(live - blended * np.sign((live * blended).sum(-1, keepdims=True))).max() < 5e-5


def test_a_stream_with_jumping_signs_is_made_continuous(tmp_path, bundled):
    from helpers import onnx_player

    encoder, decoder = make(pose_dim=92, length=32)
    folder = realtime.save_realtime(tmp_path, {"encoder": encoder, "decoder": decoder}, bundled, "x", True)
    poses = poses_of(bundled.pairs[0][0])[:80].numpy()
    jumping = np.where(np.arange(80)[:, None] % 7 > 3, -poses, poses)
    players = [onnx_player.Player(folder / "encoder.onnx", folder / "decoder.onnx") for _ in range(2)]
    answers = [
        [answer for pose in stream for answer in player.push(pose)]
        for player, stream in zip(players, (poses, jumping), strict=True)
    ]
    np.testing.assert_array_equal(*answers)


def test_the_player_needs_nothing_of_the_project():
    code = (
        "import helpers.onnx_player, sys; print({'common', 'torch', 'scipy'} & {n.split('.')[0] for n in sys.modules})"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "tests", capture_output=True, encoding="utf-8")
    assert child.stdout.strip() == "set()", child.stderr


def test_a_missing_package_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # as Python has it for what cannot be imported
    onnx_files.check_package(False)
    with pytest.raises(InputError, match=r"export_onnx = True.*pip install onnx"):
        onnx_files.check_package(True)
