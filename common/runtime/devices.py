"""Where the training runs: the device, its number format, and how the CPU's threads and memory are used."""

import contextlib
import ctypes
import os
import sys

from common.runtime import console, parallel
from common.runtime.errors import InputError

import torch

MOST_THREADS = 8  # a time step of an LSTM, 16 × 256 × 1024, is no work for more
# of glibc's mallopt: give memory back to the system, take it directly from the system, and take some in advance
TRIM_THRESHOLD, MMAP_THRESHOLD, TOP_PAD = -1, -3, -2
THRESHOLD, LARGEST_BEFORE_GLIBC_2_35 = 1 << 30, 1 << 25  # bytes


def start(name):
    """The torch device for "auto", "cpu", "cuda" or "mps"; under torchrun, the processes also meet. Raises InputError
    where there is no such device."""
    device = pick_device(name)
    parallel.join(device)
    return device


def pick_device(name):
    """The torch device for "auto", "cpu", "cuda" or "mps"; auto takes the fastest there is."""
    if parallel.world_size() > 1:
        name = _device_of_process(name)
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name.split(":")[0]]:
        raise InputError(f'device = "{name}": this machine (or this build of torch) has none; use "auto".')
    try:
        device = torch.device(name)
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)  # where a recorded step looks for what it records
        torch.empty(1, device=device)
    except RuntimeError as error:
        raise InputError(f'device = "{name}": {str(error).splitlines()[0]}; use "auto".') from error
    if device.type == "cpu":
        _use_few_threads()
    return device


def _device_of_process(name):
    """Of several processes on a machine each has a CUDA device of its own; MPS has no way to talk to the others."""
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    number, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if number >= count:
        raise InputError(
            f'--nproc_per_node: this machine has {count} CUDA device(s). Start as many, or use device = "cpu".'
        )
    return f"cuda:{number}"


def describe(device):
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type


def _use_few_threads():
    if "OMP_NUM_THREADS" not in os.environ:  # else the user, or torchrun, has decided
        torch.set_num_threads(min(torch.get_num_threads(), MOST_THREADS))


@contextlib.contextmanager
def memory_kept(device):
    """Keep memory that a training step frees for the next step. By default the C library of Linux returns it to the
    system, which clears it page by page when it is asked for again: up to a fifth of a step's time. What was freed
    before, and what the last step leaves, goes back to the system."""
    library = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if device.type != "cpu" or not hasattr(library, "mallopt"):  # which the C library of a few Linux systems has not
        yield
        return
    library.malloc_trim(0)
    library.mallopt(TRIM_THRESHOLD, THRESHOLD)
    # one that is refused would be worse than none: it stays at its least, as soon as another option is set
    _ = library.mallopt(MMAP_THRESHOLD, THRESHOLD) or library.mallopt(MMAP_THRESHOLD, LARGEST_BEFORE_GLIBC_2_35)
    library.mallopt(TOP_PAD, THRESHOLD // 16)
    try:
        yield
    finally:
        library.malloc_trim(0)


@contextlib.contextmanager
def one_thread():
    """Compute on one CPU thread: for small matrices several are slower, since they wait for each other."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def precision(name, device):
    """A context in which models compute in the number format `name`: "float32" or "bfloat16", where the device has it.
    In bfloat16 are the products within the models; losses and weights stay float32."""
    if name == "float32":
        return contextlib.nullcontext()
    if parallel.any_of(not has_bfloat16(device), device):
        console.note('precision = "bfloat16": this device trains no LSTM in it; training in float32.')
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def has_bfloat16(device):
    """Whether the device trains LSTMs in bfloat16, which some processors without AVX-512 do not."""
    rnn = torch.nn.LSTM(4, 4, device=device)
    try:
        with torch.autocast(device.type, torch.bfloat16):
            rnn(torch.ones(1, 2, 4, device=device))[0].sum().backward()
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def memory_watched(device, batch_size=None):
    """Raise InputError that names a batch_size to try where memory does not suffice."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        size = "" if batch_size is None else f" batch_size = {batch_size}:"
        half = "a smaller batch_size" if batch_size is None else f"batch_size = {batch_size // 2}"
        if batch_size == 1:
            half = "a smaller sequence_length or ae_rnn_layer_size"
        raise InputError(f"{size} the memory of the device ({device}) does not suffice. Use {half}.".strip()) from error


def out_of_memory(error):
    """Whether an error means that a device, or this machine, has no memory left."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
