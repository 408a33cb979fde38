"""Where the training runs: the device, its number format, and how the CPU's threads and memory are used."""

import contextlib
import ctypes
import errno
import math
import os
import sys
import time

from common.runtime import console, parallel
from common.runtime.errors import InputError

import torch

MOST_THREADS = 8  # a time step of an LSTM, 16 × 256 × 1024, is no work for more
TRIAL_SIZE, TRIAL_RUNS = 512, 5  # of the matrix products that compare number formats
# of glibc's mallopt: give memory back to the system, take it directly from the system, and take some in advance
TRIM_THRESHOLD, MMAP_THRESHOLD, TOP_PAD = -1, -3, -2
KEPT, MOST_BEFORE_GLIBC_2_35 = 1 << 30, 1 << 25  # bytes


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
        _keep_memory()
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


def _keep_memory():
    """Keep memory that a training step frees for the next step. By default the C library of Linux returns it to the
    system, which clears it page by page when it is asked for again: up to a fifth of a step's time."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # which the C library of a few Linux systems has not
    if mallopt:
        mallopt(TRIM_THRESHOLD, KEPT)
        # one that is refused would be worse than none: it stays at its least, as soon as another option is set
        _ = mallopt(MMAP_THRESHOLD, KEPT) or mallopt(MMAP_THRESHOLD, MOST_BEFORE_GLIBC_2_35)
        mallopt(TOP_PAD, KEPT // 16)


def pick_precision(name, device):
    """True if the models should compute in bfloat16: where that is asked for, and not slower than float32."""
    if name != "bfloat16":
        return False
    slower = math.inf
    if has_bfloat16(device):
        slower = _product_seconds(device, torch.bfloat16) / _product_seconds(device, torch.float32)
    refused = parallel.any_of(slower > 1, device)
    if refused:
        how = f"multiplies matrices in it {slower:.1f} times slower than in float32"
        how = how if math.isfinite(slower) else "has no LSTM in it"
        console.note(f'precision = "bfloat16": this device {how}; training in float32.')
    return not refused


def has_bfloat16(device):
    """Whether the device trains LSTMs in bfloat16, which some processors without AVX-512 do not."""
    rnn = torch.nn.LSTM(4, 4, device=device)
    try:
        with torch.autocast(device.type, torch.bfloat16):
            rnn(torch.ones(1, 2, 4, device=device))[0].sum().backward()
    except RuntimeError:
        return False
    return True


def _product_seconds(device, dtype):
    """The least time of a matrix product."""
    matrix = torch.ones(TRIAL_SIZE, TRIAL_SIZE, device=device, dtype=dtype)
    seconds = []
    for _ in range(TRIAL_RUNS):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()  # which waits for the device
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def out_of_memory(error):
    """Whether an error means that a device, or this machine, has no memory left."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


@contextlib.contextmanager
def memory_to_spare(path):
    """For what a training can do without: too little memory is an OSError of the file that it was for."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise OSError(errno.ENOMEM, "the device has no memory left for it", str(path)) from error
