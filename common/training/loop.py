"""The training loop: epochs, batches of windows in random order, and the wrapper of a training step.

Shapes: W windows, B batch.
"""

import collections
import contextlib
import functools
import math
import random
import time

from common.runtime import console, devices, interrupt, parallel
from common.runtime.errors import InputError
from common.training.cuda_graph import CudaGraph
from common.training.means import Means

import numpy as np
import torch

PROBES = 8  # batches that the layer-wise learning rates are measured on
SLOW = 3.0  # times the fastest epoch
CHECK_AFTER = 50  # steps, on devices that would have to synchronise for a check of the losses


class NotFiniteError(Exception):
    """A loss that is not finite. `losses` {name: 0-d tensor} were computed `steps_ago`, of a batch that begins with
    `window`, or of the last one."""

    def __init__(self, losses, steps_ago=0, window=None):
        super().__init__("a loss is not finite")
        self.losses, self.steps_ago, self.window = losses, steps_ago, window


def check_finite(losses):
    """Raise NotFiniteError where a loss {name: 0-d tensor} is not finite, before it reaches the weights. On a CUDA
    device, which would have to synchronise, the Loop checks a few steps later."""
    stacked = torch.stack(list(losses.values()))
    if stacked.device.type == "cpu" and not torch.isfinite(stacked).all():
        raise NotFiniteError({name: loss.detach() for name, loss in losses.items()})


def seed_everything(seed):
    """Fix all random state; returns the generator (on the CPU) of what the training draws."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - whatever a library draws from the global state
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


class Batch:
    """This process's part of a batch of windows.

    `windows` (B,) are what it computes with, `share` (a 0-d tensor) is what its loss is multiplied by, so that the mean
    of all processes' gradients is the gradient of the whole batch, and len() is how many windows count.
    """

    def __init__(self, global_batch, generator):
        """A batch (B,) of the windows of all processes, which draw the same random numbers."""
        part = parallel.share(global_batch)
        self.global_batch, self.generator, self.count = global_batch, generator, len(part)
        self.windows = part if len(part) else global_batch[:1]  # a process without one takes part with share 0
        share = len(part) * parallel.world_size() / len(global_batch)
        self.share = on_device(torch.tensor(share, dtype=torch.float32), global_batch.device)

    def __len__(self):
        return self.count

    def randn(self, *shape):
        """Normal random numbers for every window, (B, *shape)."""
        drawn = torch.randn((len(self.global_batch), *shape), generator=self.generator)
        part = parallel.share(drawn)
        return on_device(part if len(part) else torch.zeros(1, *shape), self.global_batch.device)


class Loop:
    """The state of a training: epochs done, batches done in this one, and the losses of these so far."""

    def __init__(self, windows, batch_size, generator, stop):
        """Over dataset.Windows, with the generator of all that is drawn; `stop` is an interrupt.Stop."""
        self.windows, self.batch_size, self.generator, self.stop = windows, batch_size, generator, stop
        self.device = windows.device
        self.epoch, self.batch, self.train_losses = 0, 0, Means()
        self.epoch_start = None  # the generator's state, which decides the order of the windows
        self.stopped, self.bar, self.began = False, None, 0.0
        self.fastest, self.noted = math.inf, False  # seconds of an epoch; whether a slow one was noted
        self.part_of_epoch = False  # whether this epoch was begun before the training was stopped
        self.window = None  # the first one of the last batch
        self.recent = collections.deque(maxlen=CHECK_AFTER)  # (first window of a batch, losses), not yet looked at

    def epochs(self, epochs):
        """The epochs that are still to do, counted from 0, with a progress bar. Ends early once the user has asked."""
        in_epoch = math.ceil(len(self.windows.train) / self.batch_size)
        bar = console.progress(epochs * in_epoch, "batches", self.epoch * in_epoch + self.batch)
        with devices.memory_kept(self.device), bar as self.bar:
            while self.epoch < epochs and not self.stopped:
                self.began, self.part_of_epoch = time.perf_counter(), self.batch > 0
                yield self.epoch

    def _note_slowness(self, seconds):
        """Note once that an epoch takes far longer than the fastest one: the threads of a step wait for each other."""
        self.fastest = min(self.fastest, seconds)
        if seconds > SLOW * self.fastest and not self.noted and self.device.type == "cpu":
            self.noted = True
            console.note(
                f"this epoch took {seconds / self.fastest:.1f} times as long as the fastest one: other programs use "
                f"the processor. Close them, or leave them a core: set the environment variable OMP_NUM_THREADS to "
                f"fewer threads than there are cores."
            )

    def seconds(self):
        """How long this epoch has taken so far."""
        return time.perf_counter() - self.began

    def batches(self):
        """The batches of training windows that are still to do in this epoch, in random order. Ends early once the user
        has asked."""
        now = self.generator.get_state()
        if self.batch:
            self.generator.set_state(self.epoch_start)
        self.epoch_start = self.generator.get_state()
        order = torch.randperm(len(self.windows.train), generator=self.generator).to(self.device)
        if self.batch:
            self.generator.set_state(now)
        for global_batch in self.windows.train[order].split(self.batch_size)[self.batch :]:
            self.batch, self.window = self.batch + 1, global_batch[0]
            yield Batch(global_batch, self.generator)
            self.bar.update()
            if self._should_stop():
                return

    def test_batches(self):
        """The batches of held-out windows, of this process. Ends early once the user has asked."""
        validates = torch.isin(self.windows.test, self.windows.validation)
        parts = [(self.windows.test[validates == part].split(self.batch_size), part) for part in (True, False)]
        for global_batch, validates in [(batch, part) for batches, part in parts for batch in batches]:
            if len(parallel.share(global_batch)):
                yield HeldOutBatch(global_batch, validates)
            if self._should_stop():  # this part is done anew when the training goes on
                return

    def probes(self):
        """A few batches of training windows at random, whole in every process, before the first epoch."""
        order = torch.randperm(len(self.windows.train), generator=self.generator)[: PROBES * self.batch_size]
        for global_batch in self.windows.train[order.to(self.device)].split(self.batch_size):
            yield _ReplicatedBatch(global_batch, self.generator)

    def end_epoch(self):
        """Count an epoch; returns the means of its training losses, {name: float}. Raises InputError where a loss in it
        was not finite."""
        self.check()
        if not self.part_of_epoch:
            self._note_slowness(self.seconds())
        means = self.train_losses.means()
        self.epoch, self.batch, self.train_losses = self.epoch + 1, 0, Means()
        return means

    def scalar(self, value):
        """A number as a 0-d tensor on the device, where a CUDA graph reads it."""
        return on_device(torch.tensor(value, dtype=torch.float32), self.device)

    def _should_stop(self):
        if not self.stopped and parallel.any_of(self.stop.asked, self.device):
            self.stopped = True
            console.line(f"stopping: everything is saved{interrupt.CLIPS_FOLLOW if self.stop.clips else ''}")
        return self.stopped

    # -----------------------------------------------------------------------------------------------------------------
    # the wrapper of a training step

    def step(self, train_step):
        """Wrap a training step from outside: it runs as a CUDA graph on CUDA and as it stands elsewhere; a loss that is
        not finite and memory that does not suffice end in an InputError that says what to change.

        `train_step(*tensors)` returns losses {name: 0-d tensor}.
        """
        run = train_step
        if self.device.type == "cuda" and parallel.world_size() == 1:
            run = CudaGraph(train_step)

        @functools.wraps(train_step)
        def wrapped(*inputs):
            with self._explained(), devices.memory_watched(self.device, self.batch_size):
                losses = {name: loss.detach() for name, loss in run(*inputs).items()}
            self.recent.append((self.window, losses))
            if self.device.type != "cpu" and len(self.recent) >= CHECK_AFTER:
                self.check()
            return losses

        return wrapped

    def check(self):
        """Raise InputError where a loss since the last check was not finite: devices are not checked at every step."""
        recent = list(self.recent)
        self.recent.clear()
        if not recent:
            return
        stacked = torch.stack([torch.stack(list(losses.values())) for _, losses in recent])
        finite = torch.isfinite(stacked).all(dim=1)
        if not finite.all():
            first = int((~finite).nonzero()[0])
            with self._explained():
                window, losses = recent[first]
                raise NotFiniteError(losses, len(recent) - first - 1, window)

    @contextlib.contextmanager
    def _explained(self):
        """Raise InputError that says where a loss is not finite."""
        try:
            yield
        except NotFiniteError as error:
            terms = [name for name, loss in error.losses.items() if not math.isfinite(loss)]
            terms = [name for name in terms if name != "total"] or terms
            window = int(self.window if error.window is None else error.window)
            raise InputError(
                f"epoch {self.epoch + 1}, batch {self.batch - error.steps_ago}: the loss is not finite "
                f"({', '.join(terms)}); the first window of the batch is {self.windows.describe(window)}. Use a "
                f"smaller ae_learning_rate. What was saved before is still there: resume = True goes on from it."
            ) from None

    # -----------------------------------------------------------------------------------------------------------------
    # checkpoint

    def state(self):
        """The state of the training, as plain values and tensors. All processes take part. Raises InputError where a
        loss was not finite."""
        self.check()
        so_far = self.train_losses.over_processes() if self.batch else Means()
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "epoch_start": self.epoch_start,
            "sums": {name: loss.cpu() for name, loss in so_far.sums.items()},
            "count": float(so_far.count),
        }

    def load_state(self, state):
        """Continue a training from its state."""
        self.epoch, self.batch, self.epoch_start = state["epoch"], state["batch"], state["epoch_start"]
        if self.batch and parallel.rank() == 0:
            sums = {name: loss.to(self.device) for name, loss in state["sums"].items()}
            self.train_losses = Means(sums, state["count"])


class HeldOutBatch(Batch):
    """A batch of held-out windows; `validates` says whether they are of the half that chooses the best weights."""

    def __init__(self, global_batch, validates):
        super().__init__(global_batch, None)
        self.validates = validates


class _ReplicatedBatch(Batch):
    """A batch that every process computes as a whole."""

    def __init__(self, global_batch, generator):
        self.global_batch, self.windows = global_batch, global_batch
        self.generator, self.count = generator, len(global_batch)

    def randn(self, *shape):
        drawn = torch.randn((len(self.global_batch), *shape), generator=self.generator)
        return on_device(drawn, self.global_batch.device)


def on_device(numbers, device):
    """A tensor from the CPU on a device, without waiting for what that is still doing."""
    if device.type == "cuda":
        return numbers.pin_memory().to(device, non_blocking=True)
    return numbers.to(device)
