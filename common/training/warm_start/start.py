"""The two warm starts, step by step: one for the translation, one for the deepfake.

Shapes: W windows, L frames of a window, D pose_dim, Z latent, N numbers.
"""

from common.motion import kinematics
from common.runtime import console, devices
from common.training.warm_start import dense_layers, lstm_filters, motion_basis, networks, response_regression, samples
from common.training.warm_start.ridge import LinearMap

import torch

CODES = 300  # that the decoder's readout is fitted to
HEADING = 0.3  # the number that a heading straight on is in the latent code
INNER = 64  # numbers between the decoder's dense layer and its LSTM: coefficients of dancer 2's windows
FEATURE_WINDOWS = 1000  # that the readout of dancer 1's heading and features is fitted to: both are linear in poses
MOVEMENTS = 32_000  # of dancer 1, with their responses: what the encoder's dense layer learns from
NOISE = 0.3  # on these movements: what is learned goes smoothly on beyond them
RESPONSES = 16_000  # of dancer 2, with their windows: what the decoder's dense layer learns from
BASIS_WINDOWS = 1000  # of these windows: what their basis is fitted to
BLOCK = 250  # windows at once, since windows take much memory


@torch.no_grad()
def deepfake(nets, windows, generator):
    """Set the "encoder" of both dancers, "decoder1" and "decoder2", by a dataset.windows.Windows and a generator.

    The latent code is the strongest coefficients of both dancers' movements in one basis. Each decoder gives what its
    dancer most likely moves, given these. How the mean poses differ is not in the code; where the body is turned to is,
    since both dancers turn. Raises InputError where a model is not the shipped one.
    """
    encoder, decoders = nets["encoder"], [nets["decoder1"], nets["decoder2"]]
    networks.check(encoder, decoders)
    recorded = [samples.sample_movements(windows, dancer, generator) for dancer in (0, 1)]
    means = _means_of_one_heading(recorded, windows.skeletons[0])
    weights = sum(samples.joint_weights(windows, dancer, recorded[dancer]) for dancer in (0, 1)) / 2
    latent_dim = encoder.fc_mu.out_features
    basis = motion_basis.fit(recorded, means, weights, latent_dim, excluded=means[0] - means[1])

    console.line("encoder: LSTM cells as filters, a readout of the strongest movements")
    draw_windows = _recorded_and_random(windows, (0, 1), basis, generator)
    networks.set_encoder_lstm(encoder, basis, draw_windows(networks.SCALE_WINDOWS))
    readout = networks.fit_encoder_readout(encoder, lambda part: torch.atanh(basis.codes(part)), draw_windows)
    readout = dense_layers.pass_on(encoder.dense_layers.values(), readout, generator)
    networks.set_encoder_heads(encoder, readout)

    for dancer, decoder in enumerate(decoders):
        console.line(f"decoder of dancer {dancer + 1}: LSTM cells as oscillators, a readout of poses")
        target_basis = motion_basis.fit([recorded[dancer]], [means[dancer]], weights, latent_dim)
        synthesis = target_basis.decoding(basis.codes, recorded[dancer], generator)
        random = torch.randn(CODES // 2, latent_dim, generator=generator) * motion_basis.SPREAD
        codes = basis.codes(samples.pick(recorded[dancer], CODES - len(random), generator))
        codes = torch.cat((codes, random)).clamp(-1, 1)
        readout = LinearMap(torch.eye(latent_dim), torch.zeros(latent_dim))
        readout = dense_layers.pass_on(decoder.dense_layers.values(), readout, generator)
        x = networks.run_dense(decoder, codes)
        shape = target_basis.variances.shape
        target_windows = target_basis.windows(synthesis(readout(x)).unflatten(1, shape))
        networks.set_decoder_lstm(decoder, readout, synthesis, shape, x)
        networks.set_decoder_final(decoder, x, target_windows)


def _means_of_one_heading(recorded, skeleton):
    """The mean poses of both dancers [(D,)], which from the root to the hips are the mean of both."""
    means = [poses.mean((0, 1)) for poses in recorded]
    turning = slice(0, 4 * (kinematics.hips(skeleton) + 1))
    common = sum(means) / 2
    for mean in means:
        mean[turning] = common[turning]
    return means


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
    code_count = max(1, encoder.fc_mu.out_features - 2)
    regression = response_regression.ResponseRegression(
        source, target, starts, windows.skeletons, weights, windows.up_axis, code_count
    )
    del source, target
    _set_translation_encoder(encoder, regression, windows, weights[0], generator)
    _set_translation_decoder(decoder, regression, weights[1], generator)


def _set_translation_encoder(encoder, regression, windows, weights, generator):
    """An encoder of heading and response. Its last dense layer learns the response, which is not linear in the
    movement, from dancer 1's features."""
    source = samples.sample_movements(windows, 0, generator)
    basis = motion_basis.fit([source], [source.mean((0, 1))], weights, response_regression.FEATURES)
    draw_windows = _recorded_and_random(windows, (0,), basis, generator)

    def heading_and_features(part):
        return torch.cat((HEADING * regression.frame.heading(part), regression.features(part)), dim=1)

    def responses(count):
        features = regression.features.draw(count, generator)
        return features, torch.atanh(_latent(regression.codes(features)))

    console.line("encoder: LSTM cells as filters, a readout of dancer 1's heading and movement")
    networks.set_encoder_lstm(encoder, basis, draw_windows(networks.SCALE_WINDOWS))
    readout = networks.fit_encoder_readout(encoder, heading_and_features, draw_windows, FEATURE_WINDOWS)
    *layers, last = encoder.dense_layers.values()
    readout = dense_layers.pass_on(layers, readout, generator)
    console.line("encoder: the last dense layer learns the response")
    features, codes = _in_blocks(responses, MOVEMENTS)
    importance = regression.basis.relative_variances
    readout = dense_layers.learn(last, readout, 2, features, codes, importance, generator, noise=NOISE)
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
    codes = codes[:, : max(0, latent_dim - 2)]
    heading_count = min(2, latent_dim)
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
    numbers = readout(x)
    shape = basis.variances.shape
    relative = basis.windows(synthesis(numbers[:, heading_count:]).unflatten(1, shape))
    turning = regression.frame.target.local_turning(relative)
    gates = LinearMap(readout.weight[:heading_count], readout.bias[:heading_count])
    products = lstm_filters.Products(gates, networks.for_scale(turning))
    headings = torch.atanh(numbers[:, :heading_count].clamp(-HEADING, HEADING))
    target_windows = regression.frame.in_room(relative, headings)
    networks.set_decoder_lstm(decoder, readout, synthesis, shape, x, products)
    networks.set_decoder_final(decoder, x, target_windows)


def _recorded_and_random(windows, dancers, basis, generator):
    """A function that draws windows of dancers, (count) -> (count, L, D), half recorded and half of a MotionBasis."""

    def draw_windows(count):
        recorded = samples.draw_movements(windows, dancers, count // 2, generator)
        return torch.cat((recorded, basis.draw(count - len(recorded), generator)))

    return draw_windows


@devices.one_thread()
def _in_blocks(examples, count):
    """Tensors of `count` examples, which a function gives block by block: (count) -> tensors."""
    blocks = [examples(len(block)) for block in torch.arange(count).split(BLOCK)]
    return [torch.cat(tensors) for tensors in zip(*blocks, strict=True)]


def _latent(codes):
    """Codes of variance 1 as latent codes."""
    return (motion_basis.SPREAD * codes).clamp(-motion_basis.LARGEST, motion_basis.LARGEST)
