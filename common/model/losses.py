"""What training minimises: unit length, joint positions, rotations, and the latent's distance from normal.

Shapes: B batch, T frames, J joints, D pose_dim, Z latent.
"""

from common.motion import kinematics, quaternion

import torch


def pose_losses(prediction, target, joint_weights):
    """The losses {"norm", "pos", "quat"} of decoded poses (B, T, D), means over batch, frames and joints.

    `target` is a dataset.WindowBatch; joint_weights (J,) are the w in

    * norm: (‖q‖ − 1)²
    * position: w·‖p̂ − p‖, by forward kinematics of the normalised prediction
    * rotation: w times half the angle between prediction and target, radians
    """
    prediction, recorded = _by_component(prediction, 4), _by_component(target.poses, 4)  # (4, J, B, T)
    weights = joint_weights[:, None, None]
    unit = quaternion.normalise(prediction, dim=0)
    offsets = target.offsets.permute(2, 1, 0).unsqueeze(-1)  # (3, J, B, 1)
    pos = kinematics.positions_by_component(unit, offsets, target.parents)  # (3, J, B, T)
    distance = quaternion.length(pos - _by_component(target.pos, 3), dim=0)
    return {
        "norm": (quaternion.length(prediction, dim=0) - 1).square().mean(),
        "pos": (weights * distance).mean(),
        "quat": (weights * quaternion.half_angle(unit, recorded, dim=0)).mean(),
    }


def _by_component(frames, count):
    """Frames of `count` numbers a joint (B, T, J·count) -> (count, J, B, T), each component together in memory."""
    return frames.unflatten(-1, (-1, count)).permute(3, 2, 0, 1).contiguous()


def kld_loss(mu, std):
    """−½·mean(1 + 2·ln std − mu² − std²), (B, Z) -> ().

    The Kullback-Leibler divergence of N(mu, std²) from N(0, 1), per latent dimension: Kingma & Welling,
    "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    return -0.5 * (1 + 2 * torch.log(std) - mu.square() - std.square()).mean()


def kld_scale(epoch, cycle_duration, min_const_duration, max_const_duration, min_scale, max_scale):
    """The weight of the KL loss in an epoch (from 0): constant low, a linear rise, constant high, again.

    The cycle of Fu et al., "Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing", 2019.
    """
    step = epoch % cycle_duration
    if step < min_const_duration:
        return min_scale
    rise_end = cycle_duration - max_const_duration
    if step > rise_end:
        return max_scale
    share = (step - min_const_duration) / (rise_end - min_const_duration) if rise_end > min_const_duration else 1
    return min_scale + share * (max_scale - min_scale)
