"""A CUDA graph without CUDA: it notes down the operations of a step, and repeats them on the same memory."""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Graph:
    """In place of torch.cuda.CUDAGraph: the operations of a step with the tensors that they read and write."""

    def __init__(self):
        self.operations = []

    @torch.no_grad()
    def replay(self):
        for function, args, kwargs, output in self.operations:
            repeated = function(*args, **kwargs)
            for place, value in zip(tree_leaves(output), tree_leaves(repeated), strict=True):
                if isinstance(place, torch.Tensor) and place.data_ptr() != value.data_ptr():
                    place.copy_(value)


class _Recording(TorchDispatchMode):
    """Notes down operations, and what the tensors held that they change."""

    def __init__(self, graph):
        super().__init__()
        self.graph, self.before = graph, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function._schema.is_mutable:
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            self.before += [(tensor, tensor.clone()) for tensor in tensors]
        output = function(*args, **kwargs)
        self.graph.operations.append((function, args, kwargs, output))
        return output


@contextlib.contextmanager
def graph(noted):
    """In place of torch.cuda.graph: what is computed within is noted down. As on CUDA, nothing has changed then."""
    with _Recording(noted) as recording:
        yield
    with torch.no_grad():
        for tensor, value in reversed(recording.before):
            tensor.copy_(value)
