"""Means of an epoch's losses."""

from common.runtime import parallel

import torch


class RunningMean:
    """Means of several losses over an epoch, weighted by batch size, read from the device once."""

    def __init__(self, loss_count, device):
        self.total, self.count = torch.zeros(loss_count, device=device), 0.0

    def add(self, losses, count):
        self.total = self.total + losses * count
        self.count += count

    def sums(self):
        """The losses and the counts, added up over all processes."""
        return parallel.add_up(self.total.clone()), parallel.add_up(torch.tensor(self.count).to(self.total))

    def means(self):
        """A list of floats, over the batches of all processes; empty where nothing was added."""
        total, count = self.sums()
        return (total / count).tolist() if count else []
