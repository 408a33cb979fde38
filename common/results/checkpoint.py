"""The checkpoint: everything that a training needs to go on as if it had never stopped.

It holds tensors and plain values only and is loaded with `weights_only=True`, so nothing in it can run.
"""

import math
import random
import time
from pathlib import Path

from common.dataset import split_into_batches
from common.results import weights
from common.results.history import History
from common.runtime import console, parallel
from common.runtime.errors import InputError
from common.training.step import LOSSES, NotFiniteError

import numpy as np
import torch

# settings that decide what is learnt from, and the form of what is learnt: they cannot change in between
FIXED = (
    "mocap_files",
    "mocap_valid_frame_ranges",
    "mocap_pos_scale",
    "mocap_fps",
    "mocap_take",
    "mocap_loss_weights_file",
    "latent_dim",
    "sequence_length",
    "ae_rnn_layer_count",
    "ae_rnn_layer_size",
    "ae_rnn_bidirectional",
    "ae_dense_layer_sizes",
    "sequence_offset",
    "batch_size",
    "test_percentage",
    "schedule",
    "layerwise_rates",
    "random_seed",
)
NEEDED = {"script", "settings", "epoch", "batch", "nets", "optimiser", "factors", "history", "random"}
SILENT = ("resume", "results_path", "initial_weights")  # naming these as changed would tell the user nothing


class Progress:
    """How far a training has come: epochs done, batches done in this one, and their losses so far."""

    def __init__(self, path, step, windows, history, config, script, minutes):
        self.path, self.step, self.windows, self.history = Path(path), step, windows, history
        self.config, self.script, self.minutes = config, Path(script).name, minutes
        self.epoch, self.batch, self.trained = 0, 0, step.running_mean()
        self.epoch_start = None  # the generator's state, which decides the order of the windows
        self.saved_at = time.monotonic()

    def batches(self, batch_size):
        """The batches of training windows that are still to do in this epoch, in random order."""
        generator, now = self.step.generator, self.step.generator.get_state()
        if self.batch:
            generator.set_state(self.epoch_start)
        self.epoch_start = generator.get_state()
        batches = split_into_batches(self.windows.train, batch_size, generator)
        if self.batch:
            generator.set_state(now)
        for batch in batches[self.batch :]:
            self.batch += 1
            yield batch

    def learn(self, batch, kld_scale):
        """A training step. Raises InputError where a loss is no number."""
        try:
            self.trained.add(*self.step.train(batch, kld_scale))
        except NotFiniteError as error:
            raise self._explained(error) from None

    def _explained(self, error):
        losses = dict(zip(LOSSES, error.losses.tolist(), strict=True))
        terms = [name for name, value in losses.items() if not math.isfinite(value)]
        broken = [window for window in error.batch if not self.step.test(window[None], 1.0)[0].isfinite().all()]
        window = int(broken[0] if broken else error.batch[0])
        saved = f" To go on from before, set resume = True: {self.path}." if self.path.exists() else ""
        return InputError(
            f"epoch {self.epoch + 1}, batch {self.batch - error.steps_ago}: the loss is not finite "
            f"({', '.join(terms[1:] or terms)}), in {self.windows.describe(window)}. Use a smaller ae_learning_rate."
            f"{saved}"
        )

    def check(self):
        """Raise InputError where a loss so far was no number. Not every device is asked after every step."""
        try:
            self.step.check()
        except NotFiniteError as error:
            raise self._explained(error) from None

    def end_epoch(self):
        """Count an epoch. Raises InputError where a loss in it was no number."""
        self.check()
        self.epoch, self.batch, self.trained = self.epoch + 1, 0, self.step.running_mean()

    def due(self):
        """Whether the last checkpoint is long ago, for all processes alike."""
        return parallel.any_of(time.monotonic() - self.saved_at >= 60 * self.minutes, self.step.device)

    def save(self):
        """Write the checkpoint, in place of the one before. Raises OSError, or InputError where a loss was no number;
        the one before is then still there."""
        self.check()
        total, count = self.trained.sums() if self.batch else (torch.zeros(0), 0.0)
        if parallel.rank() == 0:
            weights.write(self._state(total, count), self.path)
        self.saved_at = time.monotonic()

    def _state(self, total, count):
        return {
            "script": self.script,
            "settings": self.config,
            "epoch": self.epoch,
            "batch": self.batch,
            "epoch_start": self.epoch_start,
            "trained": (total.cpu(), float(count)),
            "history": [[float(value) for value in row] for row in self.history.rows],
            "nets": {name: _on_cpu(net.state_dict()) for name, net in self.step.model.nets.items()},
            "optimiser": _on_cpu(self.step.optimiser.state_dict()["state"]),
            "factors": self.step.factors,
            "random": _random_state(self.step.generator, self.step.device),
        }

    def resume(self):
        """Go on from the checkpoint, which `check` has found to fit."""
        state = _load(self.path)
        for name, net in self.step.model.nets.items():
            net.load_state_dict(state["nets"][name], strict=True)
        groups = self.step.optimiser.state_dict()["param_groups"]
        self.step.optimiser.load_state_dict({"state": state["optimiser"], "param_groups": groups})
        self.step.factors = state["factors"]
        self.epoch, self.batch, self.epoch_start = state["epoch"], state["batch"], state["epoch_start"]
        self.history.rows = History(state["history"]).rows
        if self.batch and parallel.rank() == 0:
            total, count = state["trained"]
            self.trained.total, self.trained.count = total.to(self.step.device), count
        _restore_random_state(state["random"], self.step.generator, self.step.device)
        within = f" and {self.batch} batches of the next" if self.batch else ""
        console.line(f"going on after {self.epoch} epochs{within}")


def check(path, config, script):
    """Raise InputError where a run with these settings cannot go on from a checkpoint; name what changed if it can."""
    state = _load(path)
    if state["script"] != Path(script).name:
        raise InputError(f"resume = True: {path} was made by {state['script']}; start that script.")
    _compare(state["settings"], config)


def _load(path):
    """The content of a checkpoint. Nothing in the file is executed. Raises InputError."""
    if not Path(path).is_file():
        raise InputError(f"resume = True: there is no checkpoint {path}. Start with resume = False.")
    try:
        state = weights.read(path)
        missing = NEEDED - set(state)
    except Exception as error:  # what a damaged or foreign file raises depends on where it breaks
        raise InputError(f"resume = True: {path} is no checkpoint that can be loaded safely.") from error
    if missing:
        raise InputError(f"resume = True: {path} is no checkpoint; it lacks {', '.join(sorted(missing))}.")
    return state


def _compare(before, now):
    """Name the settings that changed, and refuse those that cannot."""
    changed = {name: value for name, value in now.items() if name in before and before[name] != value}
    for name, value in changed.items():
        if name in FIXED:
            raise InputError(
                f"{name} = {value!r}: the training to go on with has {before[name]!r}, and cannot change that. Set it "
                f"back, or start anew with resume = False."
            )
    for name, value in changed.items():
        if name not in SILENT:
            console.note(f"{name} = {value!r} from here on; before, it was {before[name]!r}.")


def _on_cpu(state):
    """A copy of nested state, its tensors on the CPU."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().clone()
    return {key: _on_cpu(value) for key, value in state.items()} if isinstance(state, dict) else state


def _random_state(generator, device):
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global state, whoever draws from it
    state = {
        "generator": generator.get_state(),
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _restore_random_state(state, generator, device):
    generator.set_state(state["generator"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
