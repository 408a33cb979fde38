"""The start that is not noise: what a recording's movements are, and models that know them before they learn."""

from common.dataset import augment, load_pairs, make_windows
from common.evaluation import evaluate
from common.motion import quaternion
from common.results import weights
from common.training.step import seed_everything
from common.training.warm_start import motion_basis
from common.training.warm_start.start import _start_decoder, _start_encoder, deepfake, translation
from helpers import plain_training
from helpers.project import PROJECT, SCRIPTS, load_script

import pytest
import torch

CPU = torch.device("cpu")
MODEL = {"latent_dim": 8, "ae_rnn_layer_size": 48, "ae_dense_layer_sizes": [40], "ae_rnn_layer_count": 2}
MODEL |= {"ae_rnn_bidirectional": True, "sequence_length": 32, "sequence_offset": 8}
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
    pairs, ranges = recording
    windows = make_windows(pairs, ranges, [0, 1], script.sequence_length, script.sequence_offset, 0.2, CPU)
    windows.changes = augment.Augmentation(windows, turns, False)
    generator = seed_everything(4)
    return script, script.make_models([poses.shape[1] for poses in windows.poses]), windows, generator


def begin(name, nets, windows, generator):
    if name == "vae_rnn":
        translation(nets["encoder"], nets["decoder"], windows, generator)
    else:
        deepfake(nets["encoder"], [nets["decoder1"], nets["decoder2"]], windows, generator)


def degrees(one, other):
    """Mean angle between poses (..., D)."""
    one, other = (quaternion.normalise(each.unflatten(-1, (-1, 4))) for each in (one, other))
    return float(torch.rad2deg(2 * quaternion.half_angle(one, other)).mean())


# ---------------------------------------------------------------------------------------------------------------------
# movements


@pytest.fixture(scope="module")
def moves(recording):
    windows = make("vae_rnn", recording, {})[2]
    poses = windows.gather(0, windows.train)
    return motion_basis.find([poses], [poses.mean((0, 1))], torch.ones(poses.shape[2]), 8), poses


def test_cosines_and_components_are_orthonormal(moves):
    moves, _ = moves
    torch.testing.assert_close(moves.cosines @ moves.cosines.T, torch.eye(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        moves.components.T @ moves.components, torch.eye(moves.components.shape[1]), atol=1e-4, rtol=0
    )


def test_windows_and_their_coefficients_are_one_another(moves):
    moves, poses = moves
    coefficients = moves.coefficients(poses)
    torch.testing.assert_close(moves.coefficients(moves.windows(coefficients)), coefficients, atol=1e-4, rtol=0)
    assert degrees(moves.windows(coefficients), poses) < 0.5  # what 16 cosines leave out is small


def test_a_code_is_the_strongest_of_them(moves):
    moves, poses = moves
    variances = moves.coefficients(poses).square().mean(0)
    torch.testing.assert_close(variances, moves.variances, rtol=1e-3, atol=1e-6)
    cosine, component = moves.chosen.T
    assert sorted(variances.flatten().tolist())[-8:] == pytest.approx(sorted(variances[cosine, component].tolist()))
    codes = moves.codes(poses)
    assert codes.abs().max() <= motion_basis.LARGEST
    assert float(codes.square().mean(0).sqrt().mean()) == pytest.approx(motion_basis.SPREAD, rel=0.1)


def test_no_code_tells_what_is_to_stay_apart(moves):
    _, poses = moves
    apart = torch.zeros(poses.shape[2])
    apart[40:48] = torch.randn(8)
    weights = torch.linspace(1, 3, len(apart))
    found = motion_basis.find([poses], [poses.mean((0, 1))], weights, 8, apart)
    before = found.coefficients(poses)
    torch.testing.assert_close(found.coefficients(poses + 0.3 * apart), before, atol=1e-3, rtol=0)
    swings = torch.sin(torch.linspace(0, 6, poses.shape[1]))[:, None] * apart
    assert float((found.coefficients(poses + 0.3 * swings) - before).abs().max()) > 0.1  # what moves that way counts


def test_what_is_drawn_varies_as_the_recording_does(moves):
    moves, _ = moves
    drawn = moves.draw(2000, torch.Generator().manual_seed(0))
    variances = moves.coefficients(drawn).square().mean(0)
    strong = moves.variances > moves.variances.mean()
    assert float((variances / (moves.variances + motion_basis.RARE * moves.variances.mean()))[strong].mean()) == (
        pytest.approx(1, rel=0.05)
    )


def test_joints_count_by_what_hangs_from_them():
    offsets = torch.tensor([[0.0, 0, 0], [0, 50, 0], [0, 50, 0]])
    mean = torch.tensor([1.0, 0, 0, 0]).repeat(3)
    found = motion_basis.joint_weights(mean, offsets, [-1, 0, 1])
    levers = torch.tensor([(50**2 + 100**2) / 3, 50**2 / 3, 1.0]).sqrt()
    torch.testing.assert_close(found, levers.sqrt().repeat_interleave(4))


def test_a_regression_in_parts_is_that_of_the_whole():
    inputs, outputs = torch.randn(60, 4), torch.randn(60, 3)
    whole, parts = motion_basis.Regression(), motion_basis.Regression()
    whole.add(inputs, outputs)
    for first in range(0, 60, 20):
        parts.add(inputs[first : first + 20], outputs[first : first + 20])
    for got, expected in zip(parts.solve(0.1), whole.solve(0.1), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
    slope, constant = whole.solve(0.0)
    with_ones = torch.cat((inputs, torch.ones(60, 1)), dim=1)
    expected = torch.linalg.lstsq(with_ones, outputs).solution
    torch.testing.assert_close(torch.cat((slope.T, constant[None])), expected, atol=1e-4, rtol=0)


# ---------------------------------------------------------------------------------------------------------------------
# models


@pytest.mark.parametrize("changes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_an_encoder_gives_the_codes_of_the_movements(changes, recording):
    _, nets, windows, generator = make("vae_rnn", recording, changes)
    seen = motion_basis.sample(windows, generator)[0]
    moves = motion_basis.find([seen], [seen.mean((0, 1))], torch.ones(seen.shape[2]), 8)
    _start_encoder(nets["encoder"], moves, lambda part: torch.atanh(moves.codes(part)), seen, generator)
    held_out = windows.gather(0, windows.test)
    with torch.no_grad():
        found, expected = torch.tanh(nets["encoder"](held_out)[0]), moves.codes(held_out)
    assert float((found - expected).square().mean().sqrt()) < 0.25 * float(expected.std())


@pytest.mark.parametrize("changes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_a_decoder_gives_the_windows_of_codes(changes, recording):
    _, nets, windows, generator = make("vae_rnn", recording, changes)
    seen = motion_basis.sample(windows, generator)[0]
    moves = motion_basis.find([seen], [seen.mean((0, 1))], torch.ones(seen.shape[2]), 8)
    way = slope, constant = motion_basis.own_way(moves.codes, moves, seen, generator)
    _start_decoder(nets["decoder"], moves, way, moves.codes(seen)[:300], generator)
    codes = moves.codes(windows.gather(0, windows.test))
    expected = moves.windows((codes @ slope.T + constant).unflatten(1, moves.variances.shape))
    with torch.no_grad():
        found = nets["decoder"](codes)
    mean = moves.mean.expand_as(found)
    assert degrees(found, expected) < 0.15 * degrees(mean, expected)


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("name", SCRIPTS)
def test_models_know_the_movements_before_they_learn(name, turns, recording):
    script, nets, windows, generator = make(name, recording, {}, turns)
    begin(name, nets, windows, generator)
    judge = evaluate.Evaluation(*recording, 0.2, script.sequence_length)
    rows = judge.measure(script.conversions(nets), 0)["rows"]
    for row in rows[: 1 if name == "vae_rnn" else 2]:
        figure = row["figures"][0]
        least = min(figure["baselines"].values())
        assert figure["model"] < (1.0 if name == "vae_rnn" else 0.7) * least


def test_the_code_does_not_tell_who_dances(recording):
    minute = recording[0], [[(6000, 9000)]]
    script, nets, windows, generator = make("vae_rnn_deepfake", minute, {})
    begin("vae_rnn_deepfake", nets, windows, generator)
    judge = evaluate.Evaluation(*minute, 0.2, script.sequence_length)
    figures = {figure["name"]: figure for figure in judge.measure(script.conversions(nets), 0)["conversion"]}
    assert figures["latent codes told apart by a linear probe"]["model"] < 75
    for source, target in ((1, 2), (2, 1)):
        taken = figures[f"dancer {source} to dancer {target}: taken for dancer {target}"]
        assert taken["model"] > taken["baselines"][f"recording of dancer {source}"] + 20


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_real_time_tool_loads_the_started_models(name, recording, tmp_path):
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
        mine, theirs = nets["encoder"](poses)[0], plain["encoder"](poses)[0]
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(nets[decoder](mine), plain[decoder](mine), atol=1e-4, rtol=1e-3)


def test_two_starts_are_the_same(recording):
    states = []
    for _ in range(2):
        _, nets, windows, generator = make("vae_rnn", recording, {})
        begin("vae_rnn", nets, windows, generator)
        states.append([p for net in nets.values() for p in net.state_dict().values()])
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))


HARD = {
    "short windows and long codes": {"sequence_length": 2, "latent_dim": 70},
    "tiny layers": {"ae_rnn_layer_size": 1, "ae_dense_layer_sizes": [1, 3], "latent_dim": 5},
    "one number": {"latent_dim": 1},
}


@pytest.mark.parametrize("changes", HARD.values(), ids=HARD)
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_size_of_model_starts(name, changes, recording):
    _, nets, windows, generator = make(name, recording, changes)
    begin(name, nets, windows, generator)
    poses = windows.gather(0, windows.test[:3])
    with torch.no_grad():
        for decoder in list(nets.values())[1:]:
            assert decoder(torch.tanh(nets["encoder"](poses)[0])).isfinite().all()


@pytest.mark.parametrize("name", SCRIPTS)
def test_dancers_who_stand_still_are_no_trouble(name, recording):
    _, nets, windows, generator = make(name, recording, {}, turns=False)
    for poses in windows.poses:
        poses[:] = poses[:1]
    begin(name, nets, windows, generator)
    with torch.no_grad():
        for dancer, decoder in enumerate(list(nets.values())[1:]):
            found = decoder(torch.tanh(nets["encoder"](windows.gather(dancer, windows.test[:3]))[0]))
            asked = windows.gather(1 if name == "vae_rnn" else dancer, windows.test[:3])
            assert degrees(found, asked) < 1


def test_a_translation_turns_with_the_duet(recording):
    minute = recording[0], [[(6000, 9000)]]
    _, nets, windows, generator = make("vae_rnn", minute, {"ae_rnn_layer_size": 128, "ae_dense_layer_sizes": [128]})
    begin("vae_rnn", nets, windows, generator)
    chance = torch.randn(len(windows.test), augment.DRAWS, generator=generator)
    chance[:, 2], chance[:, 3] = 1, -1
    with torch.no_grad():
        here, there = (
            nets["decoder"](torch.tanh(nets["encoder"](windows.gather(0, windows.test, each))[0]))
            for each in (None, chance)
        )
    turned = windows.changes(1, quaternion.normalise(here.unflatten(-1, (-1, 4))).flatten(2), chance)
    hips = slice(0, 4)
    assert degrees(there[..., hips], here[..., hips]) > 45
    assert degrees(there[..., hips], turned[..., hips]) < 10
    assert degrees(there[..., 4:], turned[..., 4:]) < 1
