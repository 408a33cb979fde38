"""The warm start: weights set by regression before the first step. README.md says how."""

from common.training.warm_start.start import deepfake, translation

__all__ = ["deepfake", "translation"]
