"""A report with a model in it, without a run: untrained decoders of any size, which turn joints as far as trained ones.

Shapes: W windows, L frames of a window, J joints, Z latent.
"""

import copy
import dataclasses

from common import report
from common.dataset import Clip, Duet
from common.dataset.clip import RECORDED
from common.model import generate, vae
from common.motion import quaternion
from common.report import latent, model

import numpy as np
import torch

LIVELY = 3.0  # times the weights that torch begins with: gates open and close, and joints turn by tens of degrees


def make_nets(joints, targets, latent_dim, sequence_length, layers, units, bidirectional, dense):
    """An encoder and a decoder for each of the target dancers 0 or 1: {"encoder": …, 0: …}."""
    torch.manual_seed(1)
    rnn = (layers, units, bidirectional, dense)
    nets = {"encoder": vae.Encoder(4 * joints, latent_dim, *rnn)}
    for dancer in targets:
        nets[dancer] = vae.Decoder(4 * joints, latent_dim, sequence_length, *rnn)
        with torch.no_grad():
            for tensor in nets[dancer].parameters():
                tensor *= LIVELY
    return nets


def conversions_of(nets):
    """The translation's one conversion, or the deepfake's four."""
    ways = [(0, 1)] if 0 not in nets else [(0, 0), (1, 1), (0, 1), (1, 0)]
    return [generate.Conversion(source, target, nets["encoder"], nets[target], path_of=1) for source, target in ways]


def write(folder, takes, nets, sequence_length):
    """Write a report of two takes and of what the nets make of them; returns its path."""
    conversions, duet = conversions_of(nets), Duet([takes], [[(0, takes[0].frame_count)]], 0.2)
    histories = folder / "histories"
    histories.mkdir(exist_ok=True)
    latent.save(latent.make(conversions, duet, sequence_length), histories, 1)
    model.save(model.make(conversions, duet, sequence_length), histories, 1)
    clips = [Clip(f"dancer {n + 1}", short(take), RECORDED, n, n) for n, take in enumerate(takes)]
    return report.save(folder, clips=clips)


def short(take):
    return dataclasses.replace(take, rot_local=take.rot_local[:20], root_pos=take.root_pos[:20])


def rounded(decoder):
    """The decoder with weights as they are after the 16 bits in which the page has them."""
    again = copy.deepcopy(decoder)
    with torch.no_grad():
        for tensor in again.parameters():
            tensor.copy_(torch.from_numpy(model.from_16_bits(*model.in_16_bits(tensor.double()))))
    return again


def windows(decoder, codes):
    """Codes (W, Z) to rotations (W, L, J, 4), by torch in float64: where an untrained decoder gives a quaternion close
    to zero, which it may, float32 alone is off by 0.01°."""
    with torch.no_grad():
        decoded = copy.deepcopy(decoder).double()(torch.as_tensor(np.asarray(codes), dtype=torch.float64))
    return quaternion.normalise(decoded.unflatten(-1, (-1, 4)))
