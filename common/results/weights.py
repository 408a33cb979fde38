"""Weights files: trained parameters as they are saved, loaded, and checked."""

import io
import warnings
import zipfile
from pathlib import Path

from common.runtime.errors import InputError
from common.runtime.files import whole_file

import torch

BUFFER = 1 << 20  # bytes


def save_weights(nets, folder, epoch, best=None, keep=False):
    """Write each net's parameters as <name>_weights_epoch_<epoch>, or keep the files of that name that are there; and
    the best ones {name: state_dict}, where there are any, as <name>_weights_best."""
    for name, net in nets.items():
        path = Path(folder) / f"{name}_weights_epoch_{epoch}"
        if not (keep and path.exists()):
            save_state(net.state_dict(), path)
    for name, state in (best or {}).items():
        save_state(state, Path(folder) / f"{name}_weights_best")


def keep_weights(models, files, folder):
    """Write weights that were loaded {model name: path} from this folder into it again, under their own file names.

    What an earlier run left there has been moved aside, and the constants that name it should go on to work.
    """
    for name, model in models.items():
        if Path(files[name]).parent.resolve() == Path(folder).resolve():
            save_state(model.state_dict(), files[name])


def save_state(state, path):
    """Write a net's state_dict, float32 on the CPU. Raises OSError."""
    write({key: value.detach().float().cpu().clone() for key, value in state.items()}, path)


def load_weights(models, files):
    """Load weights files {model name: path} into models; nothing in a file is executed.

    Raises FileNotFoundError or InputError, naming the constants that do not fit the file.
    """
    for name, model in models.items():
        _load_state(model, files[name], f"{name}_weights_file")


def write(content, path):
    """Write what `read` reads. Raises OSError.

    torch gets an open file instead of a path, whose name it would put inside the file, and writes it tensor by tensor.
    """
    with whole_file(path) as partial, _WatchedFile(partial, "wb") as raw, io.BufferedWriter(raw, BUFFER) as file:
        try:
            torch.save(content, file)
            file.flush()
        except RuntimeError:  # what torch makes of a full disk
            if raw.error is None:
                raise
            raise raw.error from None


class _WatchedFile(io.FileIO):
    """A file that keeps the OSError that writing to it has raised."""

    error = None

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


def read(path):
    """What torch.save has written to a file, on the CPU. Nothing in it is executed, and nothing in it is larger than
    the file: torch packs nothing, so what is packed is not from it. Raises what torch.load raises, and ValueError."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
        packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
        if packed or sum(part.file_size for part in parts) > Path(path).stat().st_size:
            raise ValueError("its content is packed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whoever asked says it in other words
        return torch.load(path, map_location="cpu", weights_only=True)


def _load_state(model, path, constant):
    if not Path(path).is_file():
        raise FileNotFoundError(2, f"no such weights file; check {constant}", str(path))
    try:
        state = read(path)
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
        model_shape = list(expected[key].shape) if key in expected else "nothing"
        file_shape = list(state[key].shape) if key in state else "nothing"
        if model_shape != file_shape:
            raise InputError(
                f"{where}: does not fit the model at {key}: the model has {model_shape}, the file {file_shape}. "
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
