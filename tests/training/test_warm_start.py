"""The warm start: the motion basis, and models that give the recording's movements before the first step."""

from common.dataset import Duet, Windows, load_pairs
from common.dataset.augment import Augmentation
from common.evaluation import Evaluation
from common.motion import quaternion
from common.results import weights
from common.runtime.errors import InputError
from common.training import seed_everything, warm_start
from common.training.warm_start import dense_layers, heading_frame, motion_basis, networks, samples
from common.training.warm_start.ridge import LinearMap, RidgeRegression
from helpers import plain_training
from helpers.project import PROJECT, SCRIPTS, load_script

import pytest
import torch

CPU = torch.device("cpu")
MODEL = {"latent_dim": 8, "ae_rnn_layer_size": 48, "ae_dense_layer_sizes": [40], "ae_rnn_layer_count": 2}
MODEL |= {"ae_rnn_bidirectional": True, "sequence_length": 32, "sequence_offset": 8}
QUICK_START = [pytest.param("vae_rnn", marks=pytest.mark.slow), "vae_rnn_deepfake"]
ARCHITECTURES = {
    "as it is": {},
    "one direction": {"ae_rnn_bidirectional": False},
    "one layer": {"ae_rnn_layer_count": 1},
    "three layers": {"ae_rnn_layer_count": 3},
    "two dense layers": {"ae_dense_layer_sizes": [40, 30]},
}


@pytest.fixture(scope="module")
def recording():
    """The last half minute of the bundled duet."""
    files = [[f"duet_dancer{dancer}.fbx" for dancer in (1, 2)]]
    return load_pairs(PROJECT / "data/mocap", files, [[[7500, 9000]]], 1.0, None, None, None, "builtin")


def make(name, recording, changes, turns=True):
    """A script's models, windows and generator."""
    script = load_script(name)
    vars(script).update(MODEL | changes)
    duet = Duet(*recording, 0.2)
    windows = Windows(duet, [0, 1], script.sequence_length, script.sequence_offset, CPU, augment_heading=turns)
    generator = seed_everything(4)
    return script, script.make_models(duet.pose_dims), windows, generator


def begin(name, nets, windows, generator):
    if name == "vae_rnn":
        warm_start.translation(nets, windows, generator)
    else:
        warm_start.deepfake(nets, windows, generator)


@pytest.fixture(scope="module")
def started(recording):
    """A translation after its warm start: script, models, windows; no test may change them."""
    script, nets, windows, generator = make("vae_rnn", recording, {})
    begin("vae_rnn", nets, windows, generator)
    return script, nets, windows


def degrees(one, other):
    """Mean angle between poses (..., D)."""
    one, other = (quaternion.normalise(poses.unflatten(-1, (-1, 4))) for poses in (one, other))
    return float(torch.rad2deg(2 * quaternion.half_angle(one, other)).mean())


# ---------------------------------------------------------------------------------------------------------------------
# the motion basis


@pytest.fixture(scope="module")
def basis_and_poses(recording):
    windows = make("vae_rnn", recording, {})[2]
    poses = windows.gather(0, windows.train)
    return motion_basis.fit([poses], [poses.mean((0, 1))], torch.ones(poses.shape[2]), 8), poses


def test_cosines_and_components_are_orthonormal(basis_and_poses):
    basis, _ = basis_and_poses
    torch.testing.assert_close(basis.cosines @ basis.cosines.T, torch.eye(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        basis.components.T @ basis.components, torch.eye(basis.components.shape[1]), atol=1e-4, rtol=0
    )


def test_windows_and_their_coefficients_are_one_another(basis_and_poses):
    basis, poses = basis_and_poses
    coefficients = basis.coefficients(poses)
    torch.testing.assert_close(basis.coefficients(basis.windows(coefficients)), coefficients, atol=1e-4, rtol=0)
    assert degrees(basis.windows(coefficients), poses) < 0.5  # what 16 cosines leave out is small


def test_a_code_is_the_strongest_of_them(basis_and_poses):
    basis, poses = basis_and_poses
    variances = basis.coefficients(poses).square().mean(0)
    torch.testing.assert_close(variances, basis.variances, rtol=1e-3, atol=1e-6)
    cosine, component = basis.selection.T
    assert sorted(variances.flatten().tolist())[-8:] == pytest.approx(sorted(variances[cosine, component].tolist()))
    codes = basis.codes(poses)
    assert codes.abs().max() <= motion_basis.LARGEST
    assert float(codes.square().mean(0).sqrt().mean()) == pytest.approx(motion_basis.SPREAD, rel=0.1)


def test_no_code_tells_of_an_excluded_direction(basis_and_poses):
    _, poses = basis_and_poses
    excluded = torch.zeros(poses.shape[2])
    excluded[40:48] = torch.randn(8)
    weights = torch.linspace(1, 3, len(excluded))
    basis = motion_basis.fit([poses], [poses.mean((0, 1))], weights, 8, excluded)
    before = basis.coefficients(poses)
    torch.testing.assert_close(basis.coefficients(poses + 0.3 * excluded), before, atol=1e-3, rtol=0)
    swings = torch.sin(torch.linspace(0, 6, poses.shape[1]))[:, None] * excluded
    assert float((basis.coefficients(poses + 0.3 * swings) - before).abs().max()) > 0.1  # what moves along it counts


def test_what_is_drawn_varies_as_the_recording_does(basis_and_poses):
    basis, _ = basis_and_poses
    drawn = basis.draw(2000, torch.Generator().manual_seed(0))
    variances = basis.coefficients(drawn).square().mean(0)
    strong = basis.variances > basis.variances.mean()
    assert float((variances / (basis.variances + motion_basis.RARE * basis.variances.mean()))[strong].mean()) == (
        pytest.approx(1, rel=0.05)
    )


def test_a_regression_in_parts_is_that_of_the_whole():
    inputs, outputs = torch.randn(60, 4), torch.randn(60, 3)
    whole, parts = RidgeRegression(), RidgeRegression()
    whole.add(inputs, outputs)
    for first in range(0, 60, 20):
        parts.add(inputs[first : first + 20], outputs[first : first + 20])
    for of_parts, of_whole in zip(parts.solve(0.1), whole.solve(0.1), strict=True):
        torch.testing.assert_close(of_parts, of_whole, atol=1e-5, rtol=0)
    slope, constant = whole.solve(0.0)
    with_ones = torch.cat((inputs, torch.ones(60, 1)), dim=1)
    expected = torch.linalg.lstsq(with_ones, outputs).solution
    torch.testing.assert_close(torch.cat((slope.T, constant[None])), expected, atol=1e-4, rtol=0)


# ---------------------------------------------------------------------------------------------------------------------
# models


@pytest.mark.parametrize("changes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_an_encoder_gives_the_codes_of_movements(changes, recording):
    _, nets, windows, generator = make("vae_rnn", recording, changes)
    encoder, source = nets["encoder"], samples.sample_movements(windows, 0, generator)
    basis = motion_basis.fit([source], [source.mean((0, 1))], torch.ones(source.shape[2]), 8)
    held_out = windows.gather(0, windows.test)

    def draw_windows(count):  # as the warm start does
        return torch.cat((samples.pick(source, count // 2, generator), basis.draw(count - count // 2, generator)))

    with torch.no_grad():
        body = heading_frame.find_body(source, windows.skeletons[0], basis.weights, is_source=True)
        networks.set_encoder_lstm(encoder, basis, body, draw_windows(100))
        readout = networks.fit_encoder_readout(encoder, lambda part: torch.atanh(basis.codes(part)), draw_windows)
        readout = dense_layers.pass_on(encoder.dense_layers.values(), readout, generator)
        networks.set_encoder_heads(encoder, readout)
        codes, expected = torch.tanh(encoder(held_out)[0]), basis.codes(held_out)
    assert float((codes - expected).square().mean().sqrt()) < 0.25 * float(expected.std())


def test_a_decoder_gives_what_all_windows_have_in_common_over_time(recording):
    _, nets, windows, generator = make("vae_rnn", recording, {})
    decoder, source = nets["decoder"], samples.sample_movements(windows, 0, generator)
    basis = motion_basis.fit([source], [source.mean((0, 1))], torch.ones(source.shape[2]), 8)
    synthesis, shape = basis.decoding(basis.codes, source, generator), basis.variances.shape
    swing = torch.zeros(shape)
    swing[1] = 5 * basis.variances[1].sqrt()  # half a swing of all that moves, in every window
    synthesis = synthesis._replace(bias=synthesis.bias + swing.flatten())
    latent_dim = next(iter(decoder.dense_layers.values())).in_features
    codes = torch.tanh(motion_basis.SPREAD * torch.randn(200, latent_dim, generator=generator))
    expected = basis.windows(synthesis(codes[:, -synthesis.weight.shape[1] :]).unflatten(1, shape))
    with torch.no_grad():
        readout = LinearMap(torch.eye(latent_dim), torch.zeros(latent_dim))
        readout = dense_layers.pass_on(decoder.dense_layers.values(), readout, generator)
        x = networks.run_dense(decoder, codes)
        networks.set_decoder_lstm(decoder, readout, synthesis, shape, x)
        networks.set_decoder_final(decoder, x, expected)
        mean_error = (decoder(codes) - expected).mean(dim=0)
    assert float(mean_error.square().mean().sqrt()) < 0.05 * float(expected.mean(0).std(dim=0).square().mean().sqrt())


@pytest.mark.parametrize("changes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_a_decoder_gives_the_windows_of_codes(changes, recording):
    _, nets, windows, generator = make("vae_rnn", recording, changes)
    decoder, source = nets["decoder"], samples.sample_movements(windows, 0, generator)
    basis = motion_basis.fit([source], [source.mean((0, 1))], torch.ones(source.shape[2]), 8)
    synthesis, shape = basis.decoding(basis.codes, source, generator), basis.variances.shape

    def windows_of(codes):
        return basis.windows(synthesis(codes).unflatten(1, shape))

    codes = basis.codes(windows.gather(0, windows.test))
    with torch.no_grad():
        readout = LinearMap(torch.eye(8), torch.zeros(8))
        readout = dense_layers.pass_on(decoder.dense_layers.values(), readout, generator)
        x = networks.run_dense(decoder, basis.codes(source)[:300])
        networks.set_decoder_lstm(decoder, readout, synthesis, shape, x)
        networks.set_decoder_final(decoder, x, windows_of(readout(x)))
        decoded = decoder(codes)
    expected = windows_of(codes)
    assert degrees(decoded, expected) < 0.15 * degrees(basis.mean.expand_as(decoded), expected)


class GRUEncoder(torch.nn.Module):
    """What a user may try instead of the LSTM."""

    def __init__(self):
        super().__init__()
        self.rnn_layers = torch.nn.ModuleDict({"encoder_rnn_0": torch.nn.GRU(4, 8, batch_first=True)})
        self.dense_layers = torch.nn.ModuleDict({"encoder_dense_0": torch.nn.Linear(8, 8)})
        self.fc_mu = self.fc_std = torch.nn.Linear(8, 8)


def test_the_dense_layers_learn_as_adam_does():
    """The gradients and the steps that are written down, against torch's."""
    draw = torch.Generator().manual_seed(3)
    inputs, outputs = torch.randn(500, 6, generator=draw), torch.randn(500, 4, generator=draw)
    importance = torch.rand(4, generator=draw)
    shapes = (10, 6), (10,), (4, 10), (4,)
    network = [torch.randn(shape, generator=draw) for shape in shapes]
    copies = [parameter.clone().requires_grad_() for parameter in network]
    steps, noise, again = 60, 0.3, torch.Generator().set_state(draw.get_state())
    dense_layers._fit(network, inputs, outputs, importance, noise, draw, steps)

    optimiser = torch.optim.Adam(copies, betas=dense_layers.BETAS, eps=dense_layers.EPSILON)
    for step in range(steps):
        batch = torch.randint(len(inputs), (dense_layers.BATCH,), generator=again)
        x = inputs[batch] + noise * torch.randn(dense_layers.BATCH, 6, generator=again)
        prediction = torch.relu(x @ copies[0].T + copies[1]) @ copies[2].T + copies[3]
        loss = ((prediction - outputs[batch]).square() * importance).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        rising = min(1, (step + 1) / dense_layers.WARM_UP)
        optimiser.param_groups[0]["lr"] = dense_layers.RATE * rising * (1 - step / steps)
        optimiser.step()
    for parameter, expected in zip(network, copies, strict=True):
        torch.testing.assert_close(parameter, expected.detach(), atol=1e-4, rtol=1e-4)


def without_dense_layers(nets):
    nets["encoder"].dense_layers.clear()


def with_two_final_layers(nets):
    nets["decoder"].final_layers["another"] = torch.nn.Linear(2, 2)


def with_a_gru(nets):
    nets["encoder"] = GRUEncoder()


def with_another_head(nets):
    nets["encoder"].fc_std = torch.nn.Identity()


@pytest.mark.parametrize("change", [without_dense_layers, with_two_final_layers, with_a_gru, with_another_head])
def test_other_models_than_the_shipped_ones_are_refused(change, recording):
    _, nets, windows, generator = make("vae_rnn", recording, {})
    change(nets)
    with pytest.raises(InputError, match='Set initial_weights = "noise"'):
        begin("vae_rnn", nets, windows, generator)


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("vae_rnn", True),
        ("vae_rnn_deepfake", True),
        ("vae_rnn_deepfake", False),
        pytest.param("vae_rnn", False, marks=pytest.mark.slow),
    ],
)
def test_models_know_the_movements_before_they_learn(name, turns, recording, started):
    script, nets, windows = started
    if (name, turns) != ("vae_rnn", True):
        script, nets, windows, generator = make(name, recording, {}, turns)
        begin(name, nets, windows, generator)
    evaluator = Evaluation(windows.duet, script.sequence_length)
    rows = evaluator.measure(script.conversions(nets), 0)["rows"]
    for row in rows[: 1 if name == "vae_rnn" else 2]:
        figure = row["figures"][0]
        least = min(figure["baselines"].values())
        assert figure["model"] < (1.0 if name == "vae_rnn" else 0.7) * least


def test_the_code_does_not_tell_who_dances(recording):
    minute = recording[0], [[(6000, 9000)]]
    script, nets, windows, generator = make("vae_rnn_deepfake", minute, {})
    begin("vae_rnn_deepfake", nets, windows, generator)
    evaluator = Evaluation(windows.duet, script.sequence_length)
    figures = {figure["name"]: figure for figure in evaluator.measure(script.conversions(nets), 0)["conversion"]}
    assert figures["latent codes told apart by a linear probe"]["model"] < 75
    for source, target in ((1, 2), (2, 1)):
        taken = figures[f"dancer {source} to dancer {target}: taken for dancer {target}"]
        assert taken["model"] > taken["baselines"][f"recording of dancer {source}"] + 20


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_real_time_tool_loads_the_started_models(name, recording, started, tmp_path):
    script, nets, windows = started
    if name != "vae_rnn":
        script, nets, windows, generator = make(name, recording, {})
        begin(name, nets, windows, generator)
    weights.save_weights(nets, tmp_path, 0)
    dims = [poses.shape[1] for poses in windows.poses]
    rnn = script.ae_rnn_layer_count, script.ae_rnn_layer_size, script.ae_rnn_bidirectional, script.ae_dense_layer_sizes
    plain = plain_training.make_nets(name, dims, script.latent_dim, script.sequence_length, *rnn)
    for key, net in plain.items():
        net.load_state_dict(torch.load(tmp_path / f"{key}_weights_epoch_0", weights_only=True), strict=True)
    poses = windows.gather(0, windows.test[:5])
    decoder = list(plain)[1]
    with torch.no_grad():
        ours, reference = nets["encoder"](poses)[0], plain["encoder"](poses)[0]
        torch.testing.assert_close(ours, reference, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(nets[decoder](ours), plain[decoder](ours), atol=1e-4, rtol=1e-3)


def test_two_starts_are_the_same(recording, started):
    _, nets, windows, generator = make("vae_rnn", recording, {})
    begin("vae_rnn", nets, windows, generator)
    for name, net in nets.items():
        expected = started[1][name].state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in net.state_dict().items())


HARD = {
    "short windows and long codes": {"sequence_length": 2, "latent_dim": 70},
    "tiny layers": {"ae_rnn_layer_size": 1, "ae_dense_layer_sizes": [1, 3], "latent_dim": 5},
    "one number": {"latent_dim": 1},
}


@pytest.mark.parametrize("changes", HARD.values(), ids=HARD)
@pytest.mark.parametrize("name", QUICK_START)
def test_every_size_of_model_starts(name, changes, recording):
    _, nets, windows, generator = make(name, recording, changes)
    begin(name, nets, windows, generator)
    poses = windows.gather(0, windows.test[:3])
    with torch.no_grad():
        for decoder in list(nets.values())[1:]:
            assert decoder(torch.tanh(nets["encoder"](poses)[0])).isfinite().all()


@pytest.mark.parametrize("name", QUICK_START)
def test_dancers_who_stand_still_are_no_trouble(name, recording):
    _, nets, windows, generator = make(name, recording, {}, turns=False)
    for poses in windows.poses:
        poses[:] = poses[:1]
    begin(name, nets, windows, generator)
    with torch.no_grad():
        for dancer, decoder in enumerate(list(nets.values())[1:]):
            prediction = decoder(torch.tanh(nets["encoder"](windows.gather(dancer, windows.test[:3]))[0]))
            recorded = windows.gather(1 if name == "vae_rnn" else dancer, windows.test[:3])
            assert degrees(prediction, recorded) < 1


@pytest.mark.parametrize("name", QUICK_START)
def test_models_turn_with_the_dancers(name, recording):
    minute = recording[0], [[(6000, 9000)]]
    _, nets, windows, generator = make(name, minute, {"ae_rnn_layer_size": 128, "ae_dense_layer_sizes": [128]})
    begin(name, nets, windows, generator)
    target = 1 if name == "vae_rnn" else 0
    decoder = list(nets.values())[1]
    chance = torch.randn(len(windows.test), Augmentation.DRAWS, generator=generator)
    chance[:, 2], chance[:, 3] = 1, -1
    with torch.no_grad():
        here, there = (
            decoder(torch.tanh(nets["encoder"](windows.gather(0, windows.test, draws))[0])) for draws in (None, chance)
        )
    turned = windows.augmentation(target, quaternion.normalise(here.unflatten(-1, (-1, 4))).flatten(2), chance)
    hips = slice(0, 4)
    assert degrees(there[..., hips], here[..., hips]) > 45
    assert degrees(there[..., hips], turned[..., hips]) < 10
    assert degrees(there[..., 4:], turned[..., 4:]) < 1
