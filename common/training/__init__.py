"""Train: the optimiser and its schedule, the loop and what wraps a step, and the warm start."""

from common.training import warm_start
from common.training.best import BestWeights
from common.training.loop import Loop, check_finite, seed_everything
from common.training.means import HeldOutMeans, Means
from common.training.optimiser import make_optimiser

__all__ = [
    "BestWeights",
    "HeldOutMeans",
    "Loop",
    "Means",
    "check_finite",
    "make_optimiser",
    "seed_everything",
    "warm_start",
]
