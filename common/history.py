"""The training history: a row an epoch, as CSV and as a plot.

Matplotlib is imported by what draws. It takes half a second, and nobody should wait for it before the training starts;
that it is installed has been checked by then, in common/__init__.py.
"""

import csv
import math
from pathlib import Path

from common import console
from common.files import whole_file

COLUMNS = ("ae train", "ae test", "ae norm", "ae pos", "ae quat", "ae kld")
FIGURE_INCHES = (10, 4.5)
# of the figure; a layout engine, which would find them itself, takes twice as long as all of the drawing
MARGINS = {"left": 0.065, "right": 0.985, "bottom": 0.11, "top": 0.93, "wspace": 0.16}
PARTS = {"ae norm": "unit length", "ae pos": "position (cm)", "ae quat": "rotation (rad)", "ae kld": "KL"}


class History:
    """Rows of the six losses of COLUMNS, one per finished epoch."""

    def __init__(self):
        self.rows = []

    def add(self, train, test):
        """Append an epoch's means of (total, norm, pos, quat, kld); of the held-out ones, which may be none, the
        total is kept."""
        self.rows.append((train[0], test[0] if test else math.nan, *train[1:]))

    def log_line(self, seconds):
        """The last epoch, as one line."""
        train, test, norm, pos, quat, kld = self.rows[-1]
        return (
            f"epoch {len(self.rows)} : ae train: {train:.4f} ae test: {test:.4f} norm {norm:.4f} "
            f"pos {pos:.4f} quat {quat:.4f} kld {kld:.4f} time {seconds:.2f}"
        )

    def save(self, folder, epochs):
        """Write history_<epochs>.csv and .png into a folder."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        stem = Path(folder) / f"history_{epochs}"
        with whole_file(f"{stem}.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((COLUMNS, *self.rows))
        figure = Figure(figsize=FIGURE_INCHES)
        FigureCanvasAgg(figure)
        self.draw(figure)
        with whole_file(f"{stem}.png") as partial:
            figure.savefig(partial, dpi=110)

    def draw(self, figure):
        """The totals on the left, their parts on the right, each on a logarithmic scale."""
        from matplotlib.ticker import LogFormatter

        epochs = range(1, len(self.rows) + 1)
        columns = dict(zip(COLUMNS, zip(*self.rows, strict=True), strict=True))
        marker = "o" if len(self.rows) < 40 else None
        totals, parts = figure.subplots(1, 2, gridspec_kw=MARGINS)
        for name, label in {"ae train": "training", "ae test": "held out"}.items():
            totals.plot(epochs, columns[name], label=label, marker=marker, markersize=3)
        for name, label in PARTS.items():
            parts.plot(epochs, columns[name], label=label, marker=marker, markersize=3)
        for axes, title in ((totals, "total loss"), (parts, "its parts in training, unscaled")):
            axes.set(title=title, xlabel="epoch", yscale="log")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
            axes.grid(True, which="both", alpha=0.25)
            axes.legend(frameon=False)

    def show(self):
        """Show the plot in a window, where there is a display; returns when it is closed."""
        if not console.has_display():
            return
        import matplotlib.pyplot as plt  # which looks for a display as it is imported

        if plt.get_backend().lower() in ("agg", "pdf", "svg", "ps", "cairo", "template"):
            return
        self.draw(plt.figure(figsize=FIGURE_INCHES))
        plt.show()
