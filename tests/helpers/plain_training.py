"""The training of DESIGN in its plainest form: what the toolkit's own, faster way is compared with.

`nn.LSTM` as it stands, forward kinematics joint by joint on prediction and target, losses written down term by term,
torch's Adam. Nothing here comes from the toolkit. Shapes: B batch, T frames, J joints, D pose_dim, Z latent.
"""

from collections import OrderedDict

import torch
from torch import nn


class PlainEncoder(nn.Module):
    """As a real-time tool has it."""

    def __init__(self, pose_dim, latent_dim, layers, width, both_ways, sizes):
        super().__init__()
        rnn = nn.LSTM(pose_dim, width, layers, batch_first=True, bidirectional=both_ways)
        self.rnn_layers = nn.Sequential(OrderedDict(encoder_rnn_0=rnn))
        parts, last = OrderedDict(), width * (2 if both_ways else 1)
        for i, size in enumerate(sizes):
            parts[f"encoder_dense_{i}"] = nn.Linear(last, size)
            parts[f"encoder_dense_relu_{i}"] = nn.ReLU()
            last = size
        self.dense_layers = nn.Sequential(parts)
        self.fc_mu, self.fc_std = nn.Linear(last, latent_dim), nn.Linear(last, latent_dim)

    def forward(self, x):
        x = self.dense_layers(self.rnn_layers(x)[0][:, -1])
        return self.fc_mu(x), self.fc_std(x)


class PlainDecoder(nn.Module):
    """As a real-time tool has it; `sizes` in the decoder's order."""

    def __init__(self, frames, pose_dim, latent_dim, layers, width, both_ways, sizes):
        super().__init__()
        self.frames = frames
        parts, last = OrderedDict(), latent_dim
        for i, size in enumerate(sizes):
            parts[f"decoder_dense_{i}"] = nn.Linear(last, size)
            parts[f"decoder_dense_relu_{i}"] = nn.ReLU()
            last = size
        self.dense_layers = nn.Sequential(parts)
        rnn = nn.LSTM(last, width, layers, batch_first=True, bidirectional=both_ways)
        self.rnn_layers = nn.Sequential(OrderedDict(decoder_rnn_0=rnn))
        final = nn.Linear(width * (2 if both_ways else 1), pose_dim)
        self.final_layers = nn.Sequential(OrderedDict({f"decoder_dense_{len(sizes)}": final}))

    def forward(self, z):
        x = self.dense_layers(z).unsqueeze(1).repeat(1, self.frames, 1)
        return self.final_layers(self.rnn_layers(x)[0])


def joint_by_joint(rotations, offsets, parents):
    """Joint positions with the root at the origin, (B, T, J, 4) unit, (B, J, 3) -> (B, T, J, 3)."""
    worlds, positions = [], []
    for joint, parent in enumerate(parents):
        if parent < 0:
            worlds.append(rotations[:, :, joint])
            positions.append(torch.zeros_like(rotations[:, :, joint, :3]))
            continue
        offset = offsets[:, None, joint].expand_as(positions[parent])
        vector = torch.cat((torch.zeros_like(offset[..., :1]), offset), dim=-1)
        world = worlds[parent]
        positions.append(positions[parent] + product(product(world, vector), conjugate(world))[..., 1:])
        worlds.append(product(world, rotations[:, :, joint]))
    return torch.stack(positions, dim=2)


def product(a, b):
    """Hamilton product of quaternions w x y z (..., 4), from the scalar and the vector parts."""
    s, t, u, v = a[..., :1], b[..., :1], a[..., 1:], b[..., 1:]
    scalar = s * t - (u * v).sum(-1, keepdim=True)
    return torch.cat((scalar, s * v + t * u + torch.linalg.cross(u, v)), dim=-1)


def conjugate(q):
    return q * torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=q.dtype, device=q.device)


def autoencode(encoder, decoder, source, noise):
    """(B, T, D), (B, Z) -> prediction (B, T, D), mu, std."""
    fc_mu, fc_std = encoder(source)
    mu, std = torch.tanh(fc_mu), torch.tanh(fc_std).abs() + 1e-5
    return decoder(mu + std * noise), mu, std


def losses(prediction, target, offsets, parents, weights, mu, std):
    """norm, pos, quat, kld."""
    prediction, target = prediction.unflatten(-1, (-1, 4)), target.unflatten(-1, (-1, 4))
    lengths = prediction.norm(dim=-1, keepdim=True)
    unit = prediction / lengths
    distance = (joint_by_joint(unit, offsets, parents) - joint_by_joint(target, offsets, parents)).norm(dim=-1)
    difference = product(conjugate(unit), target)
    half_angle = torch.atan2(difference[..., 1:].norm(dim=-1), difference[..., 0].abs())
    kld = -0.5 * (1 + 2 * torch.log(std) - mu**2 - std**2).mean()
    return ((lengths - 1) ** 2).mean(), (weights * distance).mean(), (weights * half_angle).mean(), kld


def translation(nets, poses, offsets, parents, weights, noise, kld_scale):
    """The total of vae_rnn and its parts, for windows of both dancers [(B, T, D), (B, T, D)]; noise (B, Z)."""
    prediction, mu, std = autoencode(nets["encoder"], nets["decoder"], poses[0], noise)
    norm, pos, quat, kld = losses(prediction, poses[1], offsets[1], parents[1], weights, mu, std)
    return 0.1 * norm + 0.1 * pos + 1.0 * quat + kld_scale * kld, norm, pos, quat, kld


def deepfake(nets, poses, offsets, parents, weights, noise, kld_scale):
    """The total of vae_rnn_deepfake and its parts; noise (B, 2, Z)."""
    parts = []
    for dancer in (0, 1):
        prediction, mu, std = autoencode(nets["encoder"], nets[f"decoder{dancer + 1}"], poses[dancer], noise[:, dancer])
        parts.append(losses(prediction, poses[dancer], offsets[dancer], parents[dancer], weights, mu, std))
    norm, pos, quat, kld = (a + b for a, b in zip(*parts, strict=True))
    return 0.1 * norm + 0.1 * pos + 1.0 * quat + kld_scale * kld, norm, pos, quat, kld


PLAIN = {"vae_rnn": translation, "vae_rnn_deepfake": deepfake}


def make_nets(name, pose_dims, latent_dim, frames, layers, width, both_ways, sizes):
    """The nets of a script, by the names of its weights files; `sizes` in the encoder's order."""
    nets = {"encoder": PlainEncoder(pose_dims[0], latent_dim, layers, width, both_ways, sizes)}
    decoders = {"decoder": 1} if name == "vae_rnn" else {"decoder1": 0, "decoder2": 1}
    for decoder, dancer in decoders.items():
        back = list(reversed(sizes))
        nets[decoder] = PlainDecoder(frames, pose_dims[dancer], latent_dim, layers, width, both_ways, back)
    return nets
