"""Layers that are set instead of trained: LSTM cells as filters and as products, dense layers that pass on or learn."""

from common.model import fast_lstm
from common.training.warm_start import dense_layers, lstm_filters
from common.training.warm_start.ridge import LinearMap

import pytest
import torch


def test_cells_are_oscillators():
    rnn = torch.nn.LSTM(3, 6, 1, batch_first=True)
    frequency = torch.tensor((0.1, 0.2, 0.05))
    impulse = torch.zeros(1, 50, 3)
    impulse[0, 0] = torch.tensor((1e-2, 0.0, 0.0))
    with torch.no_grad():
        cells = lstm_filters.oscillators(6, torch.zeros(0, 3), torch.eye(3), frequency)
        lstm_filters._set_cells(rnn, 0, 0, cells, impulse.transpose(0, 1))
        fast_lstm.layer_weights(rnn, 0, 0)[2][12:18] = 0  # no constant input
        outputs = rnn(impulse)[0][0]
    swing = outputs[:, 0] / outputs[0, 0]
    torch.testing.assert_close(swing, torch.cos(0.1 * torch.arange(50)), atol=0.05, rtol=0)
    assert outputs[:, 2:].abs().max() == 0


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_cells_multiply(layers):
    generator = torch.Generator().manual_seed(0)
    rnn = torch.nn.LSTM(3, 32, layers, batch_first=True, bidirectional=True)
    x = torch.randn(200, 3, generator=generator).clamp(-2, 2)
    length, frequency = 20, 0.2
    waves = x[:, None, 1:] * torch.sin(frequency * torch.arange(length))[None, :, None]  # (W, L, 2)
    products = lstm_filters.Products(LinearMap(torch.tensor([[1.0, 0, 0]]), torch.zeros(1)), waves)
    with torch.no_grad():
        rows, frequencies = torch.eye(3)[1:], torch.full((2,), frequency)
        cells = [lstm_filters.oscillators(32, torch.eye(3), rows, frequencies) for _ in range(2)]
        inputs = x[:, None].expand(-1, length, -1)
        lstm_filters.set_layers(rnn, cells, inputs, None, products)
        outputs = rnn(inputs)[0]
    product = x[:, None, :1] * waves
    if layers == 1:  # in its own first frame, a direction has nothing to multiply
        product, outputs, waves = (values[:, 1:-1] for values in (product, outputs, waves))
    assert unexplained(product, outputs) < 0.02
    assert unexplained(product, waves) > 0.5


def unexplained(target, outputs):
    """The share of target (W, L, C) that is not linear in outputs (W, L, H)."""
    target, outputs = (values.flatten(0, 1).double() for values in (target, outputs))
    outputs = torch.cat((outputs, torch.ones(len(outputs), 1)), dim=1)
    prediction = outputs @ torch.linalg.lstsq(outputs, target, driver="gelsd").solution
    return float((prediction - target).square().mean() / target.square().mean())


def test_dense_layers_pass_numbers_on():
    generator = torch.Generator().manual_seed(0)
    layers = [torch.nn.Linear(5, 20), torch.nn.Linear(20, 12)]
    readout = LinearMap(torch.randn(4, 5, generator=generator), torch.randn(4, generator=generator))
    x = torch.randn(30, 5, generator=generator)
    expected = readout(x)
    with torch.no_grad():
        readout = dense_layers.pass_on(layers, readout, generator)
        for layer in layers:
            x = torch.relu(layer(x))
    torch.testing.assert_close(readout(x), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("linear", [False, True])
def test_a_dense_layer_passes_some_numbers_on_and_learns_a_function_of_the_others(linear):
    generator = torch.Generator().manual_seed(0)
    layer = torch.nn.Linear(5, 64)
    readout, x = LinearMap(torch.eye(5), torch.linspace(-1, 1, 5)), torch.randn(500, 5, generator=generator)

    def function(inputs):
        return torch.stack((inputs[:, 0] * inputs[:, 1], inputs[:, 2].abs()), dim=1)

    examples = torch.randn(20_000, 3, generator=generator) + readout.bias[2:]
    with torch.no_grad():
        learned = dense_layers.learn(
            layer, readout, 2, examples, function(examples), torch.ones(2), generator, linear, steps=400
        )
        outputs = learned(torch.relu(layer(x)))
    numbers = readout(x)
    torch.testing.assert_close(outputs[:, :2], numbers[:, :2], atol=1e-4, rtol=1e-4)
    expected = function(numbers[:, 2:])
    assert float((outputs[:, 2:] - expected).square().mean()) < 0.05 * float(expected.var())


def test_the_linear_part_of_a_function_comes_through_a_dense_layer():
    generator = torch.Generator().manual_seed(0)
    layer, readout = torch.nn.Linear(4, 32), LinearMap(torch.eye(4), torch.zeros(4))
    function = LinearMap(torch.randn(6, 3, generator=generator), torch.ones(6))
    x = torch.randn(500, 4, generator=generator)
    with torch.no_grad():
        inputs = x[:, 1:]
        learned = dense_layers.learn(
            layer, readout, 1, inputs, function(inputs), torch.ones(6), generator, True, steps=1
        )
        outputs = learned(torch.relu(layer(x)))
    assert float((outputs[:, 1:] - function(inputs)).square().mean()) < 1e-4 * float(function(inputs).var())
