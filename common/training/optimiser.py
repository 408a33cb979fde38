"""Adam, with layer-wise learning rates: one for each parameter tensor.

They are measured once, before the first step. Adam's first step changes each number of a tensor by the learning rate,
so the loss by up to that times Σ|g|. The gradient of an LSTM's recurrent weights adds up over a window: there, Σ|g| is
some ten thousand times that of a last layer, and a step that is small for the one is far too large for the other. So
each tensor gets a rate at which its first step changes the same share of the loss.
"""

from common.runtime import devices, parallel
from common.training.schedule import learning_rate

import torch

LOSS_SHARE = 30.0  # times the learning rate is the share of the loss that the first step of a tensor may change
LARGEST_RATE = 10.0  # times the learning rate


class Optimiser:
    """Adam (Kingma & Ba, 2015) over the parameters of nets {name: module}. `factors` are what the learning rate is
    multiplied by for each parameter tensor: 1, until `find_rates`."""

    def __init__(self, nets, first_rate, schedule):
        self.parameters = [parameter for net in nets.values() for parameter in net.parameters()]
        self.first_rate, self.schedule = first_rate, schedule
        self.factors = [1.0] * len(self.parameters)
        self.adam = _make_adam(self.parameters)
        self.set_epoch(0)

    def zero_grad(self):
        self.adam.zero_grad()

    def step(self):
        self.adam.step()

    def set_epoch(self, epoch):
        """Set the learning rates of an epoch (from 0)."""
        rate = learning_rate(epoch, self.first_rate, self.schedule)
        for group, factor in zip(self.adam.param_groups, self.factors, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate * factor)  # where a CUDA graph reads it
            else:
                group["lr"] = rate * factor

    def find_rates(self, losses):
        """Set layer-wise learning rates from the gradients of the total loss of a few batches, {name: 0-d tensor} each,
        which are computed as they are asked for."""
        sums = 0.0
        with devices.memory_watched(self.parameters[0].device):
            for batch_losses in losses:
                sums = sums + self._sizes(batch_losses["total"])
        loss, *sizes = parallel.add_up(sums).tolist()  # the same in all processes
        self.factors = [min(LARGEST_RATE, LOSS_SHARE * loss / max(size, 1e-30)) for size in sizes]

    def _sizes(self, loss):
        """A loss, and the sum of the absolute gradients of each parameter tensor, (1 + P,)."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        sizes = [loss.detach() * 0 if gradient is None else gradient.abs().sum() for gradient in gradients]
        return torch.stack([loss.detach(), *sizes])

    def state(self):
        """All that `load_state` needs to go on, as plain values and tensors."""
        return {"adam": self.adam.state_dict()["state"], "factors": self.factors}

    def load_state(self, state):
        groups = self.adam.state_dict()["param_groups"]
        self.adam.load_state_dict({"state": state["adam"], "param_groups": groups})
        self.factors = state["factors"]


def make_optimiser(nets, first_rate, schedule):
    """The Optimiser of nets {name: module}, at the first epoch's learning rate."""
    return Optimiser(nets, first_rate, schedule)


def _make_adam(parameters):
    """Adam as one operation over a tensor where this torch has that for the device; each tensor has its own rate."""
    groups = [{"params": [parameter], "lr": 0.0} for parameter in parameters]
    device = parameters[0].device
    if device.type == "cuda" and parallel.world_size() == 1:
        groups = [group | {"lr": torch.zeros((), device=device)} for group in groups]
        return torch.optim.Adam(groups, fused=True, capturable=True)
    try:
        return torch.optim.Adam([dict(group) for group in groups], fused=True)  # which writes into them
    except RuntimeError:  # on the CPU before torch 2.4, for one
        return torch.optim.Adam(groups)
