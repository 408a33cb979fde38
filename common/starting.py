"""A start that is not noise: models that know the recording's principal movements before they learn.

The latent code starts as the strongest of common.movements' coefficients. An encoder that computes them, and a decoder
that makes of them what the dancer most likely moves, are set up without a gradient:

* Where its gates hold still, an LSTM's cell is a linear filter, `c ← f·c + i·(U h + B x)`. Two cells that turn into
  each other by ω a frame collect the Fourier coefficient of what they read at ω; read by a regression, pairs at several
  ω give the cosines. This is the encoder's first layer. Driven by a code that stays, such pairs give sines and cosines
  over time: the decoder's.
* All other layers pass on what they read. Dense layers keep r·x as relu(r·x) − relu(−r·x).
* All values are small, where tanh is a straight line, and what is read from them is fitted to what they are: by ridge
  regression over windows with the recording's statistics.

Shapes: W windows, L frames of a window, D pose_dim, P components, K cosines, Z latent, H width of an LSTM.
"""

import math

from common import console, kinematics, lstm, metrics, movements, quaternion

import torch

GATE = 2.0  # of gates that are open: the logistic function of it is 0.88
KEPT = 0.02, 0.998  # the least and the most that a forget gate keeps
SMALL = 0.06  # what an LSTM's cell gives
DENSE = 0.5  # what a dense layer gives
NOISE = 0.03  # standard deviation of the latent noise, a tenth of a code's
DRAWN = 2000  # windows that the encoder's readout is fitted to, half of them recorded
CODES = 300  # codes that the decoder's readout is fitted to, half of them recorded
BLOCK = 100  # windows at once
FEW = 300  # windows that tell how large values are


def note_schedule(schedule):
    """Say so where the steps of a training will be too large for this start."""
    if schedule == "step":
        console.note(
            'schedule = "step" takes steps that are too large for initial_weights = "movements", which it unlearns. '
            'Use schedule = "gentle", or initial_weights = "noise" with ae_learning_rate = 1e-4.'
        )


def translation(encoder, decoder, windows, generator):
    """Start as the linear answer of dancer 2 to dancer 1's movement."""
    seen, asked = movements.sample(windows, generator)
    asked = _with_signs_of(seen, asked, *[kinematics.hips(skeleton) for skeleton in windows.skeletons])
    moves, others = (
        movements.find([each], [each.mean((0, 1))], _weights(windows, dancer, each), encoder.fc_mu.out_features)
        for dancer, each in enumerate((seen, asked))
    )
    codes = moves.codes(seen)
    _start_encoder(encoder, moves, seen, generator)
    way = movements.answer(codes, others.coefficients(asked).flatten(1))
    _start_decoder(decoder, others, way, codes, generator)


def deepfake(encoder, decoders, windows, generator):
    """Start as what each dancer most likely moves, given the movement of either, apart from who it was.

    How the mean poses differ is not in the code; where the body is turned to is, since both dancers turn.
    """
    seen = movements.sample(windows, generator)
    middle = sum(each.mean((0, 1)) for each in seen) / 2
    turning = slice(0, 4 * (kinematics.hips(windows.skeletons[0]) + 1))
    means = [each.mean((0, 1)) for each in seen]
    for mean in means:
        mean[turning] = middle[turning]
    weights = sum(_weights(windows, dancer, each) for dancer, each in enumerate(seen)) / 2
    latent_dim = encoder.fc_mu.out_features
    moves = movements.find(seen, means, weights, latent_dim, apart=means[0] - means[1])
    _start_encoder(encoder, moves, torch.cat(seen), generator)
    for decoder, mean, each in zip(decoders, means, seen, strict=True):
        own = movements.find([each], [mean], weights, latent_dim)
        way = movements.own_way(moves.codes, own, each, generator)
        _start_decoder(decoder, own, way, moves.codes(each), generator)


def _with_signs_of(seen, asked, hips, other_hips):
    """Windows of dancer 2 (W, L, D), each joint with the sign, for a window, with which it goes with dancer 1's.

    q and −q are one rotation, and a dancer who turns around once comes from one to the other. Of the hips, the sign is
    the one of dancer 1's hips turned by what lies between the two most of the time; of other joints, of their mean.
    """
    asked = asked.unflatten(-1, (-1, 4))
    guess = metrics.mean_rotation(metrics.scatter(asked.flatten(0, 1))).to(asked)
    hips_seen, hips_asked = seen.unflatten(-1, (-1, 4))[:, :, hips], asked[:, :, other_hips]
    between = quaternion.mul(quaternion.inv(hips_seen), hips_asked).reshape(-1, 1, 4)
    between = metrics.mean_rotation(metrics.scatter(between)).to(asked)[0]
    guess = guess.expand_as(asked).clone()
    guess[:, :, other_hips] = quaternion.mul(hips_seen, between.expand_as(hips_seen))
    opposite = (guess * asked).sum((1, 3), keepdim=True) < 0
    return torch.where(opposite, -asked, asked).flatten(-2)


def _weights(windows, dancer, poses):
    mean = poses.mean((0, 1))
    return movements.joint_weights(mean, windows.offsets[dancer][0].cpu(), windows.parents[dancer])


@torch.no_grad()
def _start_encoder(encoder, moves, recorded, generator):
    """An encoder of the movements' codes."""
    (rnn,) = encoder.rnn_layers.values()
    few = torch.cat((_some(recorded, FEW // 2, generator), moves.draw(FEW // 2, generator)))
    analysis = (moves.components * moves.weights[:, None]).T  # (P, D)
    size, none = rnn.hidden_size, analysis[:0]
    frequencies, component = _pairs(moves.variances, 2 * (size // 2), len(moves.cosines[0]))
    strong, rest = slice(0, size // 2), slice(size // 2, None)
    cells, second = [_collecting(size, none, analysis[component[strong]], frequencies[strong])], None
    if rnn.bidirectional:  # the backward cells hold the pose for the forward cells above, which collect what is left
        cells.append(_reading(size, analysis))
        below = torch.eye(2 * size)
        rest_of = below[size:][component[rest].clamp_max(size - 1)]
        second = [_collecting(size, below[:0], rest_of, frequencies[rest]), _reading(size, below)]
    _set_layers(rnn, cells, few, second)

    readout = movements.Regression()
    with console.progress(DRAWN // BLOCK, "parts") as bar:
        for number in range(DRAWN // BLOCK):
            part = _some(recorded, BLOCK, generator) if number % 2 else moves.draw(BLOCK, generator)
            readout.add(lstm.last_frame(rnn, part), torch.atanh(moves.codes(part)))
            bar.update()
    weight, bias = readout.solve(1e-4)
    for dense in encoder.dense_layers.values():
        rows = _both_signs(dense.out_features, len(weight), generator)
        dense.weight.copy_(rows @ weight)
        dense.bias.copy_(rows @ bias)
        weight, bias = _undoing(rows), torch.zeros_like(bias)
    encoder.fc_mu.weight.copy_(weight)
    encoder.fc_mu.bias.copy_(bias)
    encoder.fc_std.weight.zero_()
    encoder.fc_std.bias.fill_(NOISE)


@torch.no_grad()
def _start_decoder(decoder, own, way, codes, generator):
    """A decoder that makes windows of codes: `way` is the slope (K·P, Z) and the constant (K·P,) of the coefficients
    of `own`; `codes` (W, Z) are some of the recording's."""
    (rnn,), (final,) = decoder.rnn_layers.values(), decoder.final_layers.values()
    slope, constant = way
    latent_dim, length = codes.shape[1], decoder.sequence_length
    drawn = torch.randn(CODES, latent_dim, generator=generator) * movements.SPREAD
    codes = torch.cat((_some(codes, CODES // 2, generator), drawn[CODES // 2 :])).clamp(-1, 1)
    x, undo = codes, torch.eye(latent_dim)
    for dense in decoder.dense_layers.values():
        rows = _both_signs(dense.out_features, latent_dim, generator)
        dense.weight.copy_(rows @ undo)
        dense.bias.zero_()
        x, undo = torch.relu(dense(x)), _undoing(rows)

    ways, size = (2 if rnn.bidirectional else 1), rnn.hidden_size
    steady = undo[: min(latent_dim, size // 4)]  # what the code gives at once, and all the time
    strength = slope.unflatten(0, own.variances.shape).square().sum(dim=1)  # (K, Z)
    frequencies, number = _pairs(strength, ways * ((size - len(steady)) // 2), length)
    cells = [_collecting(size, steady, undo[number[way::ways]], frequencies[way::ways]) for way in range(ways)]
    _set_layers(rnn, cells, x[:FEW, None].expand(-1, length, -1))

    readout = movements.Regression()
    parts = list(zip(x.split(BLOCK // 4), codes.split(BLOCK // 4), strict=True))
    with console.progress(len(parts), "parts") as bar:
        for some, these in parts:
            windows = own.windows((these @ slope.T + constant).unflatten(1, own.variances.shape))
            readout.add(lstm.repeated(rnn, some, length).flatten(0, 1), windows.flatten(0, 1))
            bar.update()
    weight, bias = readout.solve(1e-6)
    final.weight.copy_(weight)
    final.bias.copy_(bias)


def _some(windows, count, generator):
    """Random ones of windows (W, ...)."""
    return windows[torch.randint(len(windows), (count,), generator=generator)]


# ---------------------------------------------------------------------------------------------------------------------
# cells of an LSTM


def _pairs(strength, count, length):
    """The frequencies, radians a frame, and the numbers that pairs of cells are for, the strongest first.

    `strength` (K, N) is that of number n at cosine k, which is ½·k swings a window; pairs swing ½·k + ¼ times, and next
    to a strong cosine all of them are needed.
    """
    padded = torch.nn.functional.pad(strength, (0, 0, 1, 2))
    near = torch.stack([padded[i : i + len(strength)] for i in range(4)]).amax(dim=0)
    order = near.flatten().argsort(descending=True)[:count]
    return (order // strength.shape[1] + 0.5) * math.pi / length, order % strength.shape[1]


def _collecting(size, steady, rows, frequencies):
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


def _reading(size, rows):
    """Cells that hold rows (N, I) of their inputs."""
    return _collecting(size, rows[:size], rows[:0], torch.zeros(0))


def _set_layers(rnn, cells, x, second=None):
    """Set the first layer to the cells, per direction, and the second one if there are cells for it; the layers above
    pass on what those below give. x (W, L, I) are some of the first layer's inputs."""
    size, ways = rnn.hidden_size, len(cells)
    passing = [_reading(size, torch.eye(ways * size)[way * size :]) for way in range(ways)]
    x = x.transpose(0, 1)
    for layer in range(rnn.num_layers):
        these = [cells, second or passing][layer] if layer < 2 else passing
        x = torch.cat([_set_cells(rnn, layer, way, *these[way], x) for way in range(ways)], dim=-1)


def _set_cells(rnn, layer, way, reads, keeps, turns, x):
    """Set one direction of a layer so that, with open gates and small values, cells become `keeps·c + turns·c +
    reads·x`, up to a factor; returns what they give for x (L, W, I)."""
    weight_ih, weight_hh, bias_ih, bias_hh = lstm.layer_weights(rnn, layer, way)
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
    weights = [lstm.layer_weights(rnn, layer, way)]
    return lstm.run_layers(x.flip(0), weights).flip(0) if way else lstm.run_layers(x, weights)


# ---------------------------------------------------------------------------------------------------------------------
# dense layers


def _both_signs(size, count, generator):
    """Rows (size, count) in pairs ±r: the unit vectors first, then random ones."""
    half = size // 2
    rows = torch.randn(half, count, generator=generator)
    rows /= rows.norm(dim=1, keepdim=True)
    rows[:count] = torch.eye(half, count)[:count]
    pairs = torch.zeros(size, count)
    pairs[: 2 * half] = torch.stack((rows, -rows), dim=1).flatten(0, 1)
    return pairs * (DENSE / movements.SPREAD)


def _undoing(rows):
    """What gives x again from relu(rows x), (size, count) -> (count, size)."""
    half = len(rows) // 2
    inverse = torch.linalg.pinv(rows[: 2 * half : 2])
    undo = torch.zeros(rows.shape[1], len(rows))
    undo[:, : 2 * half] = torch.stack((inverse, -inverse), dim=2).flatten(1)
    return undo
