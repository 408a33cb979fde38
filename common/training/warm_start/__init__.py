"""Weights set by regression before the first step."""

from common.training.warm_start import start


def translation(nets, windows, generator):
    """Let an encoder and a decoder start as dancer 2's most likely answer to dancer 1's movement."""
    start.translation(nets["encoder"], nets["decoder"], windows, generator)


def deepfake(nets, windows, generator):
    """Let an encoder and two decoders start as what each dancer most likely moves, given the movement of either."""
    start.deepfake(nets["encoder"], [nets["decoder1"], nets["decoder2"]], windows, generator)


__all__ = ["deepfake", "translation"]
