"""How good a model is: figures of generated motion beside baselines and the recording."""

from common.evaluation.evaluate import Evaluation

__all__ = ["Evaluation"]
