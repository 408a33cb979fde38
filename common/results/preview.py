"""A look at what has been learnt so far: a short GIF of a stretch that is not trained on, figures side by side."""

from common.dataset import preview_stretch
from common.mocap import cut_clip, first_frames
from common.results import stick_figure
from common.runtime import devices

SECONDS = 4
PANEL = 0.75  # of the size of a clip's GIF: several figures fit on a screen, and are drawn in the time of one
SHORTEST_DELAY = 0.04  # seconds: half of a clip's pictures are enough


class Preview:
    """The stretch that previews show: the first seconds that are held out, or the last of what is trained on.

    `takes` are those of the pair, `clips` what the models need of the stretch: a window, if that is longer.
    """

    def __init__(self, pairs, ranges, test_percentage, sequence_length, view, folder):
        fps, self.view, self.folder = pairs[0][0].fps, view, folder
        self.shown = max(1, round(SECONDS * fps))  # frames
        pair, start, end, self.held_out = preview_stretch(
            ranges, test_percentage, sequence_length, max(self.shown, sequence_length)
        )
        self.takes = pairs[pair]
        self.clips = [cut_clip(take, start, end, ranges[pair]) for take in self.takes]

    def path(self, epoch):
        """Where the preview of an epoch is."""
        return self.folder / f"preview_epoch_{epoch}.gif"

    def save(self, figures, epoch):
        """Write the preview of an epoch. `figures(clips, takes)` gives rows of (caption, Mocap). Raises OSError."""
        path = self.path(epoch)
        with devices.memory_to_spare(path):
            rows = [
                [(caption, first_frames(take, self.shown)) for caption, take in row]
                for row in figures(self.clips, self.takes)
            ]
        part = "held out" if self.held_out else "trained on"
        *angles, size = self.view
        stick_figure.save_side_by_side(rows, f"epoch {epoch}, {part}", path, *angles, PANEL * size, SHORTEST_DELAY)
