"""What a run keeps up to date: at every save interval, when it is stopped, and at its end."""

from common import console, interrupt, parallel, results


class Saves:
    """The checkpoint, and what is added to it. All processes take part in the checkpoint; the rest is process 0's."""

    def __init__(self, progress, interval):
        self.progress, self.interval = progress, interval  # epochs
        self.actions, self.watched, self.told = [], [], False

    def add(self, action, watch=None, within_epochs=True):
        """Have something saved too: `action()` may raise OSError. `watch` is the file in which a user sees how it goes.
        Without `within_epochs` it is left out when the training is stopped within an epoch."""
        self.actions.append((action, within_epochs))
        self.watched += [] if watch is None else [str(watch)]

    def save(self, last=False):
        """Save everything. Raises OSError only if it is the last time."""
        actions = [self.progress.save]
        if parallel.rank() == 0:
            whole = self.progress.batch == 0
            actions += [action for action, within_epochs in self.actions if whole or within_epochs]
        results.save_all(actions, last)
        if self.watched and not last and not self.told:
            every = "epoch" if self.interval == 1 else f"{self.interval} epochs"
            console.line(f"see how it goes, anew every {every}: {', '.join(self.watched)}")
            self.told = True

    def checkpoint(self):
        """Save what is needed to go on, and no more."""
        results.save_all([self.progress.save])

    def stopped(self, stop):
        """Whether the training is to stop, for all processes alike; everything is saved then."""
        if not parallel.any_of(stop.asked, self.progress.step.device):
            return False
        console.line(f"stopping: everything is saved{interrupt.CLIPS_FOLLOW if stop.clips else ''}")
        self.save(last=True)
        stop.saved.set()
        return True
