"""Dense layers that keep the numbers they are given, or learn what is to be made of them.

Layers have ReLU after them. Shapes: B examples, N inputs, H outputs of a layer, Y numbers that it learns.
"""

import math

from common.training.warm_start import motion_basis

import torch

GIVEN = 0.5  # what a layer that keeps numbers gives
BATCH = 256  # examples that are learnt from at once
RATE = 0.01  # of Adam, which falls to nothing
WARM_UP = 50  # steps until then


def pass_on(layers, weight, bias, generator):
    """Set layers so that numbers which `weight` (N, I) and `bias` (N,) read from the first one's inputs come through;
    returns what reads them from the last one's outputs, (N, H) and (N,)."""
    for layer in layers:
        rows = _both_signs(layer.out_features, len(weight), generator)
        layer.weight.copy_(rows @ weight)
        layer.bias.copy_(rows @ bias)
        weight, bias = _undoing(rows), torch.zeros_like(bias)
    return weight, bias


def learn(layer, weight, bias, kept, draw, importance, steps, generator, bar):
    """Set a layer to learn something of numbers which `weight` (N, I) and `bias` (N,) read from its inputs.

    The first `kept` of these come through, and the others are what it learns from: `draw(count)` gives examples of them
    (count, N - kept) and of what is to be made of them (count, Y), whose squared errors count by `importance` (Y,).
    Returns what reads both from its outputs, (kept + Y, H) and (kept + Y,). Moves `bar` on by `steps`.
    """
    passing = min(2 * kept, layer.out_features // 2)
    rows = _both_signs(passing, kept, generator)
    inputs, outputs = draw(BATCH)
    gain, size = (1 / max(1e-6, float(each.square().sum() / max(1, each.numel())) ** 0.5) for each in (inputs, outputs))
    learnt = [
        *_random(layer.out_features - passing, inputs.shape[1], generator),
        *_random(outputs.shape[1], layer.out_features - passing, generator),
    ]

    def examples():
        inputs, outputs = draw(BATCH)
        return inputs * gain, outputs * size

    with torch.enable_grad():
        _fit(learnt, examples, importance, steps, bar)
    into, into_bias, out, out_bias = (each.detach() for each in learnt)

    layer.weight.copy_(torch.block_diag(rows, into * gain) @ weight)
    layer.bias.copy_(torch.block_diag(rows, into * gain) @ bias + torch.cat((torch.zeros(passing), into_bias)))
    return torch.block_diag(_undoing(rows), out / size), torch.cat((torch.zeros(kept), out_bias / size))


def _random(size, count, generator):
    """Weights (size, count) and a bias (size,) to begin with, as torch has them: uniform, of variance 1 / (3 N)."""
    largest = 1 / math.sqrt(max(count, 1))
    shapes = (size, count), (size,)
    return [((2 * torch.rand(shape, generator=generator) - 1) * largest).requires_grad_() for shape in shapes]


def _fit(parameters, draw, importance, steps, bar):
    """Adam (Kingma & Ba, 2015) on new examples in every step, at a rate that rises and then falls to nothing."""
    into, into_bias, out, out_bias = parameters
    optimiser = torch.optim.Adam(parameters)
    for step in range(steps):
        inputs, outputs = draw()
        found = torch.relu(inputs @ into.T + into_bias) @ out.T + out_bias
        loss = ((found - outputs).square() * importance).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / WARM_UP) * (1 - step / steps)
        optimiser.step()
        bar.update()


def _both_signs(size, count, generator):
    """Rows (size, count) in pairs ±r: the unit vectors first, then random ones."""
    half = size // 2
    rows = torch.randn(half, count, generator=generator)
    rows /= rows.norm(dim=1, keepdim=True)
    rows[:count] = torch.eye(half, count)[:count]
    pairs = torch.zeros(size, count)
    pairs[: 2 * half] = torch.stack((rows, -rows), dim=1).flatten(0, 1)
    return pairs * (GIVEN / motion_basis.SPREAD)


def _undoing(rows):
    """What gives x again from relu(rows x), (size, count) -> (count, size)."""
    half = len(rows) // 2
    inverse = torch.linalg.pinv(rows[: 2 * half : 2])
    undo = torch.zeros(rows.shape[1], len(rows))
    undo[:, : 2 * half] = torch.stack((inverse, -inverse), dim=2).flatten(1)
    return undo
