"""A start that is not noise: models that know the recording's principal movements before they learn.

The latent code starts as the strongest of motion_basis' coefficients, or, in a translation, as the answer that
response_regression finds. An encoder that computes it, and a decoder that makes movement of it, are set up:

* LSTM cells are set to be linear filters, see lstm_filters: read by a regression, pairs at several frequencies give the
  cosines. This is the encoder's first layer. Driven by a code that stays, such pairs give sines and cosines over time:
  the decoder's.
* All other layers pass on what they read, but for two dense layers of a translation, which learn what is not linear.
* What is read from small values is fitted to what they are: by ridge regression over windows with the recording's
  statistics.

Shapes: W windows, L frames of a window, D pose_dim, P components, K cosines, Z latent, H width of an LSTM.
"""

import functools

from common.model import fast_lstm
from common.motion import kinematics
from common.runtime import console
from common.training.warm_start import dense_layers, lstm_filters, motion_basis, response_regression

import torch

NOISE = 0.03  # standard deviation of the latent noise, a tenth of a code's
DRAWN = 2000  # windows that the encoder's readout is fitted to, half of them recorded
CODES = 300  # codes that the decoder's readout is fitted to, half of them recorded
BLOCK = 100  # windows at once
FEW = 300  # windows that tell how large values are
LEAD = 0.3  # the number that says where dancer 1 faces, where it faces straight on
INNER = 64  # numbers that dancer 2's windows are made of
OWN = 1000  # windows that these are found from
PARTS = 16  # times as many windows teach the decoder's dense layer
LEARNT = 800  # steps that a dense layer learns for


def translation(encoder, decoder, windows, generator):
    """Start as dancer 2's most likely answer to dancer 1's movement, as response_regression finds it.

    The latent code is the lead, and then the answer as seen from there. What is answered is not linear in the movement,
    nor what lead and answer together ask of dancer 2: the dense layers beside the latent code learn it.
    """
    seen, asked = motion_basis.sample(windows, generator)
    weights = [_weights(windows, dancer, each) for dancer, each in enumerate((seen, asked))]
    recorded, starts = motion_basis.sample(windows, generator, turned=False), motion_basis.sampled(windows).cpu()
    starts = starts.repeat_interleave(len(recorded[0]) // len(starts))
    latent_dim = encoder.fc_mu.out_features
    count = max(1, latent_dim - 2)
    known = response_regression.ResponseRegression(
        *recorded, starts, windows.skeletons, weights, windows.up_axis, count
    )

    def lead_and_features(part):
        return torch.cat((LEAD * known.lead(part), known.features(part)), dim=1)

    def answered(count):
        features = known.between(count, generator)
        return features, torch.atanh(_codes(known.codes(features)))

    moves = motion_basis.find([seen], [seen.mean((0, 1))], weights[0], response_regression.FEATURES)
    teach = functools.partial(_teach, draw=answered, importance=known.shares, kept=2, generator=generator)
    _start_encoder(encoder, moves, lead_and_features, seen, generator, teach)

    codes, theirs = _answers_from_lead(known, OWN, generator)
    own = motion_basis.find([theirs], [theirs.mean((0, 1))], weights[1], INNER)
    way = motion_basis.own_way(own.codes, own, theirs, generator)
    codes, numbers = _own_codes(known, own, generator)
    codes = codes[:, : max(0, latent_dim - 2)]

    def asked_for(count):
        chosen = torch.randint(len(codes), (count,), generator=generator)
        return codes[chosen], numbers[chosen]

    kept = min(2, latent_dim)
    teach = functools.partial(_teach, draw=asked_for, importance=own.shares(), kept=kept, generator=generator)
    leads = torch.tanh(LEAD * known.leads(CODES, generator))[:, :kept]
    with_leads = torch.cat((leads, _some(codes, CODES, generator)), dim=1)
    _start_decoder(decoder, own, way, with_leads, generator, teach, known)


def _answers_from_lead(known, count, generator):
    """Latent codes of answers (count, Z), and the windows that they stand for as seen from the lead (count, L, D)."""
    codes = _codes(known.codes(known.between(count, generator)))
    return codes, known.seen_from_lead(codes / motion_basis.SPREAD)


def _own_codes(known, own, generator):
    """More such codes, and the same as codes of `own`, in parts, since windows are large."""
    parts = (_answers_from_lead(known, OWN, generator) for _ in range(PARTS))
    found = [(codes, own.codes(theirs)) for codes, theirs in parts]
    return [torch.cat(each) for each in zip(*found, strict=True)]


def deepfake(encoder, decoders, windows, generator):
    """Start as what each dancer most likely moves, given the movement of either, apart from who it was.

    How the mean poses differ is not in the code; where the body is turned to is, since both dancers turn.
    """
    seen = motion_basis.sample(windows, generator)
    middle = sum(each.mean((0, 1)) for each in seen) / 2
    turning = slice(0, 4 * (kinematics.hips(windows.skeletons[0]) + 1))
    means = [each.mean((0, 1)) for each in seen]
    for mean in means:
        mean[turning] = middle[turning]
    weights = sum(_weights(windows, dancer, each) for dancer, each in enumerate(seen)) / 2
    latent_dim = encoder.fc_mu.out_features
    moves = motion_basis.find(seen, means, weights, latent_dim, apart=means[0] - means[1])
    _start_encoder(encoder, moves, lambda part: torch.atanh(moves.codes(part)), torch.cat(seen), generator)
    for decoder, mean, each in zip(decoders, means, seen, strict=True):
        own = motion_basis.find([each], [mean], weights, latent_dim)
        way = motion_basis.own_way(moves.codes, own, each, generator)
        drawn = torch.randn(CODES // 2, latent_dim, generator=generator) * motion_basis.SPREAD
        codes = torch.cat((_some(moves.codes(each), CODES - len(drawn), generator), drawn)).clamp(-1, 1)
        _start_decoder(decoder, own, way, codes, generator)


def _weights(windows, dancer, poses):
    mean = poses.mean((0, 1))
    return motion_basis.joint_weights(mean, windows.offsets[dancer][0].cpu(), windows.parents[dancer])


def _codes(answer):
    """Answers, which have the variance 1, as latent codes."""
    return (motion_basis.SPREAD * answer).clamp(-motion_basis.LARGEST, motion_basis.LARGEST)


def _teach(layer, weight, bias, draw, importance, generator, kept=0):
    with console.progress(LEARNT, "steps") as bar:
        return dense_layers.learn(layer, weight, bias, kept, draw, importance, LEARNT, generator, bar)


@torch.no_grad()
def _start_encoder(encoder, moves, numbers, recorded, generator, teach=None):
    """An encoder whose LSTM collects the movements, for numbers (W, N) that are linear in windows (W, L, D); the code
    is these numbers, or what `teach` makes the last dense layer learn of them."""
    (rnn,) = encoder.rnn_layers.values()
    few = torch.cat((_some(recorded, FEW // 2, generator), moves.draw(FEW // 2, generator)))
    analysis = (moves.components * moves.weights[:, None]).T  # (P, D)
    size, none = rnn.hidden_size, analysis[:0]
    frequencies, component = lstm_filters.pairs(moves.variances, 2 * (size // 2), len(moves.cosines[0]))
    strong, rest = slice(0, size // 2), slice(size // 2, None)
    first, second = [lstm_filters.collecting(size, none, analysis[component[strong]], frequencies[strong])], None
    if rnn.bidirectional:  # the backward cells hold the pose for the forward cells above, which collect what is left
        first.append(lstm_filters.reading(size, analysis))
        below = torch.eye(2 * size)
        rest_of = below[size:][component[rest].clamp_max(size - 1)]
        second = [
            lstm_filters.collecting(size, below[:0], rest_of, frequencies[rest]),
            lstm_filters.reading(size, below),
        ]
    lstm_filters.set_layers(rnn, first, few, second)

    readout = motion_basis.Regression()
    with console.progress(DRAWN // BLOCK, "parts") as bar:
        for number in range(DRAWN // BLOCK):
            part = _some(recorded, BLOCK, generator) if number % 2 else moves.draw(BLOCK, generator)
            readout.add(fast_lstm.last_frame(rnn, part), numbers(part))
            bar.update()
    *layers, last = encoder.dense_layers.values()
    weight, bias = dense_layers.pass_on(layers, *readout.solve(1e-4), generator)
    weight, bias = teach(last, weight, bias) if teach else dense_layers.pass_on([last], weight, bias, generator)
    encoder.fc_mu.weight.copy_(weight[: encoder.fc_mu.out_features])
    encoder.fc_mu.bias.copy_(bias[: encoder.fc_mu.out_features])
    encoder.fc_std.weight.zero_()
    encoder.fc_std.bias.fill_(NOISE)


@torch.no_grad()
def _start_decoder(decoder, own, way, codes, generator, teach=None, known=None):
    """A decoder that makes windows of codes (W, Z): `way` is the slope (K·P, Z) and the constant (K·P,) from these to
    the coefficients of `own`.

    With `teach`, it makes them of numbers that the first dense layer learns of the codes: the lead, and the code of
    `own` for the window as seen from there. Cells that multiply turn that to where it is.
    """
    (rnn,), (final,) = decoder.rnn_layers.values(), decoder.final_layers.values()
    slope, constant = way
    first, *layers = decoder.dense_layers.values()
    weight, bias = torch.eye(codes.shape[1]), torch.zeros(codes.shape[1])
    weight, bias = teach(first, weight, bias) if teach else dense_layers.pass_on([first], weight, bias, generator)
    weight, bias = dense_layers.pass_on(layers, weight, bias, generator)
    x = codes
    for layer in decoder.dense_layers.values():
        x = torch.relu(layer(x))
    numbers = x @ weight.T + bias
    lead_count = numbers.shape[1] - slope.shape[1]
    windows = own.windows((numbers[:, lead_count:] @ slope.T + constant).unflatten(1, own.variances.shape))

    ways, size, length = (2 if rnn.bidirectional else 1), rnn.hidden_size, decoder.sequence_length
    products = None
    if known:
        products = lstm_filters.Products(weight[:lead_count], bias[:lead_count], known.course(windows)[:FEW])
        products = products if products.cell_count <= size // 2 else None
        windows = known.turned(windows, torch.atanh(numbers[:, :lead_count].clamp(-LEAD, LEAD)))
    room = size - (products.cell_count if products else 0)
    steady = weight[: room // 4]  # what the numbers give at once, and all the time
    strength = slope.unflatten(0, own.variances.shape).square().sum(dim=1)  # (K, N)
    frequencies, number = lstm_filters.pairs(strength, ways * ((room - len(steady)) // 2), length)
    rows = weight[lead_count:][number]
    each = [lstm_filters.collecting(size, steady, rows[way::ways], frequencies[way::ways]) for way in range(ways)]
    lstm_filters.set_layers(rnn, each, x[:FEW, None].expand(-1, length, -1), None, products)

    readout = motion_basis.Regression()
    parts = list(zip(x.split(BLOCK // 4), windows.split(BLOCK // 4), strict=True))
    with console.progress(len(parts), "parts") as bar:
        for some, these in parts:
            readout.add(fast_lstm.repeated(rnn, some, length).flatten(0, 1), these.flatten(0, 1))
            bar.update()
    weight, bias = readout.solve(1e-6)
    final.weight.copy_(weight)
    final.bias.copy_(bias)


def _some(windows, count, generator):
    """Random ones of windows (W, ...)."""
    return windows[torch.randint(len(windows), (count,), generator=generator)]
