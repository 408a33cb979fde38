"""A clip as GIF: a stick figure in place, at the take's real speed.

Shapes: F frames shown, J joints.
"""

import functools
import math
import re

from common import kinematics
from common.mocap import without_namespace

import imageio.v3 as imageio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PIXELS_PER_INCH = 100
OVERSAMPLING = 3  # drawn larger and averaged, for smooth edges
SHORTEST_DELAY = 0.02  # seconds; browsers slow down what is shorter
# Paper, then left, right, middle and floor: told apart by eyes of every kind (Okabe and Ito's palette)
PAPER = (252, 252, 250)
LEFT, RIGHT, MIDDLE, FLOOR = 1, 2, 3, 4
INKS = {LEFT: (0, 114, 178), RIGHT: (213, 94, 0), MIDDLE: (70, 70, 75), FLOOR: (205, 205, 200)}
SHADES = OVERSAMPLING**2  # steps from paper to ink


def save_gif(mocap, path, view_ele, view_azi, view_line_width, view_size):
    """Write a take as GIF, seen from an elevation and azimuth in degrees, `view_size` inches wide and high.

    view_azi circles the dancer's up axis and view_ele tilts the camera: −90 and 90 look at the front from
    straight ahead, a larger view_ele looks down from above. Left limbs are blue, right ones orange.
    """
    frames, delays = _frames_and_delays(mocap.frame_count, mocap.fps)
    positions = _positions_in_place(mocap)[frames]
    points, nearness = _project(positions, view_ele, view_azi)  # (F, J, 2), (F, J)
    floor, _ = _project(_floor_circle(positions), view_ele, view_azi)
    size = round(view_size * PIXELS_PER_INCH)
    fit = _fit_to_square(points, floor, size * OVERSAMPLING)
    canvas = _Canvas(mocap.skeleton, size, view_line_width, fit(floor))
    times = frames / mocap.fps
    durations = [int(delay) for delay in delays]
    options = {"palette": _palette(), "loop": 0, "duration": durations if len(durations) > 1 else durations[0]}
    with imageio.imopen(path, "w", plugin="pillow", extension=".gif") as file:
        for frame in zip(fit(points), nearness, times, strict=True):
            file.write(canvas.draw(*frame), **options)


def _frames_and_delays(frame_count, fps):
    """Which frames to show, and for how many milliseconds each: whole hundredths, none too short for a
    browser, adding up to the clip's real duration."""
    step = max(1, math.ceil(fps * SHORTEST_DELAY - 1e-3))
    frames = np.arange(0, frame_count, step)
    ends = np.append(frames[1:], frame_count) / fps
    hundredths = np.diff(np.round(ends * 100), prepend=0)
    return frames, np.maximum(hundredths, 100 * SHORTEST_DELAY) * 10


def _positions_in_place(mocap):
    """(T, J, 3) with the hips standing still over the floor, and the up axis as y."""
    positions = kinematics.forward_kinematics(mocap.rot_local, mocap.root_pos, mocap.skeleton).numpy()
    positions = _turn_upright(positions, mocap.up_axis)
    return positions - positions[:, [kinematics.hips(mocap.skeleton)]] * (1, 0, 1)


def _turn_upright(positions, up_axis):
    x, y, z = np.moveaxis(positions, -1, 0)
    return np.stack({"X": (-y, x, z), "Y": (x, y, z), "Z": (x, z, -y)}[up_axis], axis=-1)


def _project(positions, view_ele, view_azi):
    """Parallel projection of y-up positions (..., 3) to points (..., 2), y up, and nearness (...)."""
    turn, tilt = math.radians(view_azi + 90), math.radians(view_ele - 90)
    sin_turn, cos_turn, sin_tilt, cos_tilt = math.sin(turn), math.cos(turn), math.sin(tilt), math.cos(tilt)
    right = np.array((cos_turn, 0, -sin_turn))
    up = np.array((-sin_turn * sin_tilt, cos_tilt, -cos_turn * sin_tilt))
    near = np.array((sin_turn * cos_tilt, sin_tilt, cos_turn * cos_tilt))
    return positions @ np.stack((right, up), axis=1), positions @ near


def _floor_circle(positions):
    """A circle around the dancer at the height of the lowest joints, half as wide as a body: (64, 3)."""
    radius = np.ptp(positions[..., 1], axis=1).max() / 4
    angle = np.linspace(0, 2 * math.pi, 64)
    height = np.percentile(positions[..., 1].min(axis=1), 5)
    return np.stack((radius * np.cos(angle), np.full(64, height), radius * np.sin(angle)), axis=1)


def _fit_to_square(points, floor, size):
    """A function that places points in a square of `size` pixels, the same for every frame of the clip."""
    every = np.concatenate((points.reshape(-1, 2), floor))
    low, high = every.min(axis=0), every.max(axis=0)
    reach = max(np.abs(every[:, 0]).max(), (high[1] - low[1]) / 2, 1e-6)
    scale = 0.44 * size / reach
    return lambda p: (p - (0, (low[1] + high[1]) / 2)) * (scale, -scale) + size / 2


class _Canvas:
    """Draws frames as palette indices (size, size)."""

    def __init__(self, skeleton, size, line_width, floor):
        self.bones = kinematics.bones(skeleton)
        self.inks = _side_inks(skeleton)
        self.unit = size * OVERSAMPLING / 400  # so that all sizes look alike
        self.width = max(1, round(2.6 * line_width * self.unit))
        heads = [_words(name)[-1:] == ["head"] for name in skeleton.joint_names]
        self.radii = np.where(heads, 7.0, 2.6) * math.sqrt(line_width) * self.unit
        self.font = ImageFont.load_default(12 * self.unit)
        self.backdrop = self._draw_backdrop(size * OVERSAMPLING, floor)
        self.shown_backdrop = _shrink(np.asarray(self.backdrop))

    def _draw_backdrop(self, size, floor):
        image = Image.new("L", (size, size), 0)
        draw = _pen(image)
        draw.line([tuple(point) for point in floor], fill=FLOOR, width=round(1.5 * self.unit))
        if set(self.inks) > {LEFT, RIGHT}:
            margin = 10 * self.unit
            draw.text((margin, margin), "left", fill=LEFT, font=self.font)
            draw.text((margin, margin + 15 * self.unit), "right", fill=RIGHT, font=self.font)
        return image

    def draw(self, points, nearness, seconds):
        """One frame, farther bones first, with the time in the corner."""
        image = self.backdrop.copy()
        draw = _pen(image)
        for parent, joint in sorted(self.bones, key=lambda bone: nearness[bone[0]] + nearness[bone[1]]):
            draw.line((*points[parent], *points[joint]), fill=self.inks[joint], width=self.width)
            (x, y), radius = points[joint], self.radii[joint]
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=self.inks[joint])
        corner = image.width - 10 * self.unit, 10 * self.unit
        text = f"{seconds:.1f} s"
        draw.text(corner, text, fill=MIDDLE, font=self.font, anchor="ra")
        reach = self.radii.max() + self.width
        figure = (*(points.min(axis=0) - reach), *(points.max(axis=0) + reach))
        return self._shrink_parts(image, (figure, draw.textbbox(corner, text, font=self.font, anchor="ra")))

    def _shrink_parts(self, image, boxes):
        """The backdrop with the parts of a drawing in these boxes: the rest of it has not changed."""
        shown = self.shown_backdrop.copy()
        for box in boxes:
            low = np.clip(np.floor(np.array(box[:2]) / OVERSAMPLING).astype(int), 0, len(shown))
            high = np.clip(np.ceil(np.array(box[2:]) / OVERSAMPLING).astype(int) + 1, 0, len(shown))
            part = image.crop((*(low * OVERSAMPLING).tolist(), *(high * OVERSAMPLING).tolist()))
            shown[low[1] : high[1], low[0] : high[0]] = _shrink(np.asarray(part))
        return shown


def _pen(image):
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"  # no grey edges: here a grey would be another ink
    return draw


def _shrink(inks):
    """Inks (n·size, n·size) to palette indices (size, size): each pixel's ink and how much it covers."""
    parts = [inks[i::OVERSAMPLING, j::OVERSAMPLING] for i in range(OVERSAMPLING) for j in range(OVERSAMPLING)]
    ink = functools.reduce(np.maximum, parts)
    covered = sum((part > 0).view(np.uint8) for part in parts)
    return np.where(covered > 0, (ink - 1) * SHADES + covered, 0).astype(np.uint8)


def _palette():
    """RGB bytes of paper and of every ink in shades from nearly paper to full."""
    colours = [PAPER]
    for ink in sorted(INKS):
        for shade in range(1, SHADES + 1):
            mix = np.array(PAPER) + (np.array(INKS[ink]) - PAPER) * shade / SHADES
            colours.append(tuple(round(value) for value in mix))
    return bytes(value for colour in colours for value in colour)


def _side_inks(skeleton):
    """The ink of each joint's bone: by its name, else its parent's."""
    inks = []
    for name, parent in zip(skeleton.joint_names, skeleton.parents, strict=True):
        inherited = inks[parent] if parent >= 0 else MIDDLE
        inks.append(_side_of_name(name) or inherited)
    return inks


def _side_of_name(name):
    """LEFT or RIGHT if a joint's name says so, as LeftArm, LHipJoint, l_foot, Foot.R or right_knee."""
    for word in _words(name):
        if word == "l" or word.startswith("left"):
            return LEFT
        if word == "r" or word.startswith("right"):
            return RIGHT
    return None


def _words(name):
    """The words of a joint's name in lower case, without its namespace."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", without_namespace(name))]
