"""Means of losses, over an epoch's batches or over the held-out part."""

from common.runtime import parallel

import torch


class Means:
    """Means of losses by name, weighted by how many windows they are of, and read from the device once."""

    def __init__(self, sums=None, count=0.0):
        self.sums, self.count = dict(sums or {}), count

    def add(self, losses, count):
        """Add losses {name: 0-d tensor} that are means over `count` windows."""
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss.detach() * count
        self.count += count

    def over_processes(self):
        """The same Means over the windows of all processes."""
        if not self.sums:
            return Means()
        names, sums = list(self.sums), torch.stack(list(self.sums.values()))
        count = parallel.add_up(torch.tensor(float(self.count)).to(sums))
        return Means(dict(zip(names, parallel.add_up(sums).unbind(), strict=True)), float(count))

    def means(self):
        """The means over the windows of all processes, {name: float}; empty where nothing was added."""
        total = self.over_processes()
        if not total.count:
            return {}
        sums = torch.stack(list(total.sums.values()))
        return dict(zip(total.sums, (sums / total.count).tolist(), strict=True))


class HeldOutMeans:
    """Means of losses over the held-out part, and over its half that chooses the best weights, of a Loop's batches."""

    def __init__(self, loop):
        self.loop, self.held_out, self.validation = loop, Means(), Means()

    def add(self, losses, batch):
        """Add losses {name: 0-d tensor} that are means over a HeldOutBatch."""
        self.held_out.add(losses, len(batch))
        self.validation.add(losses, len(batch) if batch.validates else 0)

    def means(self):
        """Both, ({name: float}, {name: float}); empty ones where the user has stopped the loop on the way."""
        both = self.held_out.means(), self.validation.means()
        return ({}, {}) if self.loop.stopped else both
