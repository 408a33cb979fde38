"""LSTM cells as linear filters and as multipliers, set without a gradient.

Where its gates hold still, an LSTM's cell is `c ← f·c + i·(U h + B x)`. Two cells that turn into each other by ω a
frame are an oscillator: they collect the Fourier coefficient of their input at ω. All values are kept small, where tanh
is a straight line.

Where its input gate does not hold still, a cell multiplies: σ(u) is about ½ + u/4, so two cells that read the same, one
with the gate u and one with −u, differ by u/2 times that.

Shapes: W windows, L frames of a window, I inputs and H outputs of a layer, S, N, G and C numbers that cells are for.
"""

import math
import typing

from common.model import fast_lstm
from common.training.warm_start.ridge import LinearMap, RidgeRegression

import torch

OPEN_GATE = 2.0  # the logistic function of it is 0.88
FORGET = 0.02, 0.998  # the least and the most of its cell that a forget gate keeps
OUTPUT = 0.06  # root mean square of a cell's output
GATE_SWING = 0.6  # of the gate of a cell that multiplies: σ is close to straight there
PRECISE = 1e-6  # penalty of a regression that is nearly exact


class Cells(typing.NamedTuple):
    """One direction of a layer: with open gates and small values, cells become `forget·c + recurrent·c + inputs·x`."""

    inputs: torch.Tensor  # (H, I)
    forget: torch.Tensor  # (H,)
    recurrent: torch.Tensor  # (H, H)


class Products(typing.NamedTuple):
    """What cells of a first layer multiply: numbers that `gates` reads from its inputs, with factors over time that can
    be read from its other cells' outputs."""

    gates: LinearMap  # I inputs to G numbers
    factors: torch.Tensor  # (W, L, C), in the windows that the cells are set by

    @property
    def cell_count(self):
        """In each direction."""
        return 2 * len(self.gates.weight) * self.factors.shape[2]


def choose_oscillators(strength, count, length):
    """The frequencies (radians a frame) and the numbers that `count` oscillators are for, the strongest first.

    `strength` (K, N) is that of number n at cosine k, which is ½·k swings a window; oscillators swing ½·k + ¼ times,
    and next to a strong cosine all of them are needed.
    """
    padded = torch.nn.functional.pad(strength, (0, 0, 1, 2))
    nearby = torch.stack([padded[i : i + len(strength)] for i in range(4)]).amax(dim=0)
    order = nearby.flatten().argsort(descending=True)[:count]
    return (order // strength.shape[1] + 0.5) * math.pi / length, order % strength.shape[1]


def oscillators(size, steady, rows, frequencies):
    """Cells that hold `steady` (S, I) of their inputs, then oscillators for `rows` (N, I) at `frequencies` (N,)."""
    cells = Cells(torch.zeros(size, rows.shape[1]), torch.zeros(size), torch.zeros(size, size))
    cells.inputs[: len(steady)] = steady
    count = min(len(rows), (size - len(steady)) // 2)
    first = len(steady) + 2 * torch.arange(count)
    cells.inputs[first] = rows[:count]
    cells.forget[first] = cells.forget[first + 1] = torch.cos(frequencies[:count])
    cells.recurrent[first, first + 1] = -torch.sin(frequencies[:count])
    cells.recurrent[first + 1, first] = torch.sin(frequencies[:count])
    return cells


def steady(size, rows):
    """Cells that hold rows (N, I) of their inputs."""
    return oscillators(size, rows[:size], rows[:0], torch.zeros(0))


def set_layers(rnn, first, x, second=None, products=None):
    """Set an LSTM: its first layer to Cells, one per direction, and the second if there are Cells for it. The layers
    above pass on what those below give. x (W, L, I) are inputs to scale all outputs by. The last cells of the first
    layer are for `products`."""
    size, directions = rnn.hidden_size, len(first)
    passing = [steady(size, torch.eye(directions * size)[number * size :]) for number in range(directions)]
    x = x.transpose(0, 1)
    for layer in range(rnn.num_layers):
        cells = [first, second or passing][layer] if layer < 2 else passing
        outputs = [_set_cells(rnn, layer, direction, cells[direction], x) for direction in range(directions)]
        if layer == 0 and products is not None:
            outputs = [_set_products(rnn, direction, products, x) for direction in range(directions)]
        x = torch.cat(outputs, dim=-1)


def _set_cells(rnn, layer, direction, cells, x):
    """Set one direction of a layer to Cells, up to a factor for each, and return about what it gives for x (L, W, I):
    without what tanh takes from it."""
    weight_ih, weight_hh, bias_ih, bias_hh = fast_lstm.layer_weights(rnn, layer, direction)
    size, is_open = rnn.hidden_size, 1 / (1 + math.exp(-OPEN_GATE))
    cell = slice(2 * size, 3 * size)
    for parameter in (weight_ih, weight_hh, bias_ih, bias_hh):
        parameter.zero_()
    bias_ih[:size] = bias_ih[3 * size :] = OPEN_GATE
    bias_ih[size : 2 * size] = torch.logit(cells.forget.clamp(*FORGET))
    weight_hh[cell] = cells.recurrent / is_open**2
    weight_ih[cell] = cells.inputs * (1e-3 / is_open)  # so small that all is linear
    bias_ih[cell] = -weight_ih[cell] @ x.mean((0, 1))
    outputs = _outputs(rnn, layer, direction, x)
    largest = outputs.square().mean(dim=1).sqrt().amax(dim=0)  # (H,) over the frames
    largest = torch.maximum(largest, (cells.recurrent != 0).float() @ largest)  # both cells of an oscillator alike
    gain = torch.where(largest > 1e-9, OUTPUT / largest.clamp_min(1e-9), torch.zeros_like(largest))
    weight_ih[cell] *= gain[:, None]
    bias_ih[cell] *= gain
    return outputs.mul_(gain)


def _set_products(rnn, direction, products, x):
    """Set the last cells of one direction of the first layer to multiply. The factors are read from the other cells'
    outputs of the frame before. Returns the outputs of all cells for x (L, W, I)."""
    weight_ih, weight_hh, bias_ih, _ = fast_lstm.layer_weights(rnn, 0, direction)
    size, factors = rnn.hidden_size, products.factors.transpose(0, 1)  # (L, W, C)
    outputs = _outputs(rnn, 0, direction, x)
    before, now = (outputs[1:], factors[:-1]) if direction else (outputs[:-1], factors[1:])
    regression = RidgeRegression()
    regression.add(before.flatten(0, 1), now.flatten(0, 1))
    reads, constant = regression.solve(PRECISE)  # (C, H), (C,)
    swing = GATE_SWING / products.gates(x[0]).abs().amax(dim=0).clamp_min(1e-6)  # (G,)
    gain = OUTPUT / factors.square().mean((0, 1)).sqrt().clamp_min(1e-6)  # (C,)
    first = size - products.cell_count
    for gate_weight, gate_bias in zip(swing[:, None] * products.gates.weight, swing * products.gates.bias, strict=True):
        for sign in (1, -1):
            rows = torch.arange(first, first + len(reads))
            weight_ih[rows], bias_ih[rows] = sign * gate_weight, sign * gate_bias
            bias_ih[size + rows] = math.log(FORGET[0])
            weight_hh[2 * size + rows], bias_ih[2 * size + rows] = reads * gain[:, None], constant * gain
            first += len(reads)
    return _outputs(rnn, 0, direction, x)


def _outputs(rnn, layer, direction, x):
    """What one direction of a layer gives, (L, W, I) -> (L, W, H)."""
    weights = [fast_lstm.layer_weights(rnn, layer, direction)]
    return fast_lstm.run_layers(x.flip(0), weights).flip(0) if direction else fast_lstm.run_layers(x, weights)
