"""What a run keeps up to date: at every save interval, when it is stopped, and at its end."""

from common.results.folder import save_all
from common.runtime import console, interrupt, parallel


class Saves:
    """The checkpoint, and what is added to it. All processes take part in the checkpoint; the rest is process 0's."""

    def __init__(self, progress, interval):
        self.progress, self.interval = progress, interval  # epochs
        self.actions, self.looks, self.watched, self.told = [self.progress.save], [], [], False

    def add(self, action, watch=None, within_epochs=True):
        """Have something saved too: `action()` may raise OSError. `watch` is the file in which a user sees how it goes.
        Without `within_epochs` it is no more than a look: left out when the training is stopped within an epoch, and
        nothing to end a run for."""
        if parallel.rank() == 0:
            (self.actions if within_epochs else self.looks).append(action)
        self.watched += [] if watch is None else [str(watch)]

    def save(self, last=False):
        """Save everything. Raises OSError only if it is the last time."""
        save_all(self.actions, last)
        save_all(self.looks if self.progress.batch == 0 else [], last, needed=False)
        if self.watched and not last and not self.told:
            every = "epoch" if self.interval == 1 else f"{self.interval} epochs"
            console.line(f"see how it goes, anew every {every}: {', '.join(self.watched)}")
            self.told = True

    def checkpoint(self):
        """Save what is needed to go on, and no more."""
        save_all([self.progress.save])

    def stopped(self, stop):
        """Whether the training is to stop, for all processes alike; everything is saved then."""
        if not parallel.any_of(stop.asked, self.progress.step.device):
            return False
        console.line(f"stopping: everything is saved{interrupt.CLIPS_FOLLOW if stop.clips else ''}")
        self.save(last=True)
        stop.saved.set()
        return True
