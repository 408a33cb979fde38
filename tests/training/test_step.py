"""The training as it is done against the same in its plainest form."""

import functools
import itertools
import types

from common.dataset import augment, make_windows
from common.mocap import load_mocap
from common.runtime import devices
from common.runtime.errors import InputError
from common.training import step
from common.training.cuda_graph import CudaGraph
from common.training.schedule import learning_rate
from common.training.step import BEARABLE, PROBES, Step, seed_everything
from helpers import plain_training
from helpers.project import BODY, PROJECT, SCRIPTS, load_script, write_body

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
    "one way": {"ae_rnn_bidirectional": False},
    "dense sizes": {"ae_dense_layer_sizes": [24, 18, 20]},
    "large batch": {"batch_size": 20},  # beyond half the dense size, where the decoder reads x as it is
    "five frames": {"sequence_length": 5},
}


CPU = torch.device("cpu")
HEAD = BODY[BODY.index("    JOINT Head") : BODY.index("  }\n  JOINT LeftLeg")]


def both(name, takes, changes, device=CPU):
    """A script's step and the plain nets with the same parameters, on windows of two takes."""
    constants = SMALL | changes
    script = load_script(name)
    script.__dict__.update(constants)
    targets = [1] if name == "vae_rnn" else [0, 1]
    ranges = [[(0, takes[0].frame_count)]]
    windows = make_windows([takes], ranges, targets, script.sequence_length, 2, 0.2, device)
    generator = seed_everything(1)
    pose_dims = [4 * take.skeleton.joint_count for take in takes]
    nets = script.make_models(pose_dims)
    plain = plain_training.make_nets(
        name,
        pose_dims,
        script.latent_dim,
        script.sequence_length,
        script.ae_rnn_layer_count,
        script.ae_rnn_layer_size,
        script.ae_rnn_bidirectional,
        script.ae_dense_layer_sizes,
    )
    for key, net in plain.items():
        net.load_state_dict(nets[key].state_dict(), strict=True)
    nets = {key: net.to(device) for key, net in nets.items()}
    weights = torch.linspace(0.5, 1.5, takes[1].skeleton.joint_count).to(device)

    def compute(nets, batch, noise, kld_scale):
        return script.compute_losses(nets, batch, noise, kld_scale, windows, weights)

    codes = script.latent_dim if name == "vae_rnn" else 2 * script.latent_dim
    step = Step(nets, compute, (codes + augment.DRAWS,), generator)

    def plain_losses(batch, noise, kld_scale):
        noise = augment.split(noise)[0]
        noise = noise if name == "vae_rnn" else noise.unflatten(1, (2, -1))
        frames = batch[:, None] + torch.arange(script.sequence_length)
        poses = [dancer[frames] for dancer in windows.poses]
        offsets = [dancer[:1].expand(len(batch), -1, -1) for dancer in windows.offsets]
        parents = [take.skeleton.parents for take in takes]
        return plain_training.PLAIN[name](plain, poses, offsets, parents, weights, noise, kld_scale)

    return types.SimpleNamespace(script=script, windows=windows, step=step, plain=plain, plain_losses=plain_losses)


@pytest.fixture
def bodies(duet):
    """One take each of two dancers with the same joints, and of one with fewer."""
    write_body(duet / "short.bvh", phase=0.3, body=BODY.replace(HEAD, ""))
    return {name: load_mocap(duet / f"{name}.bvh") for name in ("one", "two", "short")}


def relative(one, other):
    return ((one - other).norm() / other.norm().clamp_min(1e-12)).item()


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("changes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_losses_and_gradients_are_those_of_the_plain_training(name, changes, bodies):
    made = both(name, [bodies["one"], bodies["two"]], changes)
    batch = made.windows.train[: (SMALL | changes)["batch_size"]]
    noise = torch.randn(len(batch), *made.step.noise_shape)
    got = made.step.model(batch, noise, 0.07)
    got[0].backward()
    expected = torch.stack(made.plain_losses(batch, noise, 0.07))
    expected[0].backward()
    np.testing.assert_allclose(got.detach(), expected.detach(), rtol=1e-5)
    for key, net in made.plain.items():
        mine = dict(made.step.model.nets[key].named_parameters())
        for parameter, value in net.named_parameters():
            assert relative(mine[parameter].grad, value.grad) < 1e-5, f"{key} {parameter}"


def test_dancers_may_have_different_joints_in_the_translation(bodies):
    made = both("vae_rnn", [bodies["one"], bodies["short"]], {})
    batch, noise = made.windows.train[:8], torch.randn(8, *made.step.noise_shape)
    np.testing.assert_allclose(
        made.step.model(batch, noise, 0.1).detach(),
        torch.stack(made.plain_losses(batch, noise, 0.1)).detach(),
        rtol=1e-5,
    )


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("skeleton", ["body", "bundled duet"])
def test_fifty_steps_give_the_curve_of_the_plain_training(name, skeleton, bodies):
    takes = [bodies["one"], bodies["two"]]
    if skeleton == "bundled duet":
        takes = [load_mocap(PROJECT / "data" / "mocap" / f"duet_dancer{dancer}.fbx") for dancer in (1, 2)]
    made = both(name, takes, {})
    made.step.set_learning_rate(1e-3)
    optimiser = torch.optim.Adam([p for net in made.plain.values() for p in net.parameters()], lr=1e-3)
    again = torch.Generator().set_state(made.step.generator.get_state())
    mine, theirs = [], []
    for number in range(50):
        batch = made.windows.train[torch.arange(8) * (number % 3 + 1)]
        mine.append(made.step.train(batch, 0.05)[0].tolist())
        optimiser.zero_grad()
        parts = made.plain_losses(batch, torch.randn(8, *made.step.noise_shape, generator=again), 0.05)
        parts[0].backward()
        optimiser.step()
        theirs.append([part.item() for part in parts])
    np.testing.assert_allclose(mine, theirs, rtol=1e-3)
    assert mine[-1][0] < mine[0][0]


def test_the_learning_rate_is_that_of_torchs_schedule():
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 100, 0.316)
    for epoch in range(250):
        assert learning_rate(epoch, 1e-4, "step") == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12)
        optimiser.step()
        schedule.step()


def test_the_inverse_rate_halves_in_ten_epochs_and_never_ends():
    rates = [learning_rate(epoch, 1e-4, "inverse") for epoch in range(1000)]
    assert rates[0] == 1e-4
    assert rates[10] == pytest.approx(0.5e-4)
    assert all(later < sooner for sooner, later in itertools.pairwise(rates))
    assert sum(rates[500:]) > 5 * rates[500]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_parameter_bears_its_rate(name, bodies, monkeypatch):
    monkeypatch.setattr(step, "LARGEST_RATE", 1e4)
    made = both(name, [bodies["one"], bodies["two"]], {})
    again = torch.Generator().set_state(made.step.generator.get_state())
    made.step.find_rates(made.windows.train, 8)
    order = torch.randperm(len(made.windows.train), generator=again)[: PROBES * 8]
    sums, total = {}, 0.0
    for batch in made.windows.train[order].split(8):
        loss = made.plain_losses(batch, torch.randn(len(batch), *made.step.noise_shape, generator=again), 0.0)[0]
        total += loss.item()
        loss.backward()
        for key, net in made.plain.items():
            for parameter, value in net.named_parameters():
                size = 0.0 if value.grad is None else value.grad.abs().sum().item()
                sums[key, parameter] = sums.get((key, parameter), 0.0) + size
            net.zero_grad()
    nets = made.step.model.nets
    factors = dict(zip([(k, n) for k in nets for n, _ in nets[k].named_parameters()], made.step.factors, strict=True))
    assert factors.keys() == sums.keys()
    for key, size in sums.items():
        expected = min(step.LARGEST_RATE, BEARABLE * total / max(size, 1e-30))
        assert factors[key] == pytest.approx(expected, rel=1e-3), key
    assert 0 < min(factors.values()) < 0.01 * max(factors.values())
    made.step.set_learning_rate(1e-4)
    assert [group["lr"] for group in made.step.optimiser.param_groups] == [1e-4 * f for f in made.step.factors]


@pytest.mark.skipif(not devices.has_bfloat16(torch.device("cpu")), reason="this processor has no LSTM in bfloat16")
def test_bfloat16_keeps_latent_step_and_losses_in_float32(bodies):
    made = both("vae_rnn", [bodies["one"], bodies["two"]], {})
    made.step.model.bfloat16 = True
    batch, noise = made.windows.train[:8], torch.randn(8, *made.step.noise_shape)
    seen = {}
    for key, net in made.step.model.nets.items():
        net.register_forward_hook(lambda module, inputs, output, key=key: seen.update({key: output}))
    got = made.step.model(batch, noise, 0.1)
    assert seen["encoder"][0].dtype == seen["decoder"].dtype == got.dtype == torch.float32
    expected = torch.stack(made.plain_losses(batch, noise, 0.1)).detach()
    np.testing.assert_allclose(got.detach(), expected, rtol=0.03)
    assert not torch.equal(got, expected)
    got[0].backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in made.step.model.parameters())


def test_bfloat16_is_refused_where_it_is_slower(monkeypatch, capsys):
    seconds = {torch.float32: 1.0, torch.bfloat16: 3.5}
    monkeypatch.setattr(devices, "_product_seconds", lambda device, dtype: seconds[dtype])
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)
    assert not devices.pick_precision("bfloat16", torch.device("cpu"))
    assert "3.5 times slower" in capsys.readouterr().out
    seconds[torch.bfloat16] = 0.5
    assert devices.pick_precision("bfloat16", torch.device("cpu"))
    assert not devices.pick_precision("float32", torch.device("cpu"))
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: False)
    capsys.readouterr()
    assert not devices.pick_precision("bfloat16", torch.device("cpu"))
    assert "no LSTM in it" in capsys.readouterr().out


def test_a_numbered_card_is_made_the_current_one(monkeypatch):
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch, "empty", lambda *_, device: None)
    assert devices.pick_device("cuda:1") == torch.device("cuda", 1)
    assert current == [torch.device("cuda", 1)]


def test_an_older_c_library_keeps_as_much_memory_as_it_can(monkeypatch):
    options = {}

    def mallopt(option, value):
        allowed = option != devices.MMAP_THRESHOLD or value <= 1 << 25
        options.update({option: value} if allowed else {})
        return int(allowed)

    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda _: types.SimpleNamespace(mallopt=mallopt))
    devices._keep_memory()
    assert options[devices.MMAP_THRESHOLD] == 1 << 25
    assert options[devices.TRIM_THRESHOLD] == devices.KEPT


class Elsewhere(TorchDispatchMode):
    """Notes what makes a tensor on another device than "meta", or reads numbers back."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
        if any(tensor.device.type != "meta" for tensor in tensors):
            self.found.append(str(operation))
        return out


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_step_stays_on_its_device_and_reads_nothing_back(name, bodies):
    """As what is recorded on CUDA has to. The device "meta" has shapes only, so that reading a number is an error."""
    made = both(name, [bodies["one"], bodies["two"]], {"sequence_length": 3})
    windows = made.windows
    windows.changes = augment.Augmentation(windows, True, True)
    windows.changes.up = windows.changes.up.to("meta")
    for image in windows.changes.images:
        image.to("meta")
    for key in ("poses", "pos", "offsets"):
        setattr(windows, key, [part if part is None else part.to("meta") for part in getattr(windows, key)])
    windows.frames, windows.pair_of_frame = windows.frames.to("meta"), windows.pair_of_frame.to("meta")
    weights = torch.ones(len(bodies["one"].skeleton.parents), device="meta")
    model = made.step.model.to("meta")
    model.compute_losses = functools.partial(made.script.compute_losses, windows=windows, joint_weights=weights)
    inputs = [torch.zeros(4, dtype=torch.int64), torch.zeros(4, *made.step.noise_shape), torch.zeros(2)]
    batch, noise, numbers = (value.to("meta") for value in inputs)

    def run():
        (model(batch, noise, numbers[0])[0] * numbers[1]).backward()

    run()  # which keeps the hierarchy of the body on the device
    with Elsewhere() as elsewhere:
        run()
    assert elsewhere.found == []


class RecordedGraph:
    """Stands in for a CUDA graph: replays the recorded function."""

    def __init__(self):
        self.replay = None


def test_a_recorded_step_is_replayed_on_copies_of_its_inputs(monkeypatch):
    ran = []
    recorded = CudaGraph(lambda batch, factor: ran.append(len(batch)) or (batch * factor).sum())
    warm = []
    monkeypatch.setattr(recorded, "_warm_up", lambda inputs: warm.append(len(inputs[0])) or recorded.run(*inputs))

    def record(inputs):
        places, losses, graph = [value.clone() for value in inputs], torch.zeros(()), RecordedGraph()
        graph.replay = lambda: losses.copy_(recorded.run(*places))
        return graph, places, losses

    monkeypatch.setattr(recorded, "_record", record)
    factor = torch.tensor(2.0)
    results = [recorded(torch.arange(float(size)), factor).item() for size in (4, 4, 4, 4, 2, 4, 2, 4)]
    assert results == [12, 12, 12, 12, 2, 12, 2, 12]
    assert sorted(recorded.graphs) == [2, 4]
    assert warm == [4, 4, 4, 2]  # libraries may set up other kernels for another size


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("name", SCRIPTS)
def test_recorded_steps_on_cuda_are_those_that_run_as_they_are(name, bodies):
    curves = []
    for recorded in (True, False):
        made = both(name, [bodies["one"], bodies["two"]], {}, torch.device("cuda"))
        if not recorded:
            made.step.run = made.step._run
        made.step.set_learning_rate(1e-3)
        sizes = [8, 8, 8, 5] * 4
        curves.append([made.step.train(made.windows.train[:size], 0.05)[0].tolist() for size in sizes])
    np.testing.assert_allclose(*curves, rtol=1e-3)


def test_a_step_that_cannot_be_recorded_runs_as_it_is(monkeypatch, capsys):
    recorded = CudaGraph(lambda batch: batch.sum())
    monkeypatch.setattr(recorded, "_warm_up", lambda inputs: recorded.run(*inputs))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: (_ for _ in ()).throw(RuntimeError("not here\nmore")))
    assert [recorded(torch.ones(3)).item() for _ in range(6)] == [3.0] * 6
    assert capsys.readouterr().out.count("cannot be recorded here, which makes it slower: not here") == 1


def test_more_processes_than_devices_are_refused(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4", "LOCAL_RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    assert devices.pick_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match=r"--nproc_per_node: this machine has 2 CUDA device"):
        devices.pick_device("auto")
