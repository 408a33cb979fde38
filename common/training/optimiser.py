"""Adam, with layer-wise learning rates: one for each parameter tensor.

They are measured once, before the first step. Adam's first step changes each number of a tensor by the learning rate,
so the loss by up to that times Σ|g|. The gradient of an LSTM's recurrent weights adds up over a window: there, Σ|g| is
some ten thousand times that of a last layer, and a step that is small for the one is far too large for the other. So
each tensor gets a rate at which its first step changes the same share of the loss.
"""

from common.runtime import devices, parallel
from common.training.schedule import learning_rate

import torch
from torch.optim.adam import adam  # the function: to make a torch.optim.Adam imports torch's compiler, 70 MB and 2 s

LOSS_SHARE = 30.0  # times the learning rate is the share of the loss that the first step of a tensor may change
LARGEST_RATE = 10.0  # times the learning rate


class Optimiser:
    """Adam (Kingma & Ba, 2015) over the parameters of nets {name: module}. `factors` are what the learning rate is
    multiplied by for each parameter tensor: 1, until `find_rates`."""

    def __init__(self, nets, first_rate, schedule):
        self.parameters = [parameter for net in nets.values() for parameter in net.parameters()]
        self.first_rate, self.schedule = first_rate, schedule
        self.factors = [1.0] * len(self.parameters)
        device = self.parameters[0].device
        self.is_fused = _is_fused(device)
        self.states = [_new_state(parameter, self.is_fused) for parameter in self.parameters]
        self.rates = [0.0] * len(self.parameters)
        if device.type == "cuda" and parallel.world_size() == 1:
            self.rates = [torch.zeros((), device=device) for _ in self.parameters]  # where a CUDA graph reads them
        self.set_epoch(0)

    def zero_grad(self):
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self):
        for parameter, state, rate in zip(self.parameters, self.states, self.rates, strict=True):
            if parameter.grad is not None:
                _update(parameter, parameter.grad, state, rate, self.is_fused)

    def set_epoch(self, epoch):
        """Set the learning rates of an epoch (from 0)."""
        first = learning_rate(epoch, self.first_rate, self.schedule)
        for place, factor in enumerate(self.factors):
            if isinstance(self.rates[place], torch.Tensor):
                self.rates[place].fill_(first * factor)
            else:
                self.rates[place] = first * factor

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
        return {"adam": dict(enumerate(self.states)), "factors": self.factors}

    def load_state(self, state):
        for place, saved in state["adam"].items():
            for name, numbers in saved.items():
                self.states[place][name].copy_(numbers)
        self.factors = state["factors"]


def make_optimiser(nets, first_rate, schedule):
    """The Optimiser of nets {name: module}, at the first epoch's learning rate."""
    return Optimiser(nets, first_rate, schedule)


def _new_state(parameter, is_fused):
    """What Adam remembers of a parameter tensor: steps taken, and the means of gradients and their squares."""
    return {
        "step": torch.zeros((), device=parameter.device if is_fused else "cpu"),
        "exp_avg": torch.zeros_like(parameter, requires_grad=False),
        "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
    }


def _update(parameter, gradient, state, rate, is_fused):
    """Adam's step of one parameter tensor, each of which has its own rate."""
    means, squares, steps = [state["exp_avg"]], [state["exp_avg_sq"]], [state["step"]]
    constants = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
    adam([parameter], [gradient], means, squares, [], steps, fused=is_fused, lr=rate, **constants)


def _is_fused(device):
    """Whether this torch has Adam as one operation over a tensor of the device. On the CPU it has from 2.4 on."""
    number = torch.zeros(1, device=device)
    try:
        _update(number, number, _new_state(number, True), 0.0, True)
    except RuntimeError:
        return False
    return True
