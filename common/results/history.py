"""The training history: a row an epoch, as CSV and as a plot.

Matplotlib is imported by what draws. It takes half a second, and nobody should wait for it before the training starts;
that it is installed has been checked by then, in common/__init__.py.
"""

import csv
import gc
import math
from pathlib import Path

from common.runtime import console
from common.runtime.files import whole_file

ERRORS = ("held out degrees", "held out cm")
FIGURE_INCHES = (13.5, 4.5)
# of the figure; a layout engine, which would find them itself, takes twice as long as all of the drawing
MARGINS = {"left": 0.05, "right": 0.985, "bottom": 0.19, "top": 0.93, "wspace": 0.18}
# below the axes, where no curve is
LEGEND = {
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.13),
    "ncols": 4,
    "frameon": False,
    "columnspacing": 1,
    "handlelength": 1.5,
}
TOTALS = {"ae train": "training", "ae test": "held out"}
PARTS = {"ae norm": "unit length", "ae pos": "position (cm)", "ae quat": "rotation (rad)", "ae kld": "KL"}
HELD_OUT = {"held out degrees": "rotation (degrees)", "held out cm": "position (cm)"}


class History:
    """A row {column: number} per finished epoch: the total loss of the training and of the held-out part, every part of
    the training's, by its name, and two errors on the held-out part."""

    def __init__(self, rows=()):
        self.rows = list(rows)

    def __len__(self):
        return len(self.rows)

    def add(self, train, test, held_out=(math.nan, math.nan)):
        """Append an epoch's mean losses {name: number}, "total" first; of the test's, which may be none, the total is
        kept. `held_out` are the mean errors of the joints that move, in degrees and cm."""
        parts = {f"ae {name}": value for name, value in train.items() if name != "total"}
        totals = {"ae train": train["total"], "ae test": test.get("total", math.nan)}
        self.rows.append(totals | parts | dict(zip(ERRORS, held_out, strict=True)))

    def log_line(self, seconds):
        """The last epoch, as one line."""
        row = self.rows[-1]
        parts = [f"{name.removeprefix('ae ')} {row[name]:.4f}" for name in row if name not in (*TOTALS, *ERRORS)]
        return (
            f"epoch {len(self.rows)} : ae train: {row['ae train']:.4f} ae test: {row['ae test']:.4f} "
            f"{' '.join(parts)} time {seconds:.2f}"
        )

    def save(self, folder, epochs):
        """Write history_<epochs>.csv and .png into a folder; nothing before the first epoch is finished."""
        if not self.rows:
            return
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        stem = Path(folder) / f"history_{epochs}"
        with whole_file(f"{stem}.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((self.rows[-1], *(row.values() for row in self.rows)))
        figure = Figure(figsize=FIGURE_INCHES)
        FigureCanvasAgg(figure)
        self.draw(figure)
        with whole_file(f"{stem}.png") as partial:
            figure.savefig(partial, dpi=110)
        del figure
        gc.collect()  # a figure is full of circles, and dozens would wait in memory for Python to look for them

    def draw(self, figure):
        """The totals, their parts, and the errors on the held-out part, each on a logarithmic scale."""
        epochs = range(1, len(self.rows) + 1)
        columns = {name: [row[name] for row in self.rows] for name in self.rows[-1]}
        parts = {name: PARTS.get(name, name.removeprefix("ae ")) for name in columns if name not in (*TOTALS, *ERRORS)}
        marker = "o" if len(self.rows) < 40 else None
        titles = ("total loss", "its parts in training, unscaled", "held out: error of the joints that move")
        for axes, title, curves in zip(
            figure.subplots(1, 3, gridspec_kw=MARGINS), titles, (TOTALS, parts, HELD_OUT), strict=True
        ):
            for name, label in curves.items():
                axes.plot(epochs, columns[name], label=label, marker=marker, markersize=3)
            axes.set(title=title, xlabel="epoch", yscale="log")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(_between_powers())
            axes.grid(True, which="both", alpha=0.25)
            axes.legend(**LEGEND)

    def show(self):
        """Show the plot in a window, where there is a display; returns when it is closed."""
        if not console.has_display():
            return
        import matplotlib.pyplot as plt  # which looks for a display as it is imported

        if plt.get_backend().lower() in ("agg", "pdf", "svg", "ps", "cairo", "template"):
            return
        self.draw(plt.figure(figsize=FIGURE_INCHES))
        plt.show()


def _between_powers():
    """Labels of a logarithmic axis between the powers of ten, where there is room: 0.9, where Matplotlib has 9e-01."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x, pos=None):
            return f"{x:g}" if super().__call__(x, pos) else ""

    return Plain(minor_thresholds=(2, 0.5))
