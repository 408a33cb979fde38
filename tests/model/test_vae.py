"""The contract with real-time tools: names, shapes, activations, and files that load strictly."""

from common.model import losses, vae
from common.results import weights
from common.runtime.errors import InputError
from helpers.plain_training import PlainDecoder, PlainEncoder

import numpy as np
import pytest
import torch


def part(contract, name):
    return {key.removeprefix(f"{name}."): torch.from_numpy(contract[key]) for key in contract if key.startswith(name)}


def close(got, expected):
    np.testing.assert_allclose(got.detach().numpy(), expected, atol=1e-5, rtol=1e-5)


def test_models_and_losses_reproduce_the_contract(contract):
    encoder = vae.Encoder(92, 6, 2, 16, True, [24, 12])
    decoder = vae.Decoder(92, 6, 8, 2, 16, True, [24, 12])
    encoder.load_state_dict(part(contract, "encoder"), strict=True)
    decoder.load_state_dict(part(contract, "decoder"), strict=True)
    fc_mu, fc_std = encoder(torch.from_numpy(contract["x"]))
    mu, std = vae.latent(fc_mu, fc_std)
    close(fc_mu, contract["fc_mu"])
    close(fc_std, contract["fc_std"])
    close(mu, contract["mu"])
    close(std, contract["std"])
    close(decoder(mu), contract["decoded_mu"])
    close(losses.kld_loss(mu, std), contract["kld_of_mu_std"])


def test_weights_files_load_strictly_into_a_real_time_tool(tmp_path):
    sizes = [9, 8]
    nets = {"encoder": vae.Encoder(20, 5, 2, 7, True, sizes), "decoder": vae.Decoder(24, 5, 6, 2, 7, True, sizes)}
    weights.save_weights(nets, tmp_path, 3)
    encoder, decoder = PlainEncoder(20, 5, 2, 7, True, sizes), PlainDecoder(6, 24, 5, 2, 7, True, [8, 9])
    for name, net in (("encoder", encoder), ("decoder", decoder)):
        state = torch.load(tmp_path / f"{name}_weights_epoch_3", weights_only=True)
        assert all(value.dtype == torch.float32 and value.device.type == "cpu" for value in state.values())
        net.load_state_dict(state, strict=True)
    poses, z = torch.randn(3, 6, 20), torch.randn(3, 5)
    for got, expected in zip(nets["encoder"](poses), encoder(poses), strict=True):
        torch.testing.assert_close(got, expected)
    torch.testing.assert_close(nets["decoder"](z), decoder(z))


@pytest.mark.parametrize(("layers", "bidirectional", "sizes"), [(1, False, [5]), (3, True, [5]), (2, False, [5, 6, 7])])
def test_every_architecture_keeps_shapes(layers, bidirectional, sizes):
    encoder = vae.Encoder(12, 4, layers, 6, bidirectional, sizes)
    decoder = vae.Decoder(12, 4, 9, layers, 6, bidirectional, sizes)
    mu, std = vae.latent(*encoder(torch.randn(2, 9, 12)))
    assert mu.shape == std.shape == (2, 4)
    assert (std > 0).all()
    assert decoder(vae.sample(mu, std, torch.randn_like(std))).shape == (2, 9, 12)


def test_the_same_weights_are_the_same_file(tmp_path):
    nets = {"encoder": vae.Encoder(8, 3, 1, 4, True, [5])}
    for epoch in (1, 2):
        weights.save_weights(nets, tmp_path, epoch)
    one, two = (tmp_path / f"encoder_weights_epoch_{epoch}" for epoch in (1, 2))
    assert one.read_bytes() == two.read_bytes()


def test_saved_weights_come_back(tmp_path):
    nets = {"encoder": vae.Encoder(8, 3, 1, 4, True, [5])}
    weights.save_weights(nets, tmp_path, 1)
    others = {"encoder": vae.Encoder(8, 3, 1, 4, True, [5])}
    weights.load_weights(others, {"encoder": tmp_path / "encoder_weights_epoch_1"})
    for saved, loaded in zip(nets["encoder"].parameters(), others["encoder"].parameters(), strict=True):
        assert torch.equal(saved, loaded)


@pytest.mark.parametrize(
    ("made_with", "constant"),
    [
        (dict(pose_dim=12), "mocap_files"),
        (dict(latent_dim=9), "latent_dim"),
        (dict(layers=1), "ae_rnn_layer_count"),
        (dict(layers=3), "ae_rnn_layer_count"),
        (dict(width=9), "ae_rnn_layer_size"),
        (dict(bidirectional=False), "ae_rnn_bidirectional"),
        (dict(sizes=[4]), "ae_dense_layer_sizes"),
        (dict(sizes=[5, 5]), "ae_dense_layer_sizes"),
    ],
)
@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_weights_of_another_architecture_name_the_constant(tmp_path, made_with, constant, name):
    def make(pose_dim=8, latent_dim=3, layers=2, width=4, bidirectional=True, sizes=(5,)):
        if name == "encoder":
            return vae.Encoder(pose_dim, latent_dim, layers, width, bidirectional, list(sizes))
        return vae.Decoder(pose_dim, latent_dim, 6, layers, width, bidirectional, list(sizes))

    weights.save_weights({name: make(**made_with)}, tmp_path, 1)
    path = tmp_path / f"{name}_weights_epoch_1"
    with pytest.raises(InputError, match=rf"{name}_weights_file = .*\n?.*{constant}"):
        weights.load_weights({name: make()}, {name: path})
