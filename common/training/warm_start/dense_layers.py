"""Dense layers that pass numbers on, or learn a function of them.

Layers have ReLU after them. Shapes: B examples, I inputs, H outputs of a layer, N numbers read from its inputs,
Y numbers that it learns.
"""

import math

from common.runtime import console, devices
from common.training.warm_start.motion_basis import SPREAD
from common.training.warm_start.ridge import LinearMap, RidgeRegression

import torch

GIVEN = 0.5  # output of a layer that passes on a code
BATCH = 256  # examples of a step
STEPS = 800
RATE = 0.02  # of Adam, which falls to nothing
BETAS = 0.9, 0.99  # of Adam: a shorter memory of squared gradients than usual, since there are few steps
EPSILON = 1e-8  # of Adam
WARM_UP = 50  # steps in which the rate rises


def pass_on(layers, readout, generator):
    """Set layers so that N numbers, which the LinearMap `readout` reads from the first one's inputs, come through;
    returns the LinearMap that reads them from the last one's outputs."""
    for layer in layers:
        rows = _both_signs(layer.out_features, len(readout.weight), generator)
        layer.weight.copy_(rows @ readout.weight)
        layer.bias.copy_(rows @ readout.bias)
        readout = LinearMap(_undo(rows), torch.zeros_like(readout.bias))
    return readout


def learn(layer, readout, pass_count, inputs, outputs, importance, generator, linear=False, noise=0.0, steps=STEPS):
    """Set a layer to a function of N numbers, which the LinearMap `readout` reads from its inputs.

    The first `pass_count` of the numbers come through. The layer learns from the others: examples of them
    (E, N - pass_count) and of the function (E, Y), whose squared errors count by `importance` (Y,). With `linear` the
    function's linear part comes through too, where there is room for it, and the layer learns the rest. `noise` on the
    inputs, of their root mean square, makes what is learned smooth (Tikhonov regularisation; Bishop, Neural Computation
    7, 1995). Returns the LinearMap that reads both from the layer's outputs, pass_count + Y numbers.
    """
    directions, reads, constant = _linear_part(inputs, outputs)
    if not linear or 2 * (pass_count + len(directions)) > layer.out_features // 2:
        directions, reads, constant = directions[:0], reads[:, :0], torch.zeros_like(constant)
    passing = min(2 * (pass_count + len(directions)), layer.out_features // 2)
    rows = _both_signs(passing, pass_count + len(directions), generator)
    undo = _undo(rows)
    rest = outputs - (inputs @ directions.T) @ reads.T - constant
    in_scale, out_scale = (1 / max(1e-6, _root_mean_square(examples)) for examples in (inputs, rest))
    network = [
        *_random_layer(layer.out_features - passing, inputs.shape[1], generator),
        *_random_layer(outputs.shape[1], layer.out_features - passing, generator),
    ]
    _fit(network, inputs * in_scale, rest * out_scale, importance, noise, generator, steps)
    weight, bias, out_weight, out_bias = network

    rows = rows @ torch.block_diag(torch.eye(pass_count), directions)
    rows = torch.cat((rows, torch.nn.functional.pad(weight * in_scale, (pass_count, 0))))
    layer.weight.copy_(rows @ readout.weight)
    layer.bias.copy_(rows @ readout.bias + torch.cat((torch.zeros(passing), bias)))
    passed = torch.block_diag(torch.eye(pass_count), reads) @ undo
    learned = torch.nn.functional.pad(out_weight / out_scale, (0, 0, pass_count, 0))
    constants = torch.cat((torch.zeros(pass_count), out_bias / out_scale + constant))
    return LinearMap(torch.cat((passed, learned), dim=1), constants)


def _linear_part(inputs, outputs):
    """What is linear in examples (E, I) -> (E, Y), by ridge regression: as few numbers as hold it, their directions
    (R, I), how the outputs follow from them (Y, R), and a constant (Y,)."""
    regression = RidgeRegression()
    regression.add(inputs, outputs)
    weight, constant = regression.solve()
    left, sizes, directions = torch.linalg.svd(weight, full_matrices=False)
    return directions, left * sizes, constant


def _root_mean_square(examples):
    return float(examples.square().sum() / max(1, examples.numel())) ** 0.5


def _random_layer(size, count, generator):
    """Weight (size, count) and bias (size,) as torch begins with: uniform, of variance 1 / (3·count)."""
    largest = 1 / math.sqrt(max(count, 1))
    shapes = (size, count), (size,)
    return [(2 * torch.rand(shape, generator=generator) - 1) * largest for shape in shapes]


@devices.one_thread()
def _fit(network, inputs, outputs, importance, noise, generator, steps):
    """Adam (Kingma & Ba, 2015) on random examples (E, I), (E, Y), at a rate that rises and then falls to nothing.

    Gradients are written down: with layers this small, automatic differentiation takes longer than the products.
    """
    weight, bias, out_weight, out_bias = network
    means, squares = ([torch.zeros_like(parameter) for parameter in network] for _ in range(2))
    with console.progress(steps, "steps") as bar:
        for step in range(1, steps + 1):
            batch = torch.randint(len(inputs), (BATCH,), generator=generator)
            noisy = inputs[batch] + noise * torch.randn(BATCH, inputs.shape[1], generator=generator)
            hidden = torch.addmm(bias, noisy, weight.T).relu_()
            errors = torch.addmm(out_bias, hidden, out_weight.T) - outputs[batch]
            errors *= importance * (2 / BATCH)
            back = (errors @ out_weight).mul_(hidden > 0)
            gradients = (back.T @ noisy, back.sum(dim=0), errors.T @ hidden, errors.sum(dim=0))
            rate = RATE * min(1, step / WARM_UP) * (1 - (step - 1) / steps) / (1 - BETAS[0] ** step)
            for parameter, gradient, mean, square in zip(network, gradients, means, squares, strict=True):
                mean.lerp_(gradient, 1 - BETAS[0])
                square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
                size = square.sqrt().mul_((1 - BETAS[1] ** step) ** -0.5).add_(EPSILON)
                parameter.addcdiv_(mean, size, value=-rate)
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
