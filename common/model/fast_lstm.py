"""What the models ask of their LSTMs, with less arithmetic than asking `nn.LSTM` for everything.

The parameters are those of the `nn.LSTM`, and so is the result. On the CPU, where an LSTM's time is its arithmetic, two
parts of it are left out:

* Of the encoder only the last frame is used. There, the backward direction of the top layer has read one frame, so one
  frame is all that it has to read: 1/T of its work.
* The decoder's LSTM gets the same vector x at every frame. The product of x and the input weights is then the same at
  every frame too, and is computed once. To keep torch's LSTM for the rest, it gets the number of the sample, as a
  one-hot vector, for its input, and these products, a column per sample, for its input weights.

Other devices take their own LSTM as it is. Shapes: B batch, T frames, I inputs, H outputs of the LSTM.
"""

import functools

import torch

SUFFIXES = ("", "_reverse")
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def last_frame(rnn, x):
    """`rnn(x)[0][:, -1]`, (B, T, I) -> (B, H)."""
    if x.device.type != "cpu" or not rnn.bidirectional:
        return rnn(x)[0][:, -1]
    x, top = x.transpose(0, 1), rnn.num_layers - 1  # time first, as the processor's library has it
    if top > 0:
        below = [layer_weights(rnn, layer, direction) for layer in range(top) for direction in (0, 1)]
        x = run_layers(x, below, bidirectional=True)
    forward = run_layers(x, [layer_weights(rnn, top, 0)])[-1]
    backward = run_layers(x[-1:], [layer_weights(rnn, top, 1)])[0]
    return torch.cat((forward, backward), dim=-1)


def repeated(rnn, x, frame_count):
    """`rnn` on the same vectors at every frame, (B, I) -> (B, T, H)."""
    batch = len(x)
    if x.device.type != "cpu" or batch > rnn.input_size // 2:  # a one-hot vector would be as long as x is
        return rnn(x.unsqueeze(1).expand(-1, frame_count, -1))[0]
    directions = (0, 1) if rnn.bidirectional else (0,)
    first = [_projected(layer_weights(rnn, 0, direction), x) for direction in directions]
    x = run_layers(_samples(frame_count, batch, x.dtype), first, rnn.bidirectional)
    above = [layer_weights(rnn, layer, direction) for layer in range(1, rnn.num_layers) for direction in directions]
    return (run_layers(x, above, rnn.bidirectional) if above else x).transpose(0, 1)


@functools.lru_cache(maxsize=8)
def _samples(frame_count, batch, dtype):
    """The number of each sample as a one-hot vector, at every frame: (T, B, B)."""
    return torch.eye(batch).to(dtype).expand(frame_count, -1, -1).contiguous()


def layer_weights(rnn, layer, direction):
    """The four parameters of a layer, forward (0) or backward (1)."""
    return [getattr(rnn, f"{name}_l{layer}{SUFFIXES[direction]}") for name in WEIGHTS]


def _projected(weights, x):
    """The parameters of a first layer that reads one-hot vectors in place of x (B, I)."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    products = torch.nn.functional.linear(x, weight_ih, bias_ih + bias_hh)  # (B, 4H)
    zeros = torch.zeros_like(bias_ih)
    return [products.t().contiguous(), weight_hh, zeros, zeros]


def run_layers(x, weights, bidirectional=False):
    """torch's LSTM on (T, B, I), with the four parameters of every layer and direction -> (T, B, H)."""
    directions = 2 if bidirectional else 1
    start = x.new_zeros(len(weights), x.shape[1], weights[0][1].shape[1])
    flat = [weight for four in weights for weight in four]
    layers, dropout, train = len(weights) // directions, 0.0, torch.is_grad_enabled()
    return torch.lstm(x, (start, start), flat, True, layers, dropout, train, bidirectional, False)[0]
