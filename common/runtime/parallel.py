"""Several processes that train one model together, as `torchrun` starts them; without it, one.

Every process reads the same files and draws the same random numbers; of every batch it computes its own share. Process
0 alone prints, saves and exports.
"""

import os
import sys

import torch
from torch import distributed


def join(device):
    """Meet the other processes, if torchrun started this one with its device."""
    if world_size() > 1:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def world_size():
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank():
    """The number of this process, from 0."""
    return int(os.environ["RANK"]) if world_size() > 1 else 0


def share(batch):
    """This process's part of a batch (first axis)."""
    return batch[rank() :: world_size()]


def add_up(numbers):
    """A tensor, summed over all processes."""
    if world_size() > 1:
        distributed.all_reduce(numbers)
    return numbers


def any_of(flag, device):
    """Whether a flag is set in any process: all of them get the same answer."""
    return bool(add_up(torch.tensor(float(flag), device=device))) if world_size() > 1 else flag


def distribute(nets):
    """Nets {name: module} with DistributedDataParallel around each, which averages the gradients of all processes; the
    nets themselves where there is one process. Checkpoint, weights and evaluation go on with the bare nets, whose
    parameters these are."""
    if world_size() == 1:
        return nets
    return {name: torch.nn.parallel.DistributedDataParallel(net) for name, net in nets.items()}


def wait():
    """Wait until all processes have come this far."""
    if world_size() > 1:
        distributed.barrier()


def lost_another(error):
    """Whether a RuntimeError comes from talking to a process that has ended."""
    return world_size() > 1 and ("gloo" in str(error) or isinstance(error, distributed.DistBackendError))


def leave():
    """Take leave of the other processes: process 0 goes on alone, all others end here.

    They end without the clean-up of the interpreter: a thread of torch's may still be letting go of the last tensors
    that were exchanged, for which it needs an interpreter, and where there is none any more the whole process aborts.
    """
    if world_size() > 1:
        distributed.destroy_process_group()
        if rank() > 0:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(0)
