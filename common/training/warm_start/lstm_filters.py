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
SCALE_WINDOWS = 100  # that tell how large values are
PRECISE = 1e-6  # penalty of a regression that is nearly exact


class Cells(typing.NamedTuple):
    """One direction of a layer: with open gates and small values, cells become
    `forget·c + recurrent·c + inputs·(x − x̄) + constant`, x̄ the mean input."""

    inputs: torch.Tensor  # (H, I)
    constant: torch.Tensor  # (H,)
    forget: torch.Tensor  # (H,)
    recurrent: torch.Tensor  # (H, H)


class Products(typing.NamedTuple):
    """What cells multiply: numbers that `gates` reads from the inputs of an LSTM, with factors over time that can be
    read from what its first layer gives."""

    gates: LinearMap  # I inputs to G numbers
    factors: torch.Tensor  # (W, L, C), in the windows that the cells are set by

    @property
    def cell_count(self):
        """In each direction."""
        return 2 * len(self.gates.weight) * self.factors.shape[2]


def choose_oscillators(synthesis, count, length):
    """The frequencies (radians a frame, (count,)) of `count` oscillators, and the directions (count, N) of numbers that
    they are for, the strongest first.

    `synthesis` (K, P, N) makes coefficients of K cosines of the numbers. Cosine k is ½·k swings a window, and its
    directions are the principal ones of its coefficients. What does not swing at all has an oscillator of ¼ swing,
    since of a slower one only one cell would ever be used.
    """
    strengths, directions = torch.linalg.eigh(synthesis.transpose(1, 2) @ synthesis)  # (K, N), (K, N, N)
    order = strengths.flatten().argsort(descending=True)[:count]
    cosine, number = order // strengths.shape[1], order % strengths.shape[1]
    return cosine.clamp_min(0.5) * math.pi / length, directions[cosine, :, number]


def oscillators(size, steady, rows, frequencies, constants=None):
    """Cells that hold `steady` (S, I) of their inputs, then oscillators for `rows` (N, I) of them and, if there are
    any, `constants` (N,), at `frequencies` (N,)."""
    cells = Cells(torch.zeros(size, rows.shape[1]), torch.zeros(size), torch.zeros(size), torch.zeros(size, size))
    cells.inputs[: len(steady)] = steady
    count = min(len(rows), (size - len(steady)) // 2)
    first = len(steady) + 2 * torch.arange(count)
    cells.inputs[first] = rows[:count]
    if constants is not None:
        cells.constant[first] = constants[:count]
    cells.forget[first] = cells.forget[first + 1] = torch.cos(frequencies[:count])
    cells.recurrent[first, first + 1] = -torch.sin(frequencies[:count])
    cells.recurrent[first + 1, first] = torch.sin(frequencies[:count])
    return cells


def steady(size, rows):
    """Cells that hold rows (N, I) of their inputs."""
    return oscillators(size, rows[:size], rows[:0], torch.zeros(0))


def set_layers(rnn, first, x, second=None, products=None):
    """Set an LSTM: its first layer to Cells, one per direction, and the second if there are Cells for it. The layers
    above pass on what those below give. x (W, L, I) are inputs to scale all outputs by. The last cells of the second
    layer, or of the first where there is no other, are for `products`; those of the first layer are free for them."""
    size, directions = rnn.hidden_size, len(first)
    passing = [steady(size, torch.eye(directions * size)[number * size :]) for number in range(directions)]
    x = x.transpose(0, 1)
    gates = None if products is None else products.gates(x)  # (L, W, G)
    for layer in range(rnn.num_layers):
        cells = [first, second or passing][layer] if layer < 2 else passing
        is_top = layer + 1 == rnn.num_layers
        few = x[:, :: max(1, x.shape[1] // SCALE_WINDOWS)] if is_top else x  # nothing reads what the last layer gives
        outputs = [_set_cells(rnn, layer, direction, cells[direction], few) for direction in range(directions)]
        if products is not None and layer == min(1, rnn.num_layers - 1):
            _set_products(rnn, layer, directions, gates, products.factors.transpose(0, 1), x)
            outputs = outputs if is_top else [_outputs(rnn, layer, direction, x) for direction in range(directions)]
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
    small = 1e-3 / is_open  # so small that all is linear
    weight_ih[cell] = cells.inputs * small
    bias_ih[cell] = cells.constant * small - weight_ih[cell] @ x.mean((0, 1))
    outputs = _outputs(rnn, layer, direction, x)
    largest = outputs.square().mean(dim=1).sqrt().amax(dim=0)  # (H,) over the frames
    largest = torch.maximum(largest, (cells.recurrent != 0).float() @ largest)  # both cells of an oscillator alike
    gain = torch.where(largest > 1e-9, OUTPUT / largest.clamp_min(1e-9), torch.zeros_like(largest))
    weight_ih[cell] *= gain[:, None]
    bias_ih[cell] *= gain
    return outputs.mul_(gain)


def _set_products(rnn, layer, directions, gates, factors, x):
    """Set the last cells of a layer to products of gates (L, W, G) and factors (L, W, C), for its inputs x (L, W, I).

    Cells of an upper layer read both from its inputs, so one direction has them. The inputs of a first layer do not
    tell the factors: there, both directions read them from their other cells' outputs of the frame before, and have
    none in their own first frame.
    """
    if layer > 0:
        weight, bias = _readout(x, torch.cat((gates, factors), dim=-1))
        count = gates.shape[-1]
        maps = LinearMap(weight[:count], bias[:count]), LinearMap(weight[count:], bias[count:])
        _set_product_cells(rnn, layer, 0, *maps, gates, factors)
        return
    for direction in range(directions):
        given = _outputs(rnn, layer, direction, x)
        before, now = (given[1:], factors[:-1]) if direction else (given[:-1], factors[1:])
        _set_product_cells(rnn, layer, direction, _readout(x, gates), _readout(before, now), gates, factors)


def _set_product_cells(rnn, layer, direction, gate_map, factor_map, gates, factors):
    """Set the last cells of one direction of a layer to products. The LinearMaps read gates from its inputs, and the
    factors from its inputs too, or from its outputs of the frame before in a first layer."""
    weight_ih, weight_hh, bias_ih, _ = fast_lstm.layer_weights(rnn, layer, direction)
    size = rnn.hidden_size
    swing = GATE_SWING / gates.abs().amax((0, 1)).clamp_min(1e-6)  # (G,)
    gain = OUTPUT / factors.square().mean((0, 1)).sqrt().clamp_min(1e-6)  # (C,)
    first = size - 2 * gates.shape[-1] * factors.shape[-1]
    for gate_weight, gate_bias in zip(swing[:, None] * gate_map.weight, swing * gate_map.bias, strict=True):
        for sign in (1, -1):
            rows = torch.arange(first, first + len(gain))
            weight_ih[rows], bias_ih[rows] = sign * gate_weight, sign * gate_bias
            bias_ih[size + rows] = math.log(FORGET[0])
            weight_ih[2 * size + rows] = 0
            (weight_ih if layer > 0 else weight_hh)[2 * size + rows] = factor_map.weight * gain[:, None]
            bias_ih[2 * size + rows] = factor_map.bias * gain
            first += len(gain)


def _readout(x, numbers):
    """The LinearMap from x (L, W, I) to numbers (L, W, N)."""
    regression = RidgeRegression()
    regression.add(x.flatten(0, 1), numbers.flatten(0, 1))
    return regression.solve(PRECISE)


def _outputs(rnn, layer, direction, x):
    """What one direction of a layer gives, (L, W, I) -> (L, W, H)."""
    weights = [fast_lstm.layer_weights(rnn, layer, direction)]
    return fast_lstm.run_layers(x.flip(0), weights).flip(0) if direction else fast_lstm.run_layers(x, weights)
