"""What every training loop needs: random state, the training step, and the means of an epoch's losses."""

import contextlib
import gc
import math
import random
import traceback

from common.runtime import devices, parallel
from common.runtime.errors import InputError
from common.training.cuda_graph import CudaGraph
from common.training.means import RunningMean
from common.training.optimiser import make_adam

import numpy as np
import torch
from torch import nn

BEARABLE = 30.0  # times the learning rate is the share of the loss that a parameter's first step may change
LARGEST_RATE = 10.0  # times the learning rate
PROBES = 8  # batches that tell what a step would change
CHECK_AFTER = 50  # steps, on devices that would have to wait for a look at the losses
LOSSES = ("total", "norm", "pos", "quat", "kld")


def seed_everything(seed):
    """Fix all random state; returns the generator (on the CPU) of what the training draws."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - whatever a library draws from the global state
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def count_batches(windows, batch_size):
    """Batches of an epoch, the last, smaller one included."""
    return math.ceil(len(windows) / batch_size)


class NotFiniteError(Exception):
    """A loss that is no number: so many steps ago, of these windows (B,), total and its parts."""

    def __init__(self, steps_ago, batch, losses):
        super().__init__("a loss is not finite")
        self.steps_ago, self.batch, self.losses = steps_ago, batch, losses


class Step:
    """One step of training: losses, their gradients, Adam.

    `compute_losses(nets, batch, noise, kld_scale)` gives the losses of a batch of windows (B,), the total first, as a
    tuple; `noise` has `noise_shape` for every window, or is None, to compute with the means of the latent codes.
    In bfloat16, if asked for, are the products within the models; everything else is float32. All parameters learn at
    the same rate, until `find_rates`.
    """

    def __init__(self, nets, compute_losses, noise_shape, generator, bfloat16=False):
        self.model = self.trained = _Model(nets, compute_losses, bfloat16)
        self.device = next(self.model.parameters()).device
        self.noise_shape, self.generator = noise_shape, generator
        recorded = self.device.type == "cuda" and parallel.world_size() == 1
        self.optimiser = make_adam(self.model.parameters(), self.device, recorded)
        self.check_after = 1 if self.device.type == "cpu" else CHECK_AFTER
        self.batch_size = 0  # the largest so far
        self.recent = []  # batches and losses that are still to be checked
        self.run = self._run
        if parallel.world_size() > 1:
            self.trained = nn.parallel.DistributedDataParallel(self.model)
        elif recorded:
            self.run = CudaGraph(self._run)

    def set_learning_rate(self, rate):
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate * group["factor"])  # where a recorded step reads it
            else:
                group["lr"] = rate * group["factor"]

    @property
    def factors(self):
        """What the learning rate is multiplied by, for each parameter."""
        return [group["factor"] for group in self.optimiser.param_groups]

    @factors.setter
    def factors(self, factors):
        for group, factor in zip(self.optimiser.param_groups, factors, strict=True):
            group["factor"] = factor

    def find_rates(self, windows, batch_size):
        """Give every parameter tensor the learning rate that it bears.

        Adam's first step changes each number of a tensor by the learning rate, so the loss by up to that times Σ|g|.
        What an LSTM passes on from frame to frame adds up over a window: there, Σ|g| is some ten thousand times that
        of a last layer, and a step that the one hardly notices ruins the other. So each tensor gets a rate at which its
        step changes the same share of the loss, from the gradients of a few batches of windows (W,).
        """
        self.batch_size = min(batch_size, len(windows))
        order = torch.randperm(len(windows), generator=self.generator)[: PROBES * batch_size].to(windows.device)
        parameters, sums = list(self.model.parameters()), 0.0
        for batch in windows[order].split(batch_size):
            noise = self._on_device(torch.randn((len(batch), *self.noise_shape), generator=self.generator))
            with self._memory_watched(batch, 0.0):
                losses = self.model(batch, noise, 0.0)
                gradients = torch.autograd.grad(losses[0], parameters, allow_unused=True)
                sizes = [losses[0].detach() * 0 if g is None else g.abs().sum() for g in gradients]
                sums = sums + torch.stack([losses[0].detach(), *sizes])
        loss, *sizes = parallel.add_up(sums).tolist()  # the same in all processes
        self.factors = [min(LARGEST_RATE, BEARABLE * loss / max(size, 1e-30)) for size in sizes]

    def train(self, batch, kld_scale):
        """Learn from a batch of windows (B,); returns the losses before that, and of how many windows they are."""
        self.batch_size = max(self.batch_size, len(batch))  # the last one of an epoch is smaller
        noise = torch.randn((len(batch), *self.noise_shape), generator=self.generator)
        mine = parallel.share(batch)
        noise = self._on_device(parallel.share(noise))
        part = len(mine) * parallel.world_size() / len(batch)  # since the gradients of all processes are averaged
        if not len(mine):
            mine, noise = batch[:1], noise.new_zeros(1, *self.noise_shape)  # it has to take part, with weight 0
        numbers = self._on_device(torch.tensor((kld_scale, part), dtype=torch.float32))
        with self._memory_watched(batch, kld_scale):
            losses = self.run(mine, noise, numbers)
        self.recent.append((mine, losses))
        if len(self.recent) >= self.check_after:
            self.check()
        return losses, part * len(batch) / parallel.world_size()

    @contextlib.contextmanager
    def _memory_watched(self, batch, kld_scale):
        """Raise InputError that tells what fits where memory does not suffice."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not devices.out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # which hold what the step has computed so far
            raise InputError(
                f"batch_size = {self.batch_size}: the memory of the device ({self.device}) does not suffice. "
                f"{self._what_fits(batch, kld_scale)}"
            ) from error

    def _what_fits(self, batch, kld_scale):
        """What to change where memory does not suffice: half a batch, a quarter, and so on are tried."""
        size = self.batch_size // 2
        while size > 0:
            self._free_memory()
            try:
                self._try_step(batch[torch.arange(size, device=batch.device) % len(batch)], kld_scale)
                return f"A step with batch_size = {size} was tried, and fits: use that."
            except (RuntimeError, MemoryError) as error:
                if not devices.out_of_memory(error):  # the device may be beyond help
                    return f"Try batch_size = {size}."
                traceback.clear_frames(error.__traceback__)
            size //= 2
        return "Not even a single window fits. Use a smaller sequence_length or ae_rnn_layer_size."

    def _try_step(self, batch, kld_scale):
        """What a step computes with a batch of windows (B,), changing neither parameters nor Adam's state nor random
        state. The other processes have no part in it: they may not be in trouble."""
        mine = parallel.share(batch)
        mine = mine if len(mine) else batch[:1]
        parameters = list(self.model.parameters())
        # what Adam remembers, where it has not begun to
        moments = [] if self.optimiser.state else [torch.empty_like(p) for p in parameters for _ in range(2)]
        # where steps are recorded, each of the two batch sizes of an epoch has memory of its own
        copies = 2 if isinstance(self.run, CudaGraph) else 1
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            noise = self._on_device(torch.zeros(len(mine), *self.noise_shape))
            scale = self._on_device(torch.tensor(kld_scale, dtype=torch.float32))
            totals = [self.model(mine, noise, scale)[0] for _ in range(copies)]
            torch.autograd.grad(sum(totals), parameters, allow_unused=True)
        del moments

    def _free_memory(self):
        """Give back what a step left on the device."""
        self.optimiser.zero_grad()
        self.recent = []
        if isinstance(self.run, CudaGraph):
            self.run.graphs.clear()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()

    def _on_device(self, numbers):
        """A tensor from the CPU on the device, without waiting for what that is still doing."""
        if self.device.type == "cuda":
            return numbers.pin_memory().to(self.device, non_blocking=True)
        return numbers.to(self.device)

    def check(self):
        """Raise NotFiniteError if a loss since the last check is no number."""
        recent, self.recent = self.recent, []
        finite = torch.isfinite(torch.stack([losses for _, losses in recent])) if recent else torch.ones(1, 1)
        if not finite.all():
            first = int((~finite.all(dim=1)).nonzero()[0])
            raise NotFiniteError(len(recent) - first - 1, *recent[first])

    def _run(self, batch, noise, numbers):
        self.optimiser.zero_grad()
        losses = self.trained(batch, noise, numbers[0])
        if self.check_after == 1 and not torch.isfinite(losses).all():
            return losses.detach()  # before it spoils the parameters
        (losses[0] * numbers[1]).backward()
        self.optimiser.step()
        return losses.detach()

    def running_mean(self):
        """A RunningMean of what `train` and `test` return."""
        return RunningMean(len(LOSSES), self.device)

    @torch.no_grad()
    def test(self, batch, kld_scale):
        """The losses of a batch of windows (B,), without learning, and of how many windows they are."""
        mine = parallel.share(batch)
        return (self.model(mine, None, kld_scale) if len(mine) else 0.0), len(mine)


class _Model(nn.Module):
    """All nets with their losses as one module, as DistributedDataParallel wants it."""

    def __init__(self, nets, compute_losses, bfloat16):
        super().__init__()
        self.nets, self.compute_losses, self.bfloat16 = nn.ModuleDict(nets), compute_losses, bfloat16

    def forward(self, batch, noise, kld_scale):
        short = torch.autocast(batch.device.type, torch.bfloat16) if self.bfloat16 else contextlib.nullcontext()
        with short:
            return torch.stack(self.compute_losses(self.nets, batch, noise, kld_scale))
