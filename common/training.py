"""What every training loop needs: device, random state, optimiser, weights files, and the results folder."""

import contextlib
import json
import math
import random
import time
import warnings
from pathlib import Path

from common import console
from common.errors import InputError

import numpy as np
import torch

LEARNING_RATE_DECAY = 0.316  # a factor of ten every two steps
LEARNING_RATE_EPOCHS = 100
RESULT_FOLDERS = ("anims", "histories", "weights")
RUN_FILES = (*RESULT_FOLDERS, "config.json")


def pick_device(name):
    """The torch device for "auto", "cpu", "cuda" or "mps"; auto takes the fastest there is."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name.split(":")[0]]:
        raise InputError(f'device = "{name}": this machine (or this build of torch) has none; use "auto".')
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except RuntimeError as error:
        raise InputError(f'device = "{name}": {str(error).splitlines()[0]}; use "auto".') from error
    return device


def seed_everything(seed):
    """Fix all random state; returns the generator (on the CPU) that shuffles the windows."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - whatever a library draws from the global state
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def make_optimiser(models, learning_rate):
    """Adam over all models, and the schedule that lowers its learning rate, stepped once an epoch."""
    parameters = [parameter for model in models for parameter in model.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    return optimiser, torch.optim.lr_scheduler.StepLR(optimiser, LEARNING_RATE_EPOCHS, LEARNING_RATE_DECAY)


def describe(device):
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type


def batch_count(windows, batch_size):
    """Batches of an epoch, the last, smaller one included."""
    return math.ceil(len(windows) / batch_size)


class RunningMean:
    """Means of several losses over an epoch, weighted by batch size, read from the device once."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, losses, count):
        self.total = self.total + torch.stack(losses).detach() * count
        self.count += count

    def means(self):
        """A list of floats; empty where nothing was added."""
        return (self.total / self.count).tolist() if self.count else []


# ---------------------------------------------------------------------------------------------------------------------
# weights


def save_weights(models, folder, epoch):
    """Write each model's parameters as <name>_weights_epoch_<epoch>."""
    for name, model in models.items():
        _save_state(model, Path(folder) / f"{name}_weights_epoch_{epoch}")


def keep_weights(models, files, folder):
    """Write weights that were loaded {model name: path} from this folder into it again, under their own file names.

    What an earlier run left there has been moved aside, and the constants that name it should go on to work.
    """
    for name, model in models.items():
        if Path(files[name]).parent.resolve() == Path(folder).resolve():
            _save_state(model, files[name])


def _save_state(model, path):
    state = {key: value.detach().float().cpu().clone() for key, value in model.state_dict().items()}
    torch.save(state, path)


def load_weights(models, files):
    """Load weights files {model name: path} into models; nothing in a file is executed.

    Raises FileNotFoundError or InputError, naming the constants that do not fit the file.
    """
    for name, model in models.items():
        _load_state(model, files[name], f"{name}_weights_file")


def _load_state(model, path, constant):
    if not Path(path).is_file():
        raise FileNotFoundError(2, f"no such weights file; check {constant}", str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the message below says it
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged or foreign file raises depends on where it breaks
        raise InputError(f"{constant} = {str(path)!r}: is no weights file that can be loaded safely.") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{constant} = {str(path)!r}: is no weights file; expected named tensors only.")
    _check_fit(model.state_dict(), state, f"{constant} = {str(path)!r}")
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise InputError(f"{constant} = {str(path)!r}: holds numbers that are not finite; take an earlier one.")
    model.load_state_dict(state, strict=True)


def _check_fit(expected, state, where):
    for key in [*expected, *state]:
        want = list(expected[key].shape) if key in expected else "nothing"
        found = list(state[key].shape) if key in state else "nothing"
        if want != found:
            raise InputError(
                f"{where}: does not fit the model at {key}: the model has {want}, the file {found}. "
                f"Compare {_constants_behind(key, expected, state)} with the config.json of the run that "
                f"made the file."
            )


def _constants_behind(key, expected, state):
    """The constants that decide whether a parameter is there, and its shape."""
    both = key in expected and key in state
    if "weight_ih_l0" in key and both and expected[key].shape[0] == state[key].shape[0]:
        return "the skeleton in mocap_files" if "encoder" in key else "ae_dense_layer_sizes"
    if "rnn" in key and not both:
        return "ae_rnn_bidirectional" if "reverse" in key else "ae_rnn_layer_count"
    if "rnn" in key:
        return "ae_rnn_layer_size"
    if "fc_" in key or (key == "dense_layers.decoder_dense_0.weight" and both):
        return "latent_dim and ae_dense_layer_sizes"
    if "final" in key:
        return "the skeleton in mocap_files, ae_rnn_layer_size, ae_rnn_bidirectional and ae_dense_layer_sizes"
    return "ae_dense_layer_sizes, ae_rnn_layer_size and ae_rnn_bidirectional"


# ---------------------------------------------------------------------------------------------------------------------
# results


def check_run(epochs, load_weights, export_seq_index, pairs):
    """What cannot be trained or exported is said before the training, not after it."""
    if epochs == 0 and not load_weights:
        raise InputError("epochs = 0: nothing is trained; set load_weights = True to export from trained weights.")
    if export_seq_index >= len(pairs):
        raise InputError(
            f"export_seq_index = {export_seq_index}: mocap_files has {len(pairs)} pair(s), counted from 0."
        )


def prepare_results(path, script):
    """Make the results folders, moving aside what an earlier run left, and prove that they can be written."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        earlier = [path / name for name in RUN_FILES if _holds_something(path / name)]
        if earlier:
            _move_aside(path, earlier, script)
        for name in RESULT_FOLDERS:
            (path / name).mkdir(exist_ok=True)
            probe = path / name / ".write_test"
            probe.write_bytes(b"")
            probe.unlink()
    except OSError as error:
        raise InputError(
            f"results_path = {str(path)!r}: cannot be written ({error.strerror}). Choose another folder, "
            f"close programs that use it, or correct its permissions."
        ) from error
    return path


def _holds_something(path):
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _move_aside(path, earlier, script):
    """To previous/<time>_<script>: when the earlier run began, and which script it was."""
    config = path / "config.json"
    began = config.stat().st_mtime if config.exists() else time.time()
    # an unfinished or foreign folder is named after this run's script
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        script = str(json.loads(config.read_text(encoding="utf-8"))["script"])
    name = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(began)) + "_" + Path(script).stem
    target = path / "previous" / name
    count = 1
    while target.exists():
        count += 1
        target = path / "previous" / f"{name}_{count}"
    target.mkdir(parents=True)
    for item in earlier:
        item.rename(target / item.name)
    console.note(f"the results of an earlier run were moved to {target}")
