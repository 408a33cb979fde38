"""The encoder, the decoder, and the latent step between them.

The real-time tools that use the trained weights load them with `strict=True`, so the names, shapes and
activations here are a contract. Shapes: B batch, T frames, D pose_dim, Z latent_dim, H rnn width.
"""

import itertools

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
        x, _ = self.rnn_layers["encoder_rnn_0"](poses)  # (B, T, H)
        x = x[:, -1]  # (B, H)
        for dense in self.dense_layers.values():
            x = torch.relu(dense(x))
        return self.fc_mu(x), self.fc_std(x)


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
        x = x.unsqueeze(1).expand(-1, self.sequence_length, -1)  # (B, T, dense size)
        x, _ = self.rnn_layers["decoder_rnn_0"](x)  # (B, T, H)
        for final in self.final_layers.values():
            x = final(x)
        return x


def latent(fc_mu, fc_std):
    """Mean and standard deviation of the latent code from the encoder's raw outputs, each (B, Z)."""
    return torch.tanh(fc_mu), torch.abs(torch.tanh(fc_std)) + 1e-5


def sample(mu, std):
    """Draw a latent code, z = mu + std·ε with ε from the unit normal distribution: (B, Z)."""
    return mu + std * torch.randn_like(std)


def _lstm(input_size, hidden_size, layer_count, bidirectional):
    return nn.LSTM(input_size, hidden_size, layer_count, batch_first=True, bidirectional=bidirectional)


def _dense(name, sizes):
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    return nn.ModuleDict({f"{name}_dense_{i}": layer for i, layer in enumerate(layers)})
