"""The training loop: batches and their shares, means, the best weights, losses that are not finite."""

import collections
import contextlib
import math

from common.dataset import Duet, Windows
from common.mocap import load_mocap
from common.runtime import devices, interrupt, parallel
from common.runtime.errors import InputError
from common.training import BestWeights, Loop, Means, check_finite
from common.training import loop as loop_module
from common.training.cuda_graph import WARM_UP, CudaGraph, copy_of, tensors_of
from common.training.loop import Batch
from helpers import graph_stand_in

import pytest
import torch

CPU = torch.device("cpu")


@pytest.fixture
def windows(duet):
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    return Windows(Duet([takes], [[(0, 100)]], 0.2), [1], 10, 2, CPU)


def make_loop(windows, batch_size=8):
    return Loop(windows, batch_size, torch.Generator().manual_seed(0), interrupt.Stop())


# ---------------------------------------------------------------------------------------------------------------------
# batches


def test_batches_cover_every_window_once_in_an_order_that_the_seed_gives(windows):
    orders = []
    for seed in (3, 3, 4):
        loop = make_loop(windows)
        loop.generator.manual_seed(seed)
        epochs = loop.epochs(1)
        next(epochs)
        batches = [batch.windows for batch in loop.batches()]
        assert {len(batch) for batch in batches[:-1]} == {8}
        assert sorted(torch.cat(batches).tolist()) == sorted(windows.train.tolist())
        orders.append(torch.cat(batches).tolist())
    assert orders[0] == orders[1] != orders[2]


def test_an_epoch_that_was_stopped_goes_on_with_the_batches_that_are_left(windows):
    def train(loop, epochs, stop_at=None):
        batches = []
        for _ in loop.epochs(epochs):
            for batch in loop.batches():
                batches.append((batch.windows.tolist(), batch.randn(2).tolist()))
                loop.train_losses.add({"total": batch.windows.float().mean()}, len(batch))
                loop.stop.asked = len(batches) == stop_at
            if not loop.stopped:
                means.append(loop.end_epoch())
        return batches

    means = []
    uninterrupted, uninterrupted_means = train(make_loop(windows), 3), means
    means = []
    stopped = make_loop(windows)
    first = train(stopped, 3, stop_at=7)
    resumed = make_loop(windows)
    resumed.load_state(stopped.state())
    resumed.generator.set_state(stopped.generator.get_state())
    assert first + train(resumed, 3) == uninterrupted
    assert [mean["total"] for mean in means] == pytest.approx([mean["total"] for mean in uninterrupted_means])


def test_held_out_batches_tell_which_windows_choose_the_best_weights(duet):
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    windows = Windows(Duet([takes], [[(0, 100)]], 0.8), [1], 6, 1, CPU)
    loop = make_loop(windows)
    loop.bar = next(iter([None]))
    parts = {True: [], False: []}
    for batch in loop.test_batches():
        parts[batch.validates] += batch.windows.tolist()
    assert sorted(parts[True]) == windows.validation.tolist()
    assert sorted(parts[True] + parts[False]) == windows.test.tolist()
    assert parts[False]


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_the_shares_of_all_processes_give_the_gradient_of_the_whole_batch(processes, monkeypatch):
    """Of a batch of 5, which no number of processes above 1 divides; of 7, two have no window."""
    inputs = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    global_batch = torch.tensor([4, 11, 0, 7, 19])
    weights = torch.randn(3, 2, requires_grad=True)

    def gradient(batch):
        predictions = (inputs[batch.windows] @ weights + batch.randn(2)).square().sum(1)
        (predictions.mean() * batch.share).backward()
        result, weights.grad = weights.grad, None
        return result

    expected = gradient(Batch(global_batch, torch.Generator().manual_seed(2)))
    gradients, counts = [], []
    monkeypatch.setattr(parallel, "world_size", lambda: processes)
    for rank in range(processes):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        batch = Batch(global_batch, torch.Generator().manual_seed(2))
        gradients.append(gradient(batch))
        counts.append(len(batch))
    assert sum(counts) == 5
    torch.testing.assert_close(torch.stack(gradients).mean(0), expected)  # as DistributedDataParallel averages


def test_means_count_windows_not_batches():
    means = Means()
    means.add({"total": torch.tensor(1.0), "kld": torch.tensor(4.0)}, 3)
    means.add({"total": torch.tensor(5.0), "kld": torch.tensor(0.0)}, 1)
    means.add({"total": torch.tensor(99.0), "kld": torch.tensor(99.0)}, 0)
    assert means.means() == {"total": 2.0, "kld": 3.0}
    assert Means().means() == {}


# ---------------------------------------------------------------------------------------------------------------------
# losses that are not finite


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_named_with_epoch_batch_term_and_window(value, windows):
    loop = make_loop(windows)

    @loop.step
    def train_step(number):
        losses = {"total": number * 1, "pos": number, "quat": torch.tensor(1.0)}
        check_finite(losses)
        return losses

    first = None
    with pytest.raises(InputError) as error:
        for epoch in loop.epochs(3):
            for batch in loop.batches():
                first = int(batch.windows[0])
                train_step(torch.tensor(value if (epoch, loop.batch) == (1, 3) else 1.0))
            loop.end_epoch()
    assert f"epoch 2, batch 3: the loss is not finite (pos); the first window of the batch is frames {first} to " in (
        str(error.value)
    )
    assert f"{first + 9} of one.bvh and two.bvh" in str(error.value)


def test_a_later_check_names_the_batch_whose_loss_was_not_finite(windows):
    """As on devices whose losses are checked some steps later."""
    loop = make_loop(windows)
    train_step = loop.step(lambda number: {"total": number, "quat": number})
    starts = []
    with pytest.raises(InputError, match=r"epoch 1, batch 2: the loss is not finite \(quat\)") as error:
        for _ in loop.epochs(1):
            for batch in loop.batches():
                starts.append(int(batch.windows[0]))
                train_step(torch.tensor(math.nan if loop.batch == 2 else 1.0))
            loop.state()  # what is saved must not hold it
    assert f"frames {starts[1]} to {starts[1] + 9} of one.bvh" in str(error.value)


def test_too_little_memory_names_a_smaller_batch(windows):
    loop = make_loop(windows, 8)

    @loop.step
    def train_step():
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(InputError, match=r"batch_size = 8: the memory of the device .* Use batch_size = 4"):
        train_step()


# ---------------------------------------------------------------------------------------------------------------------
# the best weights


def offer(best, nets, epoch, total, kld=0.0, kld_scale=0.0):
    nets["net"].weight.data.fill_(epoch)
    best.offer(nets, epoch, {"total": total, "kld": kld}, kld_scale)


def test_the_weights_with_the_smallest_reconstruction_are_kept_and_the_start_counts():
    nets, best = {"net": torch.nn.Linear(1, 1)}, BestWeights()
    offer(best, nets, 0, 3.0)
    assert (best.epoch, best.loss) == (0, 3.0)
    offer(best, nets, 1, 3.5)
    assert best.epoch == 0
    offer(best, nets, 2, 4.0, kld=20.0, kld_scale=0.1)  # 2 without the KL
    assert (best.epoch, best.loss) == (2, pytest.approx(2.0))
    offer(best, nets, 3, best.loss)  # as good: the earlier one stays
    offer(best, nets, 4, math.nan)
    assert best.epoch == 2
    best.use(nets)
    assert nets["net"].weight.item() == 2


def test_the_training_ends_after_epochs_without_a_better_one(capsys):
    nets, best = {"net": torch.nn.Linear(1, 1)}, BestWeights(keep=False)
    assert not best.stops_paying(1)
    stops = []
    for epoch, total in enumerate([5.0, 4.0, 4.5, 3.0, 3.0, 3.5, 4.0]):
        offer(best, nets, epoch, total)
        assert not best.stops_paying(None)
        stops.append(best.stops_paying(3))
    assert stops == [False] * 6 + [True]
    assert best.weights == {}
    assert "3 epochs without a smaller held-out reconstruction (stop_after)" in capsys.readouterr().out


def test_with_nothing_held_out_no_weights_are_better_and_the_training_goes_on():
    nets, best = {"net": torch.nn.Linear(1, 1)}, BestWeights()
    for epoch in range(30):
        best.offer(nets, epoch, {}, 0.0)
    assert best.epoch is None and not best.stops_paying(20)
    best.use(nets)


def test_a_training_that_goes_on_knows_the_best_before():
    nets, best, later = {"net": torch.nn.Linear(1, 1)}, BestWeights(), BestWeights()
    offer(best, nets, 0, 3.0)
    offer(best, nets, 1, 2.0)
    later.load_state(best.state())
    offer(later, nets, 2, 2.5)
    assert (later.epoch, later.loss) == (1, 2.0)
    later.use(nets)
    assert nets["net"].weight.item() == 1


# ---------------------------------------------------------------------------------------------------------------------
# devices


def test_bfloat16_falls_back_to_float32_with_a_note(monkeypatch, capsys):
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: False)
    assert isinstance(devices.precision("bfloat16", CPU), contextlib.nullcontext)
    assert "trains no LSTM in it; training in float32" in capsys.readouterr().out
    assert isinstance(devices.precision("float32", CPU), contextlib.nullcontext)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)
    assert isinstance(devices.precision("bfloat16", CPU), torch.autocast)
    assert capsys.readouterr().out == ""


def test_a_numbered_card_is_made_the_current_one(monkeypatch):
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch, "empty", lambda *_, device: None)
    assert devices.pick_device("cuda:1") == torch.device("cuda", 1)
    assert current == [torch.device("cuda", 1)]


def test_more_processes_than_devices_are_refused(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4", "LOCAL_RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    assert devices.pick_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match=r"--nproc_per_node: this machine has 2 CUDA device"):
        devices.pick_device("auto")


Pair = collections.namedtuple("Pair", ["poses", "pos", "parents"])


def test_copies_of_nested_inputs_have_tensors_of_their_own():
    parents = [-1, 0]
    inputs = (Pair(torch.ones(2), None, parents), (torch.zeros(3), Pair(torch.ones(1), torch.ones(4), parents)))
    copy = copy_of(inputs)
    assert isinstance(copy[0], Pair) and isinstance(copy[1][1], Pair)
    assert copy[0].parents is parents and copy[0].pos is None
    assert [len(tensor) for tensor in tensors_of(inputs)] == [2, 3, 1, 4]
    for copied, original in zip(tensors_of(copy), tensors_of(inputs), strict=True):
        assert torch.equal(copied, original) and copied.data_ptr() != original.data_ptr()
        copied.fill_(7)
        assert not (original == 7).any()


class Regression:
    """Training steps of a line through points (B, 2), whose Python code is run `runs` times."""

    def __init__(self):
        self.weight, self.runs = torch.zeros(2, requires_grad=True), 0

    def step(self, batch, rate):
        self.runs += 1
        x, y = batch
        loss = (x @ self.weight - y).square().mean()
        (gradient,) = torch.autograd.grad(loss, self.weight)
        with torch.no_grad():
            self.weight.sub_(rate * gradient)
        return {"total": loss.detach(), "length": self.weight.norm().detach()}


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that are recorded by a stand-in for CUDA's."""
    recorded = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: recorded.append(graph_stand_in.Graph()) or recorded[-1])
    monkeypatch.setattr(torch.cuda, "graph", graph_stand_in.graph)
    monkeypatch.setattr(CudaGraph, "_warm_up", lambda graph, inputs: graph.step(*inputs))
    return recorded


def curve(step, sizes):
    """The losses of steps on batches of these sizes. Each batch is overwritten before the next one comes."""
    generator, losses, batches = torch.Generator().manual_seed(0), [], []
    for number, size in enumerate(sizes):
        batch, rate = torch.randn(size, 3, generator=generator), torch.tensor(0.1 / (1 + number))
        losses.append(step((batch[:, :2], batch[:, 2]), rate))
        batches.append(batch.fill_(math.nan))
        rate.fill_(math.nan)
    assert torch.cat(batches).isnan().all()  # nobody has written to them
    return [{name: loss.item() for name, loss in step_losses.items()} for step_losses in losses]


def test_a_graph_is_replayed_on_copies_of_its_inputs(graphs):
    plain, recorded = Regression(), Regression()
    expected = curve(plain.step, [6] * 8)
    assert curve(CudaGraph(recorded.step), [6] * 8) == expected
    assert len({losses["total"] for losses in expected}) == 8
    assert torch.equal(recorded.weight, plain.weight)
    assert (len(graphs), recorded.runs) == (1, WARM_UP + 1)


def test_every_batch_size_has_a_graph(graphs):
    """The last batch of an epoch is smaller."""
    plain, recorded = Regression(), Regression()
    sizes = [6, 6, 4] * 4
    assert curve(CudaGraph(recorded.step), sizes) == curve(plain.step, sizes)
    assert torch.equal(recorded.weight, plain.weight)
    assert (len(graphs), recorded.runs) == (2, WARM_UP + 2)


def test_a_step_that_cannot_be_recorded_runs_as_it_is(monkeypatch, capsys):
    graph = CudaGraph(lambda batch: {"total": batch.sum()})
    monkeypatch.setattr(graph, "_warm_up", lambda inputs: graph.step(*inputs))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: (_ for _ in ()).throw(RuntimeError("not here\nmore")))
    assert [graph(torch.ones(3))["total"].item() for _ in range(6)] == [3.0] * 6
    assert capsys.readouterr().out.count("cannot be recorded here, which makes it slower: not here") == 1


def run_epochs(loop, seconds, clock):
    """Epochs that take so long, each followed by a save of 100 seconds."""
    for epoch in loop.epochs(len(seconds)):
        clock[0] += seconds[epoch]
        loop.end_epoch()
        clock[0] += 100


@pytest.fixture
def clock(monkeypatch):
    """A list of one number, the seconds of a clock that stands still."""
    seconds = [0.0]
    monkeypatch.setattr(loop_module.time, "perf_counter", lambda: seconds[0])
    return seconds


def test_an_epoch_that_takes_more_than_three_times_the_fastest_is_noted_once(windows, clock, capsys):
    run_epochs(make_loop(windows), [9.0, 1.0, 2.9], clock)
    assert capsys.readouterr().out == ""
    run_epochs(make_loop(windows), [9.0, 1.0, 2.9, 3.1, 9.0], clock)
    output = capsys.readouterr().out
    assert output.count("note: this epoch took 3.1 times as long as the fastest one: other programs use") == 1
    assert output.count("OMP_NUM_THREADS to fewer threads") == 1
    assert "times" not in output.replace("3.1 times", "")


def test_the_rest_of_an_epoch_is_no_measure_for_whole_ones(windows, clock, capsys):
    """A training that goes on within an epoch."""
    loop = make_loop(windows)
    loop.batch, loop.epoch_start = 3, loop.generator.get_state()
    run_epochs(loop, [0.1, 1.0, 2.9], clock)
    assert capsys.readouterr().out == ""
