"""A training step as a CUDA graph."""

import collections

from common.runtime import console, devices

import torch

WARM_UP = 3  # steps before one is captured, of them at least one of the same size


class CudaGraph:
    """A step on CUDA, captured once as a CUDA graph and replayed: one launch instead of some thousand.

    `step` takes tensors, and tuples of tensors and of constants, and returns losses {name: 0-d tensor}. A
    graph reads and writes fixed places in memory, so every input is copied there; the last, smaller batch of an epoch
    has a graph of its own.
    """

    def __init__(self, step):
        self.step, self.calls, self.graphs = step, collections.Counter(), {}

    def __call__(self, *inputs):
        values = tensors_of(inputs)
        size = tuple(value.shape for value in values)
        if size not in self.calls or self.calls.total() < WARM_UP:
            self.calls[size] += 1
            return self._warm_up(inputs)
        if size not in self.graphs:
            self.graphs[size] = self._capture(inputs)
        if self.graphs[size] is None:
            return self.step(*inputs)
        graph, places, losses = self.graphs[size]
        for place, value in zip(places, values, strict=True):
            place.copy_(value)
        graph.replay()
        return {name: loss.clone() for name, loss in losses.items()}

    def _warm_up(self, inputs):
        """A step on a side stream. What CUDA's libraries set up at first use, and for another batch size, cannot be
        captured."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = self.step(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return losses

    def _capture(self, inputs):
        """The graph, its places and its losses; None where this torch or driver cannot capture the step."""
        places = copy_of(inputs)
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):  # captures the step's operations and runs none of them
                losses = self.step(*places)
        except RuntimeError as error:
            if devices.out_of_memory(error):
                raise
            console.note(f"a step cannot be recorded here, which makes it slower: {str(error).splitlines()[0]}")
            return None
        return graph, tensors_of(places), losses


def tensors_of(inputs):
    """The tensors in nested tuples, in order."""
    if isinstance(inputs, torch.Tensor):
        return [inputs]
    return [tensor for part in inputs for tensor in tensors_of(part)] if isinstance(inputs, tuple) else []


def copy_of(inputs):
    """Nested tuples with copies of their tensors."""
    if isinstance(inputs, torch.Tensor):
        return inputs.clone()
    if not isinstance(inputs, tuple):
        return inputs
    parts = [copy_of(part) for part in inputs]
    return type(inputs)(*parts) if hasattr(inputs, "_fields") else tuple(parts)
