"""A look at what has been learnt so far: a short GIF of a stretch that is not trained on, figures side by side."""

from common.mocap import first_frames
from common.model import generate
from common.results import stick_figure

SECONDS = 4
PANEL = 0.75  # of the size of a clip's GIF: several figures fit on a screen, and are drawn in the time of one
SHORTEST_DELAY = 0.04  # seconds: half of a clip's pictures are enough


class Preview:
    """The stretch that previews show: the first seconds that are held out, or the last of what is trained on.

    `takes` are those of the pair, `clips` what the models need of the stretch: a window, if that is longer.
    """

    def __init__(self, duet, sequence_length, view, folder):
        self.sequence_length, self.view, self.folder = sequence_length, view, folder
        self.shown = max(1, round(SECONDS * duet.fps))  # frames
        pair, start, end, self.held_out = duet.preview(sequence_length, max(self.shown, sequence_length))
        self.takes, self.clips = duet.pairs[pair], duet.motions(pair, start, end)

    def path(self, epoch):
        """Where the preview of an epoch is."""
        return self.folder / f"preview_epoch_{epoch}.gif"

    def save(self, conversions, epoch):
        """Write the preview of an epoch: each recorded dancer beside what the models make of them. Raises OSError."""
        rows = [self._row(conversion) for conversion in conversions if conversion.source != conversion.target]
        part = "held out" if self.held_out else "trained on"
        *angles, size = self.view
        title = f"epoch {epoch}, {part}"
        stick_figure.save_side_by_side(rows, title, self.path(epoch), *angles, PANEL * size, SHORTEST_DELAY)

    def _row(self, conversion):
        dancer, target = conversion.path_of, conversion.target
        caption = (
            f"dancer {dancer + 1} as dancer {target + 1}" if dancer != target else f"dancer {dancer + 1}, predicted"
        )
        motion = generate.convert_clip(conversion, self.clips, self.takes, self.sequence_length)
        both = (f"dancer {dancer + 1}, recorded", self.clips[dancer]), (caption, motion)
        return [(caption, first_frames(take, self.shown)) for caption, take in both]
