"""Layers that are set up instead of learnt: LSTM cells as filters and as products, dense layers that keep or learn."""

from common.model import fast_lstm
from common.runtime import console
from common.training.warm_start import dense_layers, lstm_filters

import torch


def test_cells_are_oscillators():
    rnn = torch.nn.LSTM(3, 6, 1, batch_first=True)
    frequency = torch.tensor((0.1, 0.2, 0.05))
    impulse = torch.zeros(1, 50, 3)
    impulse[0, 0] = torch.tensor((1e-2, 0.0, 0.0))
    with torch.no_grad():
        these = lstm_filters.collecting(6, torch.zeros(0, 3), torch.eye(3), frequency)
        lstm_filters._set_cells(rnn, 0, 0, *these, impulse.transpose(0, 1))
        fast_lstm.layer_weights(rnn, 0, 0)[2][12:18] = 0  # no constant input
        given = rnn(impulse)[0][0]
    swing = given[:, 0] / given[0, 0]
    torch.testing.assert_close(swing, torch.cos(0.1 * torch.arange(50)), atol=0.05, rtol=0)
    assert given[:, 2:].abs().max() == 0


def test_cells_multiply():
    generator = torch.Generator().manual_seed(0)
    rnn = torch.nn.LSTM(3, 32, 2, batch_first=True, bidirectional=True)
    x = torch.randn(200, 3, generator=generator).clamp(-2, 2)
    length, frequency = 20, 0.2
    waves = x[:, None, 1:] * torch.sin(frequency * torch.arange(length))[None, :, None]  # (W, L, 2)
    products = lstm_filters.Products(torch.tensor([[1.0, 0, 0]]), torch.zeros(1), waves)
    with torch.no_grad():
        rows, frequencies = torch.eye(3)[1:], torch.full((2,), frequency)
        ways = [lstm_filters.collecting(32, torch.eye(3), rows, frequencies) for _ in range(2)]
        inputs = x[:, None].expand(-1, length, -1)
        lstm_filters.set_layers(rnn, ways, inputs, None, products)
        given = rnn(inputs)[0]
    product = x[:, None, :1] * waves
    assert unexplained(product, given) < 0.02
    assert unexplained(product, waves) > 0.5


def unexplained(asked, given):
    """The share of asked (W, L, C) that is not linear in given (W, L, H), without the first and the last frame: there,
    one of the directions has nothing to multiply."""
    asked, given = (each[:, 1:-1].flatten(0, 1).double() for each in (asked, given))
    given = torch.cat((given, torch.ones(len(given), 1)), dim=1)
    found = given @ torch.linalg.lstsq(given, asked, driver="gelsd").solution
    return float((found - asked).square().mean() / asked.square().mean())


def test_dense_layers_keep_what_they_are_given():
    generator = torch.Generator().manual_seed(0)
    layers = [torch.nn.Linear(5, 20), torch.nn.Linear(20, 12)]
    weight, bias, x = torch.randn(4, 5), torch.randn(4), torch.randn(30, 5)
    expected = x @ weight.T + bias
    with torch.no_grad():
        weight, bias = dense_layers.pass_on(layers, weight, bias, generator)
        for layer in layers:
            x = torch.relu(layer(x))
    torch.testing.assert_close(x @ weight.T + bias, expected, atol=1e-4, rtol=1e-4)


def test_a_dense_layer_keeps_some_numbers_and_learns_of_the_others():
    generator = torch.Generator().manual_seed(0)
    layer = torch.nn.Linear(5, 64)
    weight, bias, x = torch.eye(5), torch.linspace(-1, 1, 5), torch.randn(500, 5, generator=generator)

    def asked(inputs):
        return torch.stack((inputs[:, 0] * inputs[:, 1], inputs[:, 2].abs()), dim=1)

    def draw(count):
        inputs = torch.randn(count, 3, generator=generator) + bias[2:]
        return inputs, asked(inputs)

    with torch.no_grad(), console.progress(400, "steps") as bar:
        out, out_bias = dense_layers.learn(layer, weight, bias, 2, draw, torch.ones(2), 400, generator, bar)
        found = torch.relu(layer(x)) @ out.T + out_bias
    numbers = x + bias
    torch.testing.assert_close(found[:, :2], numbers[:, :2], atol=1e-4, rtol=1e-4)
    expected = asked(numbers[:, 2:])
    assert float((found[:, 2:] - expected).square().mean()) < 0.05 * float(expected.var())
