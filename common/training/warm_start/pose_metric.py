"""How much a change of a pose counts: a turned hip moves the whole body, a turned wrist a hand.

Levers say so joint by joint. The metric also says what joints do together: a knee can take back what a hip does.

Shapes: W windows, L frames of a window, J joints, D pose_dim.
"""

from common.motion import kinematics, quaternion

import torch

FRAME_HOP = 8  # from one frame of a window to the next that tells how far joints are moved
OWN_TURN = 0.025  # of what the joint of the longest lever moves: what any turn counts by itself


def lever_weights(mean, offsets, parents):
    """How much each joint counts, (D,): the square root of its lever, which is the root mean square distance from it to
    all joints below it, at least 1 cm, in a mean pose (D,) with bones (J, 3)."""
    pos = kinematics.joint_positions(quaternion.normalise(mean.unflatten(0, (-1, 4))), offsets, parents)
    squares = torch.zeros(len(parents))
    for joint in range(len(parents)):
        above = int(parents[joint])
        while above >= 0:
            squares[above] += (pos[joint] - pos[above]).square().sum()
            above = int(parents[above])
    levers = (squares / len(parents)).sqrt().clamp_min(1.0)
    return levers.sqrt().repeat_interleave(4)


def displacements(windows, skeleton, generator):
    """The matrix (D, D) of how far joints are moved: `d·G·d` is the mean of their squared displacements, cm², where
    poses like those of windows (W, L, D) change by d.

    G is the mean of JᵀJ, J the derivative of the positions. `Jᵀv` is the gradient of `v·positions`, and for random v
    the mean of `(Jᵀv)(Jᵀv)ᵀ` is JᵀJ (Hutchinson, Communications in Statistics 19, 1990): one v for each pose.
    """
    rotations = quaternion.normalise(windows[:, ::FRAME_HOP].flatten(0, 1).unflatten(-1, (-1, 4))).requires_grad_()
    with torch.enable_grad():
        pos = kinematics.joint_positions(rotations, skeleton.mean_offsets.float(), skeleton.parents)
        (gradient,) = torch.autograd.grad((pos * torch.randn(pos.shape, generator=generator)).sum(), rotations)
    gradient = gradient.flatten(1)
    return gradient.T @ gradient / (len(gradient) * skeleton.joint_count)


def weighting(displacement, exponent):
    """The symmetric matrix (D, D) to multiply poses by, so that all their numbers count alike: a power of the
    displacements (D, D), after some is added for any turn. With ½, squares add up to squared distances; ¼ is what
    lever_weights are joint by joint, and lets small movements count more."""
    largest = displacement.diagonal().max().clamp_min(1e-6)
    return power(displacement / largest + OWN_TURN * torch.eye(len(displacement)), exponent)


def power(matrix, exponent):
    """A power of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix.double())
    return ((vectors * values.clamp_min(0).pow(exponent)) @ vectors.T).float()
