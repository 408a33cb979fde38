"""The encoder, the decoder, and the latent step between them.

The real-time tools that use the trained weights load them with `strict=True`, so the names, shapes and
activations here are a contract. Shapes: B batch, T frames, D pose_dim, Z latent_dim, H rnn width.
"""

import itertools

from common.model import fast_lstm

import torch
from torch import nn

RNN_WIDTH = {False: 1, True: 2}  # outputs per unit, by whether the LSTM reads in both directions


class Encoder(nn.Module):
    """A window of poses to the two raw latent outputs, (B, T, D) -> (B, Z), (B, Z)."""

    def __init__(self, pose_dim, latent_dim, rnn_layer_count, rnn_layer_size, rnn_bidirectional, dense_layer_sizes):
        super().__init__()
        rnn = _lstm(pose_dim, rnn_layer_size, rnn_layer_count, rnn_bidirectional)
        sizes = [rnn_layer_size * RNN_WIDTH[rnn_bidirectional], *dense_layer_sizes]
        self.rnn_layers = nn.ModuleDict({"encoder_rnn_0": rnn})
        self.dense_layers = _dense("encoder", sizes)
        self.fc_mu = nn.Linear(sizes[-1], latent_dim)
        self.fc_std = nn.Linear(sizes[-1], latent_dim)

    def forward(self, poses):
        x = fast_lstm.last_frame(self.rnn_layers["encoder_rnn_0"], poses)  # (B, H)
        for dense in self.dense_layers.values():
            x = torch.relu(dense(x))
        return self.fc_mu(x).to(poses.dtype), self.fc_std(x).to(poses.dtype)  # autocast gives shorter numbers


class Decoder(nn.Module):
    """A latent vector to a window of poses, (B, Z) -> (B, T, D). The quaternions are not normalised."""

    def __init__(
        self,
        pose_dim,
        latent_dim,
        sequence_length,
        rnn_layer_count,
        rnn_layer_size,
        rnn_bidirectional,
        dense_layer_sizes,
    ):
        super().__init__()
        self.sequence_length = sequence_length
        sizes = [latent_dim, *reversed(dense_layer_sizes)]
        rnn = _lstm(sizes[-1], rnn_layer_size, rnn_layer_count, rnn_bidirectional)
        final = nn.Linear(rnn_layer_size * RNN_WIDTH[rnn_bidirectional], pose_dim)
        self.dense_layers = _dense("decoder", sizes)
        self.rnn_layers = nn.ModuleDict({"decoder_rnn_0": rnn})
        self.final_layers = nn.ModuleDict({f"decoder_dense_{len(dense_layer_sizes)}": final})

    def forward(self, z):
        x = z
        for dense in self.dense_layers.values():
            x = torch.relu(dense(x))
        x = fast_lstm.repeated(self.rnn_layers["decoder_rnn_0"], x, self.sequence_length)  # (B, T, H)
        for final in self.final_layers.values():
            x = final(x)
        return x.to(z.dtype)


def latent(fc_mu, fc_std):
    """Mean and standard deviation of the latent code from the encoder's raw outputs, each (B, Z)."""
    return torch.tanh(fc_mu), torch.abs(torch.tanh(fc_std)) + 1e-5


def sample(mu, std, noise):
    """A latent code, z = mu + std·ε with ε drawn from the unit normal distribution; the mean without: (B, Z)."""
    return mu if noise is None else mu + std * noise


def _lstm(input_size, hidden_size, layer_count, bidirectional):
    return nn.LSTM(input_size, hidden_size, layer_count, batch_first=True, bidirectional=bidirectional)


def _dense(name, sizes):
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    return nn.ModuleDict({f"{name}_dense_{i}": layer for i, layer in enumerate(layers)})
