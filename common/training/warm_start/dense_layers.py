"""Dense layers that pass numbers on, or learn a function of them.

Layers have ReLU after them. Shapes: B examples, I inputs, H outputs of a layer, N numbers read from its inputs,
Y numbers that it learns.
"""

import math

from common.runtime import console
from common.training.warm_start.motion_basis import SPREAD
from common.training.warm_start.ridge import LinearMap

import torch

GIVEN = 0.5  # output of a layer that passes on a code
BATCH = 256  # examples of a step
STEPS = 400
RATE = 0.01  # of Adam, which falls to nothing
WARM_UP = 50  # steps until then


def pass_on(layers, readout, generator):
    """Set layers so that N numbers, which the LinearMap `readout` reads from the first one's inputs, come through;
    returns the LinearMap that reads them from the last one's outputs."""
    for layer in layers:
        rows = _both_signs(layer.out_features, len(readout.weight), generator)
        layer.weight.copy_(rows @ readout.weight)
        layer.bias.copy_(rows @ readout.bias)
        readout = LinearMap(_undo(rows), torch.zeros_like(readout.bias))
    return readout


def learn(layer, readout, kept, draw, importance, generator, steps=STEPS):
    """Set a layer to a function of N numbers, which the LinearMap `readout` reads from its inputs, by Adam.

    The first `kept` of the numbers come through. The layer learns from the others: `draw(count)` gives examples of them
    (count, N - kept) and of the function (count, Y), whose squared errors count by `importance` (Y,). Returns the
    LinearMap that reads both from the layer's outputs, kept + Y numbers.
    """
    passing = min(2 * kept, layer.out_features // 2)
    rows = _both_signs(passing, kept, generator)
    inputs, outputs = draw(BATCH)
    in_scale, out_scale = (1 / max(1e-6, _root_mean_square(examples)) for examples in (inputs, outputs))
    network = [
        *_random_layer(layer.out_features - passing, inputs.shape[1], generator),
        *_random_layer(outputs.shape[1], layer.out_features - passing, generator),
    ]

    def examples():
        inputs, outputs = draw(BATCH)
        return inputs * in_scale, outputs * out_scale

    with torch.enable_grad(), console.progress(steps, "steps") as bar:
        _fit(network, examples, importance, steps, bar)
    weight, bias, out_weight, out_bias = (parameter.detach() for parameter in network)

    layer.weight.copy_(torch.block_diag(rows, weight * in_scale) @ readout.weight)
    layer.bias.copy_(torch.block_diag(rows, weight * in_scale) @ readout.bias + torch.cat((torch.zeros(passing), bias)))
    reads = torch.block_diag(_undo(rows), out_weight / out_scale)
    return LinearMap(reads, torch.cat((torch.zeros(kept), out_bias / out_scale)))


def _root_mean_square(examples):
    return float(examples.square().sum() / max(1, examples.numel())) ** 0.5


def _random_layer(size, count, generator):
    """Weight (size, count) and bias (size,) as torch begins with: uniform, of variance 1 / (3·count)."""
    largest = 1 / math.sqrt(max(count, 1))
    shapes = (size, count), (size,)
    return [((2 * torch.rand(shape, generator=generator) - 1) * largest).requires_grad_() for shape in shapes]


def _fit(network, draw, importance, steps, bar):
    """Adam (Kingma & Ba, 2015) on new examples in every step, at a rate that rises and then falls to nothing."""
    weight, bias, out_weight, out_bias = network
    optimiser = torch.optim.Adam(network)
    for step in range(steps):
        inputs, outputs = draw()
        prediction = torch.relu(inputs @ weight.T + bias) @ out_weight.T + out_bias
        loss = ((prediction - outputs).square() * importance).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / WARM_UP) * (1 - step / steps)
        optimiser.step()
        bar.update()


def _both_signs(size, count, generator):
    """Rows (size, count) in pairs ±r, so that ReLU loses nothing: the unit vectors first, then random ones."""
    half = size // 2
    rows = torch.randn(half, count, generator=generator)
    rows /= rows.norm(dim=1, keepdim=True)
    rows[:count] = torch.eye(half, count)[:count]
    pairs = torch.zeros(size, count)
    pairs[: 2 * half] = torch.stack((rows, -rows), dim=1).flatten(0, 1)
    return pairs * (GIVEN / SPREAD)


def _undo(rows):
    """The matrix that gives x again from relu(rows·x), (size, count) -> (count, size)."""
    half = len(rows) // 2
    inverse = torch.linalg.pinv(rows[: 2 * half : 2])
    undo = torch.zeros(rows.shape[1], len(rows))
    undo[:, : 2 * half] = torch.stack((inverse, -inverse), dim=2).flatten(1)
    return undo
