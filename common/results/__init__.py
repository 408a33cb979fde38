"""Export: what a run leaves in its results folder."""

from common.results.clips import export_clips
from common.results.preview import Preview
from common.results.run import Run
from common.results.weights import save_weights

__all__ = ["Preview", "Run", "export_clips", "save_weights"]
