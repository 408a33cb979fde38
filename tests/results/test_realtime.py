"""What a run leaves for live use, taken up by a client that knows nothing but the files."""

import dataclasses
import functools
import json
import tempfile
from pathlib import Path

from common.dataset import Duet, Windows, load_pairs
from common.mocap import fbx, first_frames, load_mocap, save_mocap
from common.model import vae
from common.motion import kinematics
from common.results import realtime
from helpers import plain_training, realtime_client
from helpers.fbx_takes import as_if_from_fbx
from helpers.project import BODY, PROJECT, RECORDINGS, write_body
from helpers.resting_root import RESTING

import numpy as np
import pytest
import torch

HELD_OUT_SHARE = 0.2
LATENT, LENGTH = 5, 12
ARCHITECTURES = {"published": (2, 16, True, [24]), "one direction": (1, 32, False, [24, 12])}
SALSA = RECORDINGS / "duets" / "cmu_salsa_60_01.bvh"


def make_nets(script, duet, architecture=ARCHITECTURES["published"]):
    torch.manual_seed(3)
    dims = duet.pose_dims
    decoders = {"decoder": dims[1]} if script == "vae_rnn" else {"decoder1": dims[0], "decoder2": dims[1]}
    nets = {name: vae.Decoder(dim, LATENT, LENGTH, *architecture) for name, dim in decoders.items()}
    return {"encoder": vae.Encoder(dims[0], LATENT, *architecture), **nets}


def load(folder, files, ranges, scale=1.0):
    return Duet(*load_pairs(folder, files, ranges, scale, None, None), HELD_OUT_SHARE)


@functools.cache
def bundled(ending, *ranges):
    """The duet that comes with the project, which is FBX, also as BVH."""
    names, ranges = [f"duet_dancer{dancer}" for dancer in (1, 2)], [[list(frames) for frames in ranges]]
    folder = PROJECT / "data" / "mocap"
    if ending == "fbx":
        return load(folder, [[f"{name}.fbx" for name in names]], ranges)
    with tempfile.TemporaryDirectory() as copies:
        for name in names:
            take = first_frames(load_mocap(folder / f"{name}.fbx"), 1500)
            save_mocap(take, Path(copies) / f"{name}.{ending}")
        return load(copies, [[f"{name}.{ending}" for name in names]], ranges)


def salsa():
    if not SALSA.exists():
        pytest.skip("the real recordings are not here")
    files = [[SALSA.name, SALSA.name.replace("60", "61")]]
    return load(SALSA.parent, files, [[[10, 900], [1000, -1]]], 150.0)


DUETS = {
    "bundled FBX": lambda: bundled("fbx", (0, 500), (700, 1400)),
    "bundled BVH": lambda: bundled("bvh", (100, -1)),
    "salsa": salsa,
}


class Client:
    """Sets itself up from the folder alone, by the settings to paste."""

    def __init__(self, folder):
        self.folder = folder
        self.settings = s = realtime_client.read_settings(folder / "client_settings.txt")
        assert s["mocap_file_path"] == "data/realtime"
        self.takes = [[self._recording(name) for name in names] for names in s["mocap_files"]]
        pose_dim = self.takes[0][0].poses.shape[1]
        rnn = [s["ae_rnn_layer_count"], s["ae_rnn_layer_size"], s["ae_rnn_bidirectional"]]
        sizes = s["ae_dense_layer_sizes"]
        self.encoder = plain_training.PlainEncoder(pose_dim, s["latent_dim"], *rnn, sizes)
        self._load(self.encoder, s["encoder_weights_file"])
        self.decoders = {}
        for number in (1, 2):
            if file := s[f"decoder{number}_weights_file"]:
                decoder = plain_training.PlainDecoder(s["seq_length"], pose_dim, s["latent_dim"], *rnn, sizes[::-1])
                self._load(decoder, file)
                self.decoders[number] = decoder

    def _recording(self, name):
        read = realtime_client.read(self.folder / name)
        assert read.fps == pytest.approx(self.settings["mocap_fps"], rel=1e-5)
        return read

    def _load(self, net, file):
        assert file.startswith("data/realtime/")
        state = torch.load(self.folder / file.removeprefix("data/realtime/"), weights_only=True)
        assert all(value.dtype == torch.float32 for value in state.values())
        net.load_state_dict(state, strict=True)

    @torch.no_grad()
    def answer(self, take, start, number):
        """A window (L, D) decoded from the mean code of the window of a take that starts there."""
        window = torch.from_numpy(take.poses[start : start + self.settings["seq_length"]].astype(np.float32))
        return self.decoders[number](torch.tanh(self.encoder(window[None])[0]))[0].numpy()


@pytest.mark.parametrize(
    ("duet", "script", "architecture"),
    [
        ("bundled FBX", "vae_rnn", "published"),
        ("bundled FBX", "vae_rnn_deepfake", "one direction"),
        ("bundled BVH", "vae_rnn", "one direction"),
        ("bundled BVH", "vae_rnn_deepfake", "published"),
        pytest.param("salsa", "vae_rnn", "published", marks=pytest.mark.slow),
        pytest.param("salsa", "vae_rnn_deepfake", "one direction", marks=pytest.mark.slow),
    ],
)
def test_a_client_does_what_the_models_have_learnt(tmp_path, duet, script, architecture):
    recorded = DUETS[duet]()
    nets = make_nets(script, recorded, ARCHITECTURES[architecture])
    folder = realtime.save_realtime(tmp_path, nets, recorded, f"{script}.py")
    client = Client(folder)
    trained_windows = trained_poses(recorded)
    for number in client.decoders:
        for source in (0, 1) if script == "vae_rnn_deepfake" else (0,):
            for start, end in recorded.ranges[0]:
                frame = (start + end) // 2
                window = trained_windows[source][frame][None]
                with torch.no_grad():
                    name = "decoder" if script == "vae_rnn" else f"decoder{number}"
                    expected = nets[name](vae.latent(*nets["encoder"](window))[0])[0].numpy()
                answer = client.answer(client.takes[0][source], frame, number)
                np.testing.assert_allclose(answer, expected, atol=1e-6)
                assert_same_positions(answer, client.takes[0][0], recorded.pairs[0][0])


def trained_poses(duet):
    """Per dancer {first frame: window (L, D)} of all windows that a training sees."""
    windows = Windows(duet, [], LENGTH, 1, torch.device("cpu"))
    at = np.concatenate([np.arange(start, end) for start, end in duet.ranges[0]])
    numbers = torch.cat((windows.train, windows.test))
    return [dict(zip(at[numbers], windows.gather(dancer, numbers), strict=True)) for dancer in (0, 1)]


def assert_same_positions(answer, read, take):
    """The client's kinematics and ours, both with dancer 1's bones."""
    rotations = answer.astype(float).reshape(len(answer), -1, 4)
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    expected = kinematics.joint_positions(
        torch.from_numpy(rotations), take.skeleton.mean_offsets, take.skeleton.parents
    )
    np.testing.assert_allclose(realtime_client.positions(rotations, read.offsets, read.parents), expected, atol=1e-4)


def test_what_a_translation_asks_of_the_client(tmp_path):
    recorded = bundled("bvh", (0, 300))
    folder = realtime.save_realtime(tmp_path, make_nets("vae_rnn", recorded), recorded, "vae_rnn.py")
    settings = realtime_client.read_settings(folder / "client_settings.txt")
    assert settings == {
        "mocap_file_path": "data/realtime",
        "mocap_files": [["dancer1.bvh", "dancer2.bvh"]],
        "mocap_pos_scale": 1.0,
        "mocap_fps": 50,
        "encoder_weights_file": "data/realtime/encoder_weights",
        "decoder1_weights_file": "",
        "decoder2_weights_file": "data/realtime/decoder_weights",
        "seq_length": LENGTH,
        "latent_dim": LATENT,
        "ae_rnn_layer_count": 2,
        "ae_rnn_layer_size": 16,
        "ae_rnn_bidirectional": True,
        "ae_dense_layer_sizes": [24],
    }
    text = (folder / "client_settings.txt").read_text(encoding="utf-8")
    assert "deepfake mode to 1" in text and "different joints" not in text
    assert sorted(path.name for path in folder.iterdir()) == [
        *("client_settings.txt", "dancer1.bvh", "dancer2.bvh", "decoder_weights", "encoder_weights", "model.json")
    ]


def test_model_json_says_all_that_a_player_needs(duet, tmp_path):
    write_body(duet / "one.bvh", body=BODY.replace("LeftArm", "left arm").replace("Hips", "2 Hips:x"))
    write_body(duet / "two.bvh", body=RESTING)
    recorded = load(duet, [["one.bvh", "two.bvh"]] * 2, [[[0, -1]], [[10, 80]]])
    folder = realtime.save_realtime(tmp_path, make_nets("vae_rnn", recorded), recorded, "/x/vae_rnn.py")
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert model["script"] == "vae_rnn.py"
    assert (model["fps"], model["up_axis"]) == (50.0, "Y")
    assert (model["sequence_length"], model["hop"], model["latent_dim"]) == (LENGTH, 6, LATENT)
    assert model["quaternion_order"] == "w x y z"
    assert model["conversions"] == [{"source": 1, "target": 2, "decoder": "decoder"}]
    assert model["recordings"] == [["dancer1.bvh", "dancer2.bvh"], ["dancer1_2.bvh", "dancer2_2.bvh"]]
    files = zip(*model["recordings"], strict=True)
    for take, dancer, names in zip(recorded.pairs[0], model["dancers"], files, strict=True):
        assert dancer["joints"] == take.skeleton.joint_names
        assert dancer["parents"] == take.skeleton.parents
        assert dancer["pose_dim"] == 4 * take.skeleton.joint_count
        np.testing.assert_allclose(dancer["offsets"], take.skeleton.mean_offsets)
        for name in names:
            assert realtime_client.read(folder / name).names == dancer["plain_joints"]
    assert "left_arm" in model["dancers"][0]["plain_joints"]
    assert model["dancers"][0]["plain_joints"][0] == "joint_2_Hips_x"
    assert "different joints" in (folder / "client_settings.txt").read_text(encoding="utf-8")


def test_differences_to_the_recording_are_noted_for_the_client(duet, tmp_path, capsys):
    recorded = load(duet, [["one.bvh", "two.bvh"]], [[[0, -1]]])
    nets = make_nets("vae_rnn_deepfake", recorded)
    realtime.save_realtime(tmp_path, nets, recorded, "vae_rnn_deepfake.py")
    assert "note" not in capsys.readouterr().out
    first, second = recorded.pairs[0]
    offsets = second.skeleton.offsets.repeat(100, 1, 1)
    offsets[:, 3, 1] += torch.linspace(0, 4, 100)
    moving = dataclasses.replace(second, skeleton=dataclasses.replace(second.skeleton, offsets=offsets))
    lying = Duet([(dataclasses.replace(first, up_axis="Z"), moving)], recorded.ranges, HELD_OUT_SHARE)
    folder = realtime.save_realtime(tmp_path, nets, lying, "vae_rnn_deepfake.py")
    out, text = capsys.readouterr().out, (folder / "client_settings.txt").read_text(encoding="utf-8")
    for output in (out, text):
        assert "LeftArm_Nub" in output and "4 cm" in output and "mean place" in output
        assert "has Z up" in output


def test_joint_names_cannot_end_a_comment(duet, tmp_path):
    """Users paste these lines into a program."""
    recorded = load(duet, [["one.bvh", "two.bvh"]], [[[0, -1]]])
    names = [*recorded.pairs[0][0].skeleton.joint_names]
    names[3] = "a\nlatent_dim = 7\r\u2028seq_length = 1\ud800"
    offsets = recorded.pairs[0][0].skeleton.offsets.repeat(100, 1, 1)
    offsets[:, 3] += torch.linspace(0, 4, 100)[:, None]
    skeleton = dataclasses.replace(recorded.pairs[0][0].skeleton, joint_names=names, offsets=offsets)
    moving = as_if_from_fbx(dataclasses.replace(recorded.pairs[0][0], skeleton=skeleton))
    named = Duet([(moving, moving)], recorded.ranges, HELD_OUT_SHARE)
    folder = realtime.save_realtime(tmp_path, make_nets("vae_rnn", named), named, "x.py")
    lines = (folder / "client_settings.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith(("latent_dim", "seq_length"))] == [
        f"seq_length = {LENGTH}",
        f"latent_dim = {LATENT}",
    ]


def test_the_realtime_folder_is_replaced_whole_or_not_at_all(duet, tmp_path, monkeypatch):
    recorded = load(duet, [["one.bvh", "two.bvh"]], [[[0, -1]]])
    nets = make_nets("vae_rnn", recorded)
    folder = realtime.save_realtime(tmp_path, nets, recorded, "vae_rnn.py")
    (folder / "mine.txt").write_text("of the user, in a folder that is written anew", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device", str(next(tmp_path.glob(".*.part")) / "model.json"))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space") as raised:
        patch.setattr(realtime.files, "write_json", full)
        realtime.save_realtime(tmp_path, nets, recorded, "vae_rnn.py")
    assert raised.value.filename == str(folder / "model.json")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.glob(".*.part")] == []
    realtime.save_realtime(tmp_path, nets, recorded, "vae_rnn.py")
    assert not (folder / "mine.txt").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_dancers_in_two_formats(duet, tmp_path):
    recorded = load(duet, [["one.bvh", "two.bvh"]], [[[0, -1]]])
    fbx.save_fbx(as_if_from_fbx(recorded.pairs[0][0], 2.54), duet / "one.fbx")
    recorded = load(duet, [["one.fbx", "two.bvh"]], [[[0, -1]]])
    folder = realtime.save_realtime(tmp_path, make_nets("vae_rnn", recorded), recorded, "vae_rnn.py")
    assert Client(folder).settings["mocap_files"] == [["dancer1.fbx", "dancer2.bvh"]]
