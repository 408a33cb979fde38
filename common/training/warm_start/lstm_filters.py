"""LSTM cells that are linear filters, set up without a gradient.

Where its gates hold still, an LSTM's cell is `c ← f·c + i·(U h + B x)`. Two cells that turn into each other by ω a
frame collect the Fourier coefficient of what they read at ω. All values are kept small, where tanh is a straight line.

And where its input gate does not hold still, a cell multiplies: σ(u) is about ½ + u/4, so two cells that read the same,
one with the gate u and one with −u, differ by u/2 times that.

Shapes: W windows, L frames of a window, I inputs and H outputs of a layer, S, N, G and C numbers that cells are for.
"""

import math
import typing

from common.model import fast_lstm
from common.training.warm_start import motion_basis

import torch

GATE = 2.0  # of gates that are open: the logistic function of it is 0.88
KEPT = 0.02, 0.998  # the least and the most that a forget gate keeps
SMALL = 0.06  # what a cell gives
SWING = 0.6  # of the gate of a cell that multiplies: σ is close to straight there


class Products(typing.NamedTuple):
    """What cells of a first layer are to multiply: numbers that `weight` (G, I) and `bias` (G,) read from its inputs,
    with courses (W, L, C) that can be read from its other cells' outputs, for the inputs that these are set by."""

    weight: torch.Tensor
    bias: torch.Tensor
    courses: torch.Tensor

    @property
    def cell_count(self):
        """In each direction."""
        return 2 * len(self.weight) * self.courses.shape[2]


def pairs(strength, count, length):
    """The frequencies, radians a frame, and the numbers that pairs of cells are for, the strongest first.

    `strength` (K, N) is that of number n at cosine k, which is ½·k swings a window; pairs swing ½·k + ¼ times, and next
    to a strong cosine all of them are needed.
    """
    padded = torch.nn.functional.pad(strength, (0, 0, 1, 2))
    near = torch.stack([padded[i : i + len(strength)] for i in range(4)]).amax(dim=0)
    order = near.flatten().argsort(descending=True)[:count]
    return (order // strength.shape[1] + 0.5) * math.pi / length, order % strength.shape[1]


def collecting(size, steady, rows, frequencies):
    """Cells that hold `steady` (S, I) of their inputs, then pairs that collect `rows` (N, I) at `frequencies` (N,):
    what cells read (H, I), keep (H,) and pass to each other (H, H)."""
    reads, keeps, turns = torch.zeros(size, rows.shape[1]), torch.zeros(size), torch.zeros(size, size)
    reads[: len(steady)] = steady
    count = min(len(rows), (size - len(steady)) // 2)
    first = len(steady) + 2 * torch.arange(count)
    reads[first] = rows[:count]
    keeps[first] = keeps[first + 1] = torch.cos(frequencies[:count])
    turns[first, first + 1] = -torch.sin(frequencies[:count])
    turns[first + 1, first] = torch.sin(frequencies[:count])
    return reads, keeps, turns


def reading(size, rows):
    """Cells that hold rows (N, I) of their inputs."""
    return collecting(size, rows[:size], rows[:0], torch.zeros(0))


def set_layers(rnn, cells, x, second=None, products=None):
    """Set the first layer to the cells, per direction, and the second one if there are cells for it; the layers above
    pass on what those below give. x (W, L, I) are some of the first layer's inputs. The last cells of the first layer
    are for `products`."""
    size, ways = rnn.hidden_size, len(cells)
    passing = [reading(size, torch.eye(ways * size)[way * size :]) for way in range(ways)]
    x = x.transpose(0, 1)
    for layer in range(rnn.num_layers):
        these = [cells, second or passing][layer] if layer < 2 else passing
        given = [_set_cells(rnn, layer, way, *these[way], x) for way in range(ways)]
        if layer == 0 and products is not None:
            given = [_set_products(rnn, way, products, x, given[way]) for way in range(ways)]
        x = torch.cat(given, dim=-1)


def _set_products(rnn, way, products, x, given):
    """Set the last cells of one direction of the first layer, whose other cells give (L, W, H) for x (L, W, I), to
    multiply; returns what all of them give. What they multiply is what the others tell of it a frame before."""
    weight_ih, weight_hh, bias_ih, _ = fast_lstm.layer_weights(rnn, 0, way)
    size, courses = rnn.hidden_size, products.courses.transpose(0, 1)  # (L, W, C)
    before, now = (given[1:], courses[:-1]) if way else (given[:-1], courses[1:])
    told = motion_basis.Regression()
    told.add(before.flatten(0, 1), now.flatten(0, 1))
    reads, constant = told.solve(1e-6)  # (C, H), (C,)
    read = x[0] @ products.weight.T + products.bias
    gate = SWING / read.abs().amax(dim=0).clamp_min(1e-6)  # (G,)
    small = SMALL / courses.square().mean((0, 1)).sqrt().clamp_min(1e-6)  # (C,)
    cell = size - products.cell_count
    for g in range(len(products.weight)):
        for sign in (1, -1):
            rows = torch.arange(cell, cell + len(reads))
            weight_ih[rows], bias_ih[rows] = sign * gate[g] * products.weight[g], sign * gate[g] * products.bias[g]
            bias_ih[size + rows] = math.log(KEPT[0])
            weight_hh[2 * size + rows], bias_ih[2 * size + rows] = reads * small[:, None], constant * small
            cell += len(reads)
    return _given(rnn, 0, way, x)


def _set_cells(rnn, layer, way, reads, keeps, turns, x):
    """Set one direction of a layer so that, with open gates and small values, cells become `keeps·c + turns·c +
    reads·x`, up to a factor; returns what they give for x (L, W, I)."""
    weight_ih, weight_hh, bias_ih, bias_hh = fast_lstm.layer_weights(rnn, layer, way)
    size, is_open = rnn.hidden_size, 1 / (1 + math.exp(-GATE))
    cell = slice(2 * size, 3 * size)
    for each in (weight_ih, weight_hh, bias_ih, bias_hh):
        each.zero_()
    bias_ih[:size] = bias_ih[3 * size :] = GATE
    bias_ih[size : 2 * size] = torch.logit(keeps.clamp(*KEPT))
    weight_hh[cell] = turns / is_open**2
    weight_ih[cell] = reads * (1e-3 / is_open)  # so small that all is linear
    bias_ih[cell] = -weight_ih[cell] @ x.mean((0, 1))
    largest = _given(rnn, layer, way, x).square().mean(dim=1).sqrt().amax(dim=0)  # (H,) over the frames
    largest = torch.maximum(largest, (turns != 0).float() @ largest)  # pairs stay pairs
    gain = torch.where(largest > 1e-9, SMALL / largest.clamp_min(1e-9), torch.zeros_like(largest))
    weight_ih[cell] *= gain[:, None]
    bias_ih[cell] *= gain
    return _given(rnn, layer, way, x)


def _given(rnn, layer, way, x):
    """What one direction of a layer gives, (L, W, I) -> (L, W, H)."""
    weights = [fast_lstm.layer_weights(rnn, layer, way)]
    return fast_lstm.run_layers(x.flip(0), weights).flip(0) if way else fast_lstm.run_layers(x, weights)
