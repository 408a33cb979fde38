"""Means of an epoch's losses."""

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
