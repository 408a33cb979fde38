"""The best weights of a training, and when it stops paying."""

import math

from common.runtime import console


class BestWeights:
    """The weights with the smallest reconstruction loss on the validation windows so far: norm, position and rotation
    with their scales, without the KL. `epoch` says after how many epochs that was, 0 for the start itself, and is None
    where there is nothing to choose by."""

    def __init__(self, keep=True):
        """Without `keep` the weights themselves are not held."""
        self.keep, self.epoch, self.loss, self.weights = keep, None, math.inf, {}
        self.epochs_since = 0  # the best, or since the training went on

    def offer(self, nets, epoch, losses, kld_scale):
        """Compare the nets {name: module} after an epoch by their mean losses {name: number} on the validation windows,
        of which there may be none."""
        self.epochs_since += 1
        if not losses:
            return
        loss = losses["total"] - float(kld_scale) * losses["kld"]
        if not loss < self.loss:
            return
        self.loss, self.epoch, self.epochs_since = loss, epoch, 0
        if self.keep:
            self.weights = {name: _copy(net.state_dict()) for name, net in nets.items()}
        if epoch:
            console.line(f"the best so far: held-out reconstruction {loss:.4f}")

    def stops_paying(self, stop_after):
        """Whether the training should end, since `stop_after` epochs have brought nothing better; says so."""
        if stop_after is None or self.epoch is None or self.epochs_since < stop_after:
            return False
        console.line(
            f"training ends: {self.epochs_since} epochs without a smaller held-out reconstruction (stop_after)"
        )
        return True

    def use(self, nets):
        """Give the nets their best weights, if there are any."""
        for name, weights in self.weights.items():
            nets[name].load_state_dict(weights)

    def state(self):
        return {"epoch": self.epoch, "loss": self.loss, "weights": self.weights}

    def load_state(self, state):
        self.epoch, self.loss, self.weights = state["epoch"], state["loss"], state["weights"]


def _copy(state):
    return {name: value.detach().cpu().clone() for name, value in state.items()}
