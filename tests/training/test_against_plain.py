"""The training as it is done against the same in its plainest form."""

import itertools
import types

from common.dataset import Duet, Windows
from common.mocap import load_mocap
from common.runtime import devices, interrupt
from common.training import Loop, make_optimiser, optimiser, seed_everything
from common.training.schedule import learning_rate
from helpers import plain_training
from helpers.project import BODY, PROJECT, SCRIPTS, load_script, write_body

import numpy as np
import pytest
import torch

SMALL = {
    "ae_quat_loss_scale": 1.0,  # as the plain training has it
    "latent_dim": 5,
    "sequence_length": 12,
    "ae_rnn_layer_size": 16,
    "ae_dense_layer_sizes": [24],
    "batch_size": 8,
}
ARCHITECTURES = {
    "plain": {},
    "one layer": {"ae_rnn_layer_count": 1},
    "three layers": {"ae_rnn_layer_count": 3},
    "one direction": {"ae_rnn_bidirectional": False},
    "dense sizes": {"ae_dense_layer_sizes": [24, 18, 20]},
    "large batch": {"batch_size": 20},  # beyond half the dense size, where the decoder reads x as it is
    "five frames": {"sequence_length": 5},
}
CPU = torch.device("cpu")
HEAD = BODY[BODY.index("    JOINT Head") : BODY.index("  }\n  JOINT LeftLeg")]


class OneProcessBatch:
    """A batch of windows for Windows.draw, its noise by a generator."""

    def __init__(self, windows, generator):
        self.windows, self.generator = windows, generator

    def randn(self, *shape):
        return torch.randn((len(self.windows), *shape), generator=self.generator).to(self.windows.device)


def both(name, takes, changes, device=CPU):
    """A script's nets and losses, and the plain nets with the same parameters, on windows of two takes."""
    script = load_script(name)
    vars(script).update(SMALL | changes)
    targets = [1] if name == "vae_rnn" else [0, 1]
    duet = Duet([takes], [[(0, takes[0].frame_count)]], 0.2)
    windows = Windows(duet, targets, script.sequence_length, 2, device)
    generator = seed_everything(1)
    nets = script.make_models(duet.pose_dims)
    rnn = script.ae_rnn_layer_count, script.ae_rnn_layer_size, script.ae_rnn_bidirectional, script.ae_dense_layer_sizes
    plain = plain_training.make_nets(name, duet.pose_dims, script.latent_dim, script.sequence_length, *rnn)
    for key, net in plain.items():
        net.load_state_dict(nets[key].state_dict(), strict=True)
    nets = {key: net.to(device) for key, net in nets.items()}
    weights = torch.linspace(0.5, 1.5, takes[1].skeleton.joint_count).to(device)
    shape = (script.latent_dim,) if name == "vae_rnn" else (2, script.latent_dim)

    def losses(batch, kld_scale, generator=generator):
        drawn = windows.draw(OneProcessBatch(batch, generator), *shape)
        return script.compute_losses(nets, *drawn, kld_scale, weights)

    def plain_losses(batch, kld_scale, generator):
        noise = torch.randn(len(batch), *shape, generator=generator)
        frames = batch[:, None] + torch.arange(script.sequence_length)
        poses = [dancer[frames] for dancer in duet.poses]
        offsets = [dancer[:1].expand(len(batch), -1, -1) for dancer in duet.offsets]
        parents = [take.skeleton.parents for take in takes]
        parts = plain_training.PLAIN[name](plain, poses, offsets, parents, weights.cpu(), noise, kld_scale)
        return dict(zip(("total", "norm", "pos", "quat", "kld"), parts, strict=True))

    return types.SimpleNamespace(
        script=script, windows=windows, nets=nets, plain=plain, losses=losses, plain_losses=plain_losses,
        generator=generator, weights=weights, shape=shape,
    )  # fmt: skip


@pytest.fixture
def bodies(duet):
    """One take each of two dancers with the same joints, and of one with fewer."""
    write_body(duet / "short.bvh", phase=0.3, body=BODY.replace(HEAD, ""))
    return {name: load_mocap(duet / f"{name}.bvh") for name in ("one", "two", "short")}


def copy_of(generator):
    return torch.Generator().set_state(generator.get_state())


def numbers(losses):
    return {name: loss.item() for name, loss in losses.items()}


def relative(one, other):
    return ((one - other).norm() / other.norm().clamp_min(1e-12)).item()


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("changes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_losses_and_gradients_are_those_of_the_plain_training(name, changes, bodies):
    made = both(name, [bodies["one"], bodies["two"]], changes)
    batch = made.windows.train[: made.script.batch_size]
    again = copy_of(made.generator)
    got, expected = made.losses(batch, 0.07), made.plain_losses(batch, 0.07, again)
    assert numbers(got) == pytest.approx(numbers(expected), rel=1e-5)
    got["total"].backward()
    expected["total"].backward()
    for key, net in made.plain.items():
        parameters = dict(made.nets[key].named_parameters())
        for parameter, value in net.named_parameters():
            assert relative(parameters[parameter].grad, value.grad) < 1e-5, f"{key} {parameter}"


def test_dancers_may_have_different_joints_in_the_translation(bodies):
    made = both("vae_rnn", [bodies["one"], bodies["short"]], {})
    batch, again = made.windows.train[:8], copy_of(made.generator)
    got, expected = made.losses(batch, 0.1), made.plain_losses(batch, 0.1, again)
    assert numbers(got) == pytest.approx(numbers(expected), rel=1e-5)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("skeleton", ["body", pytest.param("bundled duet", marks=pytest.mark.slow)])
def test_the_loop_gives_the_curve_of_the_plain_training(name, skeleton, bodies):
    takes = [bodies["one"], bodies["two"]]
    if skeleton == "bundled duet":
        takes = [load_mocap(PROJECT / "data" / "mocap" / f"duet_dancer{dancer}.fbx") for dancer in (1, 2)]
    made = both(name, takes, {})
    again = copy_of(made.generator)
    curves = itertools.islice(curve_of_the_loop(made), 30), itertools.islice(plain_curve(made, again), 30)
    curve, expected = (np.array([list(losses.values()) for losses in curve]) for curve in curves)
    np.testing.assert_allclose(curve, expected, rtol=1e-3)
    assert curve[-10:, 0].mean() < curve[:10, 0].mean()


def curve_of_the_loop(made, rate=1e-3):
    """Losses of every batch, as the scripts train."""
    adam = make_optimiser(made.nets, rate, "step")
    loop = Loop(made.windows, 8, made.generator, interrupt.Stop())

    @loop.step
    def train_step(source, target, noise, kld_scale, share):
        losses = made.script.compute_losses(made.nets, source, target, noise, kld_scale, made.weights)
        adam.zero_grad()
        (losses["total"] * share).backward()
        adam.step()
        return losses

    for epoch in loop.epochs(100):
        adam.set_epoch(epoch)
        for batch in loop.batches():
            drawn = made.windows.draw(batch, *made.shape)
            yield numbers(train_step(*drawn, loop.scalar(0.05), batch.share))
        loop.end_epoch()


def plain_curve(made, generator, rate=1e-3):
    """The same with the plain nets and torch's Adam as it stands."""
    adam = torch.optim.Adam([p for net in made.plain.values() for p in net.parameters()], lr=rate)
    while True:
        order = torch.randperm(len(made.windows.train), generator=generator)
        for batch in made.windows.train[order].split(8):
            adam.zero_grad()
            losses = made.plain_losses(batch, 0.05, generator)
            losses["total"].backward()
            adam.step()
            yield numbers(losses)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("name", SCRIPTS)
def test_cuda_graphs_give_the_curve_of_the_plain_training(name, bodies):
    made = both(name, [bodies["one"], bodies["two"]], {}, torch.device("cuda"))
    curve = [list(losses.values()) for losses in itertools.islice(curve_of_the_loop(made), 30)]
    on_cpu = both(name, [bodies["one"], bodies["two"]], {})
    expected = [list(losses.values()) for losses in itertools.islice(plain_curve(on_cpu, on_cpu.generator), 30)]
    np.testing.assert_allclose(curve, expected, rtol=1e-2)


def test_the_learning_rate_is_that_of_torchs_schedule():
    adam = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    schedule = torch.optim.lr_scheduler.StepLR(adam, 100, 0.316)
    for epoch in range(250):
        assert learning_rate(epoch, 1e-4, "step") == pytest.approx(adam.param_groups[0]["lr"], rel=1e-12)
        adam.step()
        schedule.step()


def test_the_inverse_rate_halves_in_ten_epochs_and_never_ends():
    rates = [learning_rate(epoch, 1e-4, "inverse") for epoch in range(1000)]
    assert rates[0] == 1e-4
    assert rates[10] == pytest.approx(0.5e-4)
    assert all(later < sooner for sooner, later in itertools.pairwise(rates))
    assert sum(rates[500:]) > 5 * rates[500]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_first_step_of_every_tensor_alone_changes_the_loss_by_the_same_share(name, bodies, monkeypatch):
    monkeypatch.setattr(optimiser, "LARGEST_RATE", 1e4)  # which small models reach
    made = both(name, [bodies["one"], bodies["two"]], {})
    rate, batch, state = 1e-6, made.windows.train, made.generator.get_state()

    def total():
        return made.losses(batch, 0.0, torch.Generator().set_state(state))["total"]

    adam = make_optimiser(made.nets, rate, "step")
    adam.find_rates([{"total": total()}])
    adam.set_epoch(0)
    assert adam.rates == [rate * factor for factor in adam.factors]
    before = {key: {n: v.clone() for n, v in net.state_dict().items()} for key, net in made.nets.items()}
    loss = total()
    loss.backward()
    loss = loss.item()
    free = [i for i, factor in enumerate(adam.factors) if factor < optimiser.LARGEST_RATE]
    assert len(free) > len(adam.factors) // 2
    assert min(adam.factors) < 0.1 * max(adam.factors)
    gradients = [parameter.grad for parameter in adam.parameters]
    shares = {}
    for i in free:
        for parameter in adam.parameters:
            parameter.grad = None
        adam.parameters[i].grad = gradients[i]
        adam.step()
        shares[i] = (loss - total().item()) / loss / rate
        for key, net in made.nets.items():
            net.load_state_dict(before[key])
    assert list(shares.values()) == pytest.approx([optimiser.LOSS_SHARE] * len(free), rel=0.3)


@pytest.mark.skipif(not devices.has_bfloat16(CPU), reason="this processor has no LSTM in bfloat16")
def test_bfloat16_keeps_latent_step_and_losses_in_float32(bodies):
    made = both("vae_rnn", [bodies["one"], bodies["two"]], {})
    batch, again, outputs = made.windows.train[:8], copy_of(made.generator), {}
    for key, net in made.nets.items():
        net.register_forward_hook(lambda module, inputs, output, key=key: outputs.update({key: output}))
    with devices.precision("bfloat16", CPU):
        got = made.losses(batch, 0.1)
    assert outputs["encoder"][0].dtype == outputs["decoder"].dtype == got["total"].dtype == torch.float32
    expected = numbers(made.plain_losses(batch, 0.1, again))
    assert numbers(got) == pytest.approx(expected, rel=0.03)
    assert numbers(got) != pytest.approx(expected, rel=1e-6)
    got["total"].backward()
    assert all(torch.isfinite(p.grad).all() for net in made.nets.values() for p in net.parameters())


@pytest.mark.parametrize("fused", [False, True])
def test_the_optimiser_is_adam_whether_torch_has_it_as_one_operation_or_not(fused, monkeypatch):
    if fused and not optimiser._is_fused(torch.device("cpu")):
        pytest.skip("this torch has no such operation on the CPU")
    monkeypatch.setattr(optimiser, "_is_fused", lambda device: fused)
    torch.manual_seed(0)
    net, plain = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    plain.load_state_dict(net.state_dict())
    ours, reference = make_optimiser({"net": net}, 0.01, "step"), torch.optim.Adam(plain.parameters(), lr=0.01)
    for _ in range(10):
        x = torch.randn(4, 5)
        for model, adam in ((net, ours), (plain, reference)):
            adam.zero_grad()
            model(x).square().mean().backward()
            adam.step()
    torch.testing.assert_close(net.weight, plain.weight, atol=1e-6, rtol=0)
    torch.testing.assert_close(net.bias, plain.bias, atol=1e-6, rtol=0)
