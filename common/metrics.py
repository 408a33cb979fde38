"""What motion is measured by: degrees, centimetres, and what an eye would see. Pure functions on tensors.

Shapes: T frames (or any leading axes), J joints, Z latent, N windows. Positions are in cm, angles in degrees, rotations
unit quaternions w x y z.
"""

from common import quaternion

import torch

FOOT_LOW = 5.0  # cm above where it stands
FOOT_SLIDES = 50.0  # cm/s, horizontally
FOOT_SECONDS = 0.05  # over which that is measured, since noise would move a foot from one frame to the next
FOOT_HEIGHT = 0.1  # of the body's height: what ends below it, half of the time, is a foot
FLOOR = 0.05  # the share of frames in which a foot may be below where it stands: noise
ACTIVE = 0.01  # variance of a latent dimension's mean


def horizontal(up_axis):
    """The two horizontal axes as numbers, in the order that makes them and "X", "Y" or "Z" a right-handed system."""
    up = "XYZ".index(up_axis)
    return (up + 1) % 3, (up + 2) % 3


def rotation_errors(prediction, recorded):
    """Angle of the rotation from one to the other, (..., 4), (..., 4) -> (...) from 0 to 180 degrees.

    2·atan2(|v|, |s|) of prediction⁻¹·recorded = (s, v): the geodesic distance of rotations, as in Huynh, "Metrics for
    3D Rotations: Comparison and Analysis", Journal of Mathematical Imaging and Vision 35, 2009.
    """
    return torch.rad2deg(2 * quaternion.half_angle(prediction, recorded))


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
    a, b = horizontal(up_axis)
    p_a, p_b, r_a, r_b = prediction[..., a], prediction[..., b], recorded[..., a], recorded[..., b]
    cross, dot = (p_a * r_b - p_b * r_a).sum(-1), (p_a * r_a + p_b * r_b).sum(-1)
    angle = torch.atan2(cross, dot).unsqueeze(-1)
    turned = prediction.clone()
    turned[..., a] = torch.cos(angle) * p_a - torch.sin(angle) * p_b
    turned[..., b] = torch.sin(angle) * p_a + torch.cos(angle) * p_b
    return turned


def scatter(rotations):
    """The sum of q·qᵀ over the frames, (T, J, 4) -> (J, 4, 4), from which `mean_rotation` follows."""
    rotations = rotations.transpose(0, 1)  # (J, T, 4)
    return rotations.transpose(1, 2) @ rotations


def mean_rotation(scatter):
    """The mean of rotations, from the sum of their q·qᵀ (J, 4, 4) -> (J, 4).

    The eigenvector of the largest eigenvalue, which q and −q give alike: Markley et al., "Averaging Quaternions",
    Journal of Guidance, Control, and Dynamics 30(4), 2007.
    """
    return torch.linalg.eigh(scatter).eigenvectors[..., -1]


def accelerations(positions, fps):
    """Second differences over time, (T, J, 3) -> (T - 2, J) cm/s²; their mean is called jitter here."""
    return quaternion.length(torch.diff(positions, n=2, dim=0)) * fps**2


def angular_speeds(rotations, fps):
    """How fast the joints turn, (..., T, J, 4) -> (..., T - 1, J) degrees per second."""
    return rotation_errors(rotations[..., 1:, :, :], rotations[..., :-1, :, :]) * fps


def find_feet(positions, parents, up_axis, body_height):
    """The joints of each foot, the tip first: a list of lists, from positions along the path (T, J, 3).

    A joint without children that is near the floor half of the time is the tip of a foot, whatever its name; the foot
    is the tip and the joints above it that are as low.
    """
    heights = positions[..., "XYZ".index(up_axis)]
    floor = heights.min(dim=1).values.quantile(FLOOR)
    low = ((heights.median(dim=0).values - floor) < FOOT_HEIGHT * body_height).tolist()
    feet, inner = [], {int(parent) for parent in parents}
    for tip in range(len(parents)):
        if low[tip] and tip not in inner and parents[tip] >= 0:
            foot = [tip]
            while parents[foot[-1]] >= 0 and low[parents[foot[-1]]]:
                foot.append(int(parents[foot[-1]]))
            feet.append(foot)
    return feet


def standing_height(heights):
    """How high joints stand, (T, J) -> (J,): hardly ever are they lower."""
    return heights.quantile(FLOOR, dim=0)


def foot_slides(positions, feet, up_axis, fps):
    """Whether a foot that is down slides, (T, J, 3) along the path -> (T - k,) booleans, k frames being 1/20 s.

    It slides where each of its joints is low at the beginning and at the end of that time, within 5 cm of the height at
    which that joint stands in this motion, and has come farther than 2.5 cm over the floor: 50 cm/s. These are the
    numbers of the foot skating ratio of Karunratanakul et al., "Guided Motion Diffusion for Controllable Human Motion
    Synthesis", ICCV 2023, who look at the toes alone. In a step toes often pass the floor lower than that, and would
    count as sliding; with the heel they do not.
    """
    frames = max(1, round(fps * FOOT_SECONDS))
    slides = torch.zeros(max(0, len(positions) - frames), dtype=torch.bool)
    for foot in feet:
        pos = positions[:, foot]  # (T, joints of the foot, 3)
        heights = pos[..., "XYZ".index(up_axis)]
        low = heights < standing_height(heights) + FOOT_LOW
        way = quaternion.length((pos[frames:] - pos[:-frames])[..., horizontal(up_axis)])
        slides |= (low[frames:] & low[:-frames] & (way * fps / frames > FOOT_SLIDES)).all(dim=1)
    return slides


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
