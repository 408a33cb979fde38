"""What the page gets of the trained decoders, without a browser.

Shapes: Z latent, J joints.
"""

import base64
import json

from common.dataset import Duet
from common.mocap import load_mocap
from common.model import generate
from common.report import contents, latent, model, page
from helpers import live_page
from helpers.project import SCRIPTS, positions, run_here
from helpers.report_page import Page

import numpy as np
import pytest
import torch

SMALL = {"latent_dim": 5, "sequence_length": 8, "layers": 2, "units": 6, "bidirectional": True, "dense": [10, 7]}


@pytest.fixture
def takes(duet):
    return tuple(load_mocap(duet / f"{name}.bvh") for name in ("one", "two"))


@pytest.fixture
def nets(takes):
    return live_page.make_nets(12, [0, 1], **SMALL)


@pytest.fixture
def page_model(takes, nets):
    return model.make(live_page.conversions_of(nets), Duet([takes], [[(0, 100)]], 0.2), 8)


def test_16_bits_keep_more_digits_than_16_bit_floats():
    """Of weights of many sizes in one tensor, as a regression finds them."""
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(1000, 40, generator=random, dtype=torch.float64)
    weights *= torch.logspace(-4, 1, 1000, dtype=torch.float64)[:, None]
    numbers, largest = model.in_16_bits(weights)
    decoded = torch.from_numpy(model.from_16_bits(numbers, largest))
    assert numbers.dtype == np.int16
    assert largest == float(weights.abs().max())
    error, error_of_floats = (
        (approximation - weights).square().mean().sqrt() for approximation in (decoded, weights.half().double())
    )
    assert error < 0.3 * error_of_floats
    assert float(decoded.abs().max()) == largest
    assert not model.from_16_bits(*model.in_16_bits(torch.zeros(3, dtype=torch.float64))).any()


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dense", [[9], [8, 6, 4]])
def test_sizes_count_the_parameters(layers, bidirectional, dense):
    decoder = live_page.make_nets(3, [1], 5, 4, layers, 6, bidirectional, dense)[1]
    of = model.shape(decoder)
    assert of["dense"] == dense[::-1]
    assert model.parameter_count(of) == sum(tensor.numel() for tensor in decoder.parameters())


def test_a_model_is_read_as_it_was_written(page_model, tmp_path):
    model.save(page_model, tmp_path, 7)
    loaded = model.load(tmp_path / "model_7.npz")
    for name in ("shapes", "bodies", "fps", "hop"):
        assert getattr(loaded, name) == getattr(page_model, name)
    np.testing.assert_array_equal(loaded.walk, page_model.walk)
    for read, written in zip(loaded.weights, page_model.weights, strict=True):
        np.testing.assert_array_equal(read, written)
    assert (loaded.fps, loaded.hop) == (50, 4)


WRONG = {
    "a pickle": {"walk": np.array([{}], dtype=object)},
    "no words": {"words": np.array("[]")},
    "too few weights": {"weights1": np.zeros(3, np.int16)},
    "floats for weights": {"weights2": None},
    "another code": {"walk": np.zeros(9, np.float32)},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_damaged_model_is_refused(name, page_model, tmp_path):
    model.save(page_model, tmp_path, 1)
    with np.load(tmp_path / "model_1.npz") as file:
        arrays = dict(file)
    for key, value in WRONG[name].items():
        arrays[key] = arrays[key].astype(np.float32) if value is None else value
    np.savez(tmp_path / "model_1.npz", **arrays)
    with pytest.raises(ValueError, match=r"it is no model|its decoder|allow_pickle"):
        model.load(tmp_path / "model_1.npz")


def test_weights_that_are_too_large_or_not_finite_are_refused(takes, nets, monkeypatch):
    arguments = live_page.conversions_of(nets), Duet([takes], [[(0, 100)]], 0.2), 8
    monkeypatch.setattr(model, "LARGEST", 0.001)
    with pytest.raises(ValueError, match="its decoders take 0 MB"):
        model.make(*arguments)
    monkeypatch.undo()
    with torch.no_grad():
        nets[0].dense_layers["decoder_dense_0"].bias[0] = torch.nan
    with pytest.raises(ValueError, match="weights that are no numbers"):
        model.make(*arguments)


def test_a_page_without_the_model_is_said_once(tiny, duet, monkeypatch, capsys):
    monkeypatch.setattr(model, "LARGEST", 0.001)
    assert run_here("vae_rnn", tiny | {"model_save_interval": 1}, monkeypatch) == 0
    assert capsys.readouterr().out.count("note: the report is written without the model: its decoders take") == 1
    assert Page(duet / "results/report.html").data["model"] is None


def test_codes_of_the_map_lie_where_the_map_has_them(takes, nets, page_model):
    points = latent.make(live_page.conversions_of(nets), Duet([takes], [[(0, 100)]], 0.2), 8)
    packed = model.packed(page_model, points)
    mean, axes = (np.frombuffer(base64.b64decode(packed[name]), "<f4").reshape(5, -1) for name in ("mean", "axes"))
    np.testing.assert_allclose((points.codes - mean[:, 0]) @ axes, points.places, atol=1e-4)
    spread = points.codes.std(axis=0)
    assert sorted(packed["order"]) == list(range(5))
    assert (np.diff(spread[packed["order"]]) <= 0).all()


def test_a_walk_is_as_fast_as_the_recording(takes, nets, page_model):
    clip = Duet([takes], [[(0, 100)]], 0.2).motions(0, 0, 100)[0]
    codes = generate.encode_clip(nets["encoder"], clip, 8)
    np.testing.assert_allclose(page_model.walk, generate.step_size(codes), rtol=1e-5)


def test_a_body_stands_upright(takes, page_model):
    for take, page_body in zip(takes, page_model.bodies, strict=True):
        assert page_body["parents"] == take.skeleton.parents
        np.testing.assert_allclose(page_body["offsets"], take.skeleton.offsets, atol=1e-6)
        np.testing.assert_array_equal(page_body["upright"], np.eye(3))
        assert [name for name, end in zip(page_body["names"], page_body["ends"], strict=True) if end] == [
            *("LeftArm_Nub", "RightArm_Nub", "Head_Nub", "LeftLeg_Nub", "RightLeg_Nub")
        ]
    assert positions(takes[0]).shape[1] == len(page_model.bodies[0]["names"])


# ---------------------------------------------------------------------------------------------------------------------
# in the page


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_run_leaves_its_decoders_in_the_page(name, tiny_runs):
    results = tiny_runs[name]
    report = Page(results / "report.html")
    report.check_policy()
    weights = [text for attributes, text in report.scripts if attributes.get("type") == "text/plain"]
    assert len(weights) == len(report.data["model"]["decoders"]) == (1 if name == "vae_rnn" else 2)
    files = ["decoder"] if name == "vae_rnn" else ["decoder1", "decoder2"]
    for text, sizes, file in zip(weights, report.data["model"]["decoders"], files, strict=True):
        trained = torch.load(results / f"weights/{file}_weights_best", weights_only=True)
        numbers = np.frombuffer(base64.b64decode(text), "<i2")
        assert sizes["dancer"] == (1 if file != "decoder1" else 0)
        for tensor, largest in zip(trained.values(), sizes["largest"], strict=True):
            here, numbers = numbers[: tensor.numel()], numbers[tensor.numel() :]
            expected = tensor.double().numpy().ravel()
            np.testing.assert_allclose(model.from_16_bits(here, largest), expected, atol=6e-5 * largest)
        assert not len(numbers)


def test_without_a_model_the_policy_allows_no_worker(copy_run):
    results = copy_run("vae_rnn")
    config = json.loads((results / "config.json").read_text())
    (results / "config.json").write_text(json.dumps(config | {"report_model": False}))
    assert contents.read(results)["model"] is None
    html = page.html(contents.read(results) | {"motion": None})
    assert "worker-src" not in html
    (results / "config.json").write_text(json.dumps(config | {"report_model": True}))
    html = page.html(contents.read(results) | {"motion": None})
    assert html.count("worker-src blob:;") == 1


def test_a_damaged_model_is_named_and_left_out(copy_run):
    results = copy_run("vae_rnn")
    path = results / "histories/model_2.npz"
    intact = path.read_bytes()
    for damaged in (b"PK\3\4 no", intact[: len(intact) // 2], b""):
        path.write_bytes(damaged)
        shown_contents = contents.read(results)
        assert (shown_contents["model"], len(shown_contents["problems"])) == (None, 1)
        assert shown_contents["latent"]["count"] > 0
        assert "model_2.npz cannot be read" in shown_contents["problems"][0]


def test_a_model_of_another_map_is_left_out(page_model, takes, nets, tmp_path):
    other_nets = live_page.make_nets(12, [0, 1], **SMALL | {"latent_dim": 4})
    live_page.write(tmp_path, takes, other_nets, 8)
    model.save(page_model, tmp_path / "histories", 1)
    shown_contents = contents.read(tmp_path)
    assert shown_contents["model"] is None
    assert "5 numbers, those of the latent map 4" in shown_contents["problems"][0]


def test_the_setting_leaves_the_model_out(tiny, duet, monkeypatch):
    assert run_here("vae_rnn", tiny | {"epochs": 1, "report_model": False}, monkeypatch) == 0
    assert not list((duet / "results/histories").glob("model_*"))
    assert Page(duet / "results/report.html").data["model"] is None
