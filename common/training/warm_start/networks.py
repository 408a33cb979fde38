"""The layers of an encoder and a decoder, set from bottom to top.

An encoder: its LSTM collects the cosines of dancer's movement, and a readout fitted to windows makes numbers of them.
A decoder: its LSTM swings as numbers ask it to, and a readout fitted to windows makes poses of that.

Shapes: W windows, L frames of a window, D pose_dim, P components, K cosines, Z latent, N numbers of a readout.
"""

from common.model import fast_lstm
from common.runtime import console
from common.runtime.errors import InputError
from common.training.warm_start import lstm_filters
from common.training.warm_start.motion_basis import SPREAD
from common.training.warm_start.ridge import RidgeRegression

import torch
from torch import nn

NOISE = 0.03  # standard deviation of the latent noise, a tenth of a code's
READOUT_WINDOWS = 2000  # that an encoder's readout is fitted to
BLOCK = 100  # windows at once


def check(encoder, decoders):
    """Raise InputError where a model is not the shipped one: the warm start sets every layer, so it has to know all."""
    for net, name in ((encoder, "encoder"), *((decoder, "decoder") for decoder in decoders)):
        rnn = dict(net.named_modules()).get(f"rnn_layers.{name}_rnn_0")
        plain = isinstance(rnn, nn.LSTM) and rnn.bias and rnn.proj_size == 0 and len(net.rnn_layers) == 1
        if not plain:
            _refuse(net, f"rnn_layers.{name}_rnn_0, an nn.LSTM with biases and no projection", rnn)
        dense = dict(getattr(net, "dense_layers", {}))
        if not dense or not all(isinstance(layer, nn.Linear) for layer in dense.values()):
            _refuse(net, "dense_layers of at least one nn.Linear", dense or None)
    heads = [(encoder, head, getattr(encoder, head, None)) for head in ("fc_mu", "fc_std")]
    for decoder in decoders:
        final = list(getattr(decoder, "final_layers", {}).values())
        heads.append((decoder, "one final layer", final[0] if len(final) == 1 else final))
    for net, name, layer in heads:
        if not isinstance(layer, nn.Linear):
            _refuse(net, f"{name}, an nn.Linear", layer)


def _refuse(net, expected, layer):
    kind = "nothing of that name" if layer is None else f"{layer}"
    raise InputError(
        f'initial_weights = "regression" sets the layers of common/model/vae.py as they are: it expects '
        f'{type(net).__name__} to have {expected}, and found {kind}. Set initial_weights = "noise" for a model of '
        "your own."
    )


def set_encoder_lstm(encoder, basis, body, examples):
    """Let an encoder's LSTM collect the movements of a MotionBasis of a heading_frame.Body, without what its joints'
    signs change most, scaled by windows (W, L, D)."""
    (rnn,) = encoder.rnn_layers.values()
    analysis = body.across_means((basis.components * basis.weights[:, None]).T)  # (P, D)
    size, none = rnn.hidden_size, analysis[:0]
    strengths = basis.variances.sqrt().diag_embed()
    frequencies, directions = lstm_filters.choose_oscillators(strengths, 2 * (size // 2), len(basis.cosines[0]))
    strong, rest = slice(0, size // 2), slice(size // 2, None)
    first = [lstm_filters.oscillators(size, none, directions[strong] @ analysis, frequencies[strong])]
    second = None
    if rnn.bidirectional:  # the backward cells hold the pose for the forward cells above, which collect what is left
        first.append(lstm_filters.steady(size, analysis))
        below = torch.eye(2 * size)
        held = min(size, len(analysis))
        rows = directions[rest, :held] @ below[size : size + held]
        second = [
            lstm_filters.oscillators(size, below[:0], rows, frequencies[rest]),
            lstm_filters.steady(size, below),
        ]
    lstm_filters.set_layers(rnn, first, examples, second)


def fit_encoder_readout(encoder, numbers_of, draw_windows, window_count=READOUT_WINDOWS):
    """The LinearMap from the outputs of an encoder's LSTM to N numbers: `numbers_of` gives them of windows
    (W, L, D) -> (W, N). It is fitted to `window_count` windows that `draw_windows` gives, (count) -> (count, L, D)."""
    (rnn,) = encoder.rnn_layers.values()
    regression = RidgeRegression()
    with console.progress(window_count // BLOCK, "parts") as bar:
        for _ in range(window_count // BLOCK):
            block = draw_windows(BLOCK)
            regression.add(fast_lstm.last_frame(rnn, block), numbers_of(block))
            bar.update()
    return regression.solve()


def set_encoder_heads(encoder, readout):
    """Latent means as the LinearMap reads them from the last dense layer, and a little noise."""
    latent_dim = encoder.fc_mu.out_features
    encoder.fc_mu.weight.copy_(readout.weight[:latent_dim])
    encoder.fc_mu.bias.copy_(readout.bias[:latent_dim])
    encoder.fc_std.weight.zero_()
    encoder.fc_std.bias.fill_(NOISE)


def run_dense(decoder, codes):
    """Outputs of a decoder's dense layers, (W, Z) -> (W, H)."""
    x = codes
    for layer in decoder.dense_layers.values():
        x = torch.relu(layer(x))
    return x


def set_decoder_lstm(decoder, readout, synthesis, strength_shape, x, products=None):
    """Let a decoder's LSTM swing as the numbers ask that `readout` reads from its inputs x (W, H): the LinearMap
    `synthesis` makes coefficients (K, P), `strength_shape`, of the last of them, and the mean of these is a number that
    no window changes. Cells multiply `products`, if there are any and room for them."""
    (rnn,) = decoder.rnn_layers.values()
    directions, size, length = (2 if rnn.bidirectional else 1), rnn.hidden_size, decoder.sequence_length
    if products and products.cell_count > size // 2:
        products = None
    room = size - (products.cell_count if products else 0)
    steady = readout.weight[: room // 4]  # what the numbers give at once, and all the time
    first_number = len(readout.weight) - synthesis.weight.shape[1]
    mean = synthesis(readout(x.mean(dim=0))[first_number:])
    swings = torch.cat((synthesis.weight, mean[:, None] / SPREAD), dim=1).unflatten(0, strength_shape)  # (K, P, N + 1)
    swings[0] = 0  # steady cells have what does not swing
    count = directions * ((room - len(steady)) // 2)
    frequencies, chosen = lstm_filters.choose_oscillators(swings, count, length)
    rows, constants = chosen[:, :-1] @ readout.weight[first_number:], chosen[:, -1] * SPREAD
    cells = [
        lstm_filters.oscillators(size, steady, *(part[first::directions] for part in (rows, frequencies, constants)))
        for first in range(directions)
    ]
    examples = x.unsqueeze(1).expand(-1, length, -1)
    lstm_filters.set_layers(rnn, cells, examples, None, products)


def set_decoder_final(decoder, x, target_windows):
    """Poses as a ridge regression reads them from the LSTM, for its inputs x (W, H) and windows (W, L, D)."""
    (rnn,), (final,) = decoder.rnn_layers.values(), decoder.final_layers.values()
    regression = RidgeRegression()
    blocks = list(zip(x.split(BLOCK // 4), target_windows.split(BLOCK // 4), strict=True))
    with console.progress(len(blocks), "parts") as bar:
        for inputs, windows in blocks:
            outputs = fast_lstm.repeated(rnn, inputs, decoder.sequence_length)
            regression.add(outputs.flatten(0, 1), windows.flatten(0, 1))
            bar.update()
    readout = regression.solve(lstm_filters.PRECISE)
    final.weight.copy_(readout.weight)
    final.bias.copy_(readout.bias)
