"""The two warm starts, step by step: one for the translation, one for the deepfake.

Shapes: W windows, L frames of a window, D pose_dim, Z latent, N numbers.
"""

from common.motion import quaternion
from common.runtime import console, devices
from common.training.warm_start import dense_layers, lstm_filters, motion_basis, networks, response_regression, samples
from common.training.warm_start.movement_code import MovementCode
from common.training.warm_start.ridge import LinearMap

import torch

CODES = 300  # that the decoder's readout is fitted to
HEADING_NUMBERS = 2  # of a latent code
HEADING = 0.3  # the number that a heading straight on is in the latent code
TURNINGS = 16_000  # of a body, in the room and as seen from its heading: what a deepfake's encoder learns from
INNER = 64  # numbers between the decoder's dense layer and its LSTM: coefficients of dancer 2's windows
FEATURE_WINDOWS = 1000  # that the readout of dancer 1's heading and features is fitted to: both are linear in poses
MOVEMENTS = 32_000  # of dancer 1, with their responses: what the encoder's dense layer learns from
NOISE = 0.3  # on these movements: what is learned goes smoothly on beyond them
RESPONSES = 16_000  # of dancer 2, with their windows: what the decoder's dense layer learns from
BASIS_WINDOWS = 1000  # drawn ones that a basis is fitted to
BLOCK = 250  # windows at once, since windows take much memory


@torch.no_grad()
def deepfake(nets, windows, generator):
    """Set the "encoder" of both dancers, "decoder1" and "decoder2", by a dataset.windows.Windows and a generator.

    The latent code is where a dancer faces and the principal movements of both dancers as seen from there
    (movement_code). Each decoder gives what its dancer most likely moves, given these. How the mean poses differ is not
    in the code. Raises InputError where a model is not the shipped one.
    """
    encoder, decoders = nets["encoder"], [nets["decoder1"], nets["decoder2"]]
    networks.check(encoder, decoders)
    recorded = [samples.sample_unturned(windows, dancer, generator) for dancer in (0, 1)]
    weights = sum(samples.joint_weights(windows, dancer, recorded[dancer]) for dancer in (0, 1)) / 2
    size = max(0, encoder.fc_mu.out_features - HEADING_NUMBERS)
    code = MovementCode(recorded, windows.skeletons, weights, windows.up_axis, size, generator)
    del recorded
    _set_deepfake_encoder(encoder, code, weights, generator)
    for dancer, decoder in enumerate(decoders):
        console.line(f"decoder of dancer {dancer + 1}: LSTM cells as oscillators, a readout of poses")
        _set_deepfake_decoder(decoder, code, dancer, weights, generator)


def _set_deepfake_encoder(encoder, code, weights, generator):
    """An encoder of heading and movement. How the body turns as seen from its heading is not linear in how it turns in
    the room: its last dense layer learns that."""

    def draw_windows(count):
        seen = code.draw(count, generator)
        return code.frame.in_room(seen, code.draw_headings(count, generator))

    def others_and_turning(part):
        seen = code.see(part)
        of_turning = code.numbers_of_turning(code.frame.target.local_turning(seen))
        turning = code.turning_numbers(code.frame.source.turning(part))
        return torch.cat((code.numbers(seen) - of_turning, turning), dim=1)

    def turnings(count):
        seen = code.frame.target.local_turning(code.draw(count, generator))
        headings = code.draw_headings(count, generator)
        in_room = quaternion.mul(code.frame.rotation(headings).expand_as(seen), seen)
        return code.turning_numbers(in_room), torch.cat((HEADING * headings, code.numbers_of_turning(seen)), dim=1)

    console.line("encoder: LSTM cells as filters, a readout of heading and movement")
    examples = torch.cat([draw_windows(BLOCK) for _ in range(BASIS_WINDOWS // BLOCK)])
    basis = motion_basis.fit([examples], [examples.mean((0, 1))], weights)
    scale_windows = samples.pick(examples, lstm_filters.SCALE_WINDOWS, generator)
    networks.set_encoder_lstm(encoder, basis, code.frame.source, scale_windows)
    del examples
    readout = networks.fit_encoder_readout(encoder, others_and_turning, draw_windows)
    *layers, last = encoder.dense_layers.values()
    readout = dense_layers.pass_on(layers, readout, generator)
    console.line("encoder: the last dense layer learns how the body turns as seen from its heading")
    size = len(code.relative_variances)
    importance = torch.cat((torch.ones(HEADING_NUMBERS), code.relative_variances))
    examples = _in_blocks(turnings, TURNINGS)
    weight, bias = dense_layers.learn(last, readout, size, *examples, importance, generator, linear=True)
    of_turning = slice(size + HEADING_NUMBERS, None)
    weight[of_turning] += weight[:size]  # a number of a movement is what the turning joint and the others do
    bias[of_turning] += bias[:size]
    networks.set_encoder_heads(encoder, LinearMap(weight[size:], bias[size:]))


def _set_deepfake_decoder(decoder, code, dancer, weights, generator):
    """A decoder of heading and movement, as its dancer most likely moves."""
    latent_dim = next(iter(decoder.dense_layers.values())).in_features
    size = len(code.relative_variances)
    basis = motion_basis.fit([code.seen[dancer]], [code.means[dancer]], weights)
    synthesis = basis.decoding(code.codes, code.seen[dancer], generator)
    headings = torch.tanh(HEADING * code.draw_headings(CODES, generator))[:, :latent_dim]
    recorded = code.codes(samples.pick(code.seen[dancer], CODES // 2, generator))
    random = torch.tanh(motion_basis.SPREAD * torch.randn(CODES // 2, size, generator=generator))
    latent = torch.cat((headings, torch.cat((recorded, random))), dim=1)
    readout = LinearMap(torch.eye(latent_dim), torch.zeros(latent_dim))
    readout = dense_layers.pass_on(decoder.dense_layers.values(), readout, generator)
    _set_turning_decoder(decoder, readout, synthesis, basis, networks.run_dense(decoder, latent), code.frame)


def _set_turning_decoder(decoder, readout, synthesis, basis, x, frame):
    """The LSTM and the final layer of a decoder, whose inputs x (W, H) `readout` makes a heading and numbers of: the
    LinearMap `synthesis` makes coefficients of a MotionBasis of them, and products with the heading turn these windows
    into the room, as a HeadingFrame has it."""
    latent = readout(x)
    heading_count = latent.shape[1] - synthesis.weight.shape[1]
    shape = basis.variances.shape
    seen = basis.windows(synthesis(latent[:, heading_count:]).unflatten(1, shape))
    gates = LinearMap(readout.weight[:heading_count], readout.bias[:heading_count])
    products = lstm_filters.Products(gates, frame.target.local_turning(seen))
    headings = torch.atanh(latent[:, :heading_count].clamp(-HEADING, HEADING))
    networks.set_decoder_lstm(decoder, readout, synthesis, shape, x, products)
    networks.set_decoder_final(decoder, x, frame.in_room(seen, headings))


@torch.no_grad()
def translation(nets, windows, generator):
    """Set the "encoder" of dancer 1 and the "decoder" of dancer 2, by a dataset.windows.Windows and a random generator.

    The latent code is dancer 1's heading and then dancer 2's most likely response as seen from there, as
    response_regression finds it. Raises InputError where a model is not the shipped one.
    """
    encoder, decoder = nets["encoder"], nets["decoder"]
    networks.check(encoder, [decoder])
    source, target, starts = samples.sample_pairs(windows, generator)
    weights = [samples.joint_weights(windows, dancer, poses) for dancer, poses in enumerate((source, target))]
    console.line(f"dancer 2's response to dancer 1: kernel ridge regression over {len(source)} windows")
    code_count = max(1, encoder.fc_mu.out_features - HEADING_NUMBERS)
    regression = response_regression.ResponseRegression(
        source, target, starts, windows.skeletons, weights, windows.up_axis, code_count, generator
    )
    del source, target
    _set_translation_encoder(encoder, regression, windows, weights[0], generator)
    _set_translation_decoder(decoder, regression, weights[1], generator)


def _set_translation_encoder(encoder, regression, windows, weights, generator):
    """An encoder of heading and response. Its last dense layer learns the response, which is not linear in the
    movement, from dancer 1's features."""
    source = samples.sample_movements(windows, 0, generator)
    basis = motion_basis.fit([source], [source.mean((0, 1))], weights)

    def draw_windows(count):
        recorded = samples.draw_movements(windows, 0, count // 2, generator)
        return torch.cat((recorded, basis.draw(count - len(recorded), generator)))

    def heading_and_features(part):
        return torch.cat((HEADING * regression.frame.heading(part), regression.features(part)), dim=1)

    def responses(count):
        features = regression.features.draw(count, generator)
        return features, torch.atanh(_latent(regression.codes(features)))

    console.line("encoder: LSTM cells as filters, a readout of dancer 1's heading and movement")
    networks.set_encoder_lstm(encoder, basis, regression.frame.source, draw_windows(lstm_filters.SCALE_WINDOWS))
    readout = networks.fit_encoder_readout(encoder, heading_and_features, draw_windows, FEATURE_WINDOWS)
    *layers, last = encoder.dense_layers.values()
    readout = dense_layers.pass_on(layers, readout, generator)
    console.line("encoder: the last dense layer learns the response")
    features, codes = _in_blocks(responses, MOVEMENTS)
    importance = regression.basis.relative_variances
    readout = dense_layers.learn(last, readout, HEADING_NUMBERS, features, codes, importance, generator, noise=NOISE)
    networks.set_encoder_heads(encoder, readout)


def _set_translation_decoder(decoder, regression, weights, generator):
    """A decoder of heading and response. Its first dense layer learns coefficients of dancer 2's windows as seen from
    the heading, which are not linear in the code; LSTM cells that multiply turn these windows to where it is."""
    latent_dim = next(iter(decoder.dense_layers.values())).in_features

    def responses(count):
        codes = _latent(regression.codes(regression.features.draw(count, generator)))
        return codes, regression.basis.windows(codes / motion_basis.SPREAD)

    def coefficients_of_responses(count):
        codes, relative = responses(count)
        return codes, basis.codes(relative)

    _, relative = _in_blocks(responses, BASIS_WINDOWS)
    basis = motion_basis.fit([relative], [relative.mean((0, 1))], weights, INNER)
    synthesis = basis.decoding(basis.codes, relative, generator)
    del relative
    codes, coefficients = _in_blocks(coefficients_of_responses, RESPONSES)
    codes = codes[:, : max(0, latent_dim - HEADING_NUMBERS)]
    heading_count = min(HEADING_NUMBERS, latent_dim)
    headings = torch.tanh(HEADING * regression.draw_headings(CODES, generator))[:, :heading_count]
    latent = torch.cat((headings, samples.pick(codes, CODES, generator)), dim=1)

    console.line("decoder: the first dense layer learns dancer 2's windows")
    first, *layers = decoder.dense_layers.values()
    readout = LinearMap(torch.eye(latent_dim), torch.zeros(latent_dim))
    importance = basis.relative_variances()
    readout = dense_layers.learn(first, readout, heading_count, codes, coefficients, importance, generator, linear=True)
    readout = dense_layers.pass_on(layers, readout, generator)

    console.line("decoder: LSTM cells as oscillators, and as products with the heading; a readout of poses")
    x = networks.run_dense(decoder, latent)
    _set_turning_decoder(decoder, readout, synthesis, basis, x, regression.frame)


@devices.one_thread()
def _in_blocks(examples, count):
    """Tensors of `count` examples, which a function gives block by block: (count) -> tensors."""
    blocks = [examples(len(block)) for block in torch.arange(count).split(BLOCK)]
    return [torch.cat(tensors) for tensors in zip(*blocks, strict=True)]


def _latent(codes):
    """Codes of variance 1 as latent codes."""
    return (motion_basis.SPREAD * codes).clamp(-motion_basis.LARGEST, motion_basis.LARGEST)
