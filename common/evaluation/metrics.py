"""What motion is measured by: degrees, centimetres, and what an eye would see. Pure functions on tensors.

Shapes: T frames (or any leading axes), J joints, Z latent, N windows. Positions are in cm, angles in degrees, rotations
unit quaternions w x y z.
"""

from common.motion import quaternion
from common.motion.axes import horizontal_axes

import torch

ACTIVE = 0.01  # variance of a latent dimension's mean


def position_errors(prediction, recorded):
    """Distances of joints, (..., J, 3), (..., J, 3) -> (..., J) cm.

    Their mean is the MPJPE, the mean per joint position error of Ionescu et al., "Human3.6M", TPAMI 36(7), 2014.
    """
    return quaternion.length(prediction - recorded)


def align_heading(prediction, recorded, up_axis):
    """Turn predicted bodies (..., J, 3) about the up axis through the origin, each to lie best on the recorded one.

    Of all turns by θ the sum of squared distances is smallest at θ = atan2(Σ p × r, Σ p · r), with p and r the joints'
    horizontal places: Kabsch's solution ("A solution for the best rotation to relate two sets of vectors", Acta
    Crystallographica A32, 1976) in two dimensions.
    """
    a, b = horizontal_axes(up_axis)
    p_a, p_b, r_a, r_b = prediction[..., a], prediction[..., b], recorded[..., a], recorded[..., b]
    cross, dot = (p_a * r_b - p_b * r_a).sum(-1), (p_a * r_a + p_b * r_b).sum(-1)
    angle = torch.atan2(cross, dot).unsqueeze(-1)
    turned = prediction.clone()
    turned[..., a] = torch.cos(angle) * p_a - torch.sin(angle) * p_b
    turned[..., b] = torch.sin(angle) * p_a + torch.cos(angle) * p_b
    return turned


def accelerations(positions, fps):
    """Second differences over time, (T, J, 3) -> (T - 2, J) cm/s²; their mean is called jitter here."""
    return quaternion.length(torch.diff(positions, n=2, dim=0)) * fps**2


def angular_speeds(rotations, fps):
    """How fast the joints turn, (..., T, J, 4) -> (..., T - 1, J) degrees per second."""
    return quaternion.angle_degrees(rotations[..., 1:, :, :], rotations[..., :-1, :, :]) * fps


def active_dimensions(mu):
    """How many latent dimensions carry something, (N, Z) -> a number: those whose mean varies by more than 0.01 (its
    variance over the windows), after Burda et al., "Importance Weighted Autoencoders", ICLR 2016."""
    return int((mu.var(dim=0, unbiased=False) > ACTIVE).sum())


def movement_energy(rotations, moving, fps, seconds=0.5):
    """The mean angular speed of the joints that move, (T, J, 4) -> (T - 1,) degrees per second, as a mean over half a
    second around each frame: a quantity of motion as in Camurri et al., "Recognizing emotion from dance movement",
    International Journal of Human-Computer Studies 59, 2003, for joints in place of a silhouette."""
    speed = angular_speeds(rotations, fps)[:, moving].mean(dim=1)
    reach = round(fps * seconds / 2)
    sums = torch.cumsum(torch.cat((speed.new_zeros(1), speed)).double(), dim=0)
    frames = torch.arange(len(speed))
    first, last = (frames - reach).clamp_min(0), (frames + reach + 1).clamp_max(len(speed))
    return (sums[last] - sums[first]) / (last - first)


def correlation(a, b):
    """Pearson's correlation of two series (N,), nan where one of them stands still."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt())


def figure(name, unit, model, baselines=None, recording=None, lower_is_better=True):
    """A number of the model beside those that it should beat ({whose: number}), or be like (the recording's).
    `lower_is_better` is None where neither is."""
    return {
        "name": name,
        "unit": unit,
        "lower_is_better": lower_is_better,
        "model": model,
        "baselines": baselines or {},
        "recording": recording,
    }
