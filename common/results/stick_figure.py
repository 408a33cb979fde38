"""Takes as GIF: stick figures in place, at their real speed.

Shapes: F frames shown, J joints.
"""

import functools
import math

from common.mocap import joint_names
from common.motion import kinematics, root_path
from common.motion.facing import turn_upright
from common.runtime.files import whole_file

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PIXELS_PER_INCH = 100
OVERSAMPLING = 3  # drawn larger and averaged, for smooth edges
SHORTEST_DELAY = 0.02  # seconds; browsers slow down what is shorter
# Okabe and Ito's palette, told apart by eyes of every kind. An ink's number is where its shades begin in the palette:
# the ink in the upper four bits, and in the lower ones how much of a pixel it covers.
FLOOR, LEFT, RIGHT, MIDDLE = 0x11, 0x21, 0x31, 0x41
INKS = {FLOOR: (205, 205, 200), LEFT: (0, 114, 178), RIGHT: (213, 94, 0), MIDDLE: (70, 70, 75)}
PAPER = (252, 252, 250)
SHADES = OVERSAMPLING**2  # steps from paper to ink


def save_gif(mocap, path, view_ele, view_azi, view_line_width, view_size):
    """Write a take as GIF, seen from an elevation and azimuth in degrees, `view_size` inches wide and high.

    view_azi circles the dancer's up axis and view_ele tilts the camera: −90 and 90 look at the front from
    straight ahead, a larger view_ele looks down from above. Left limbs are blue, right ones orange.
    """
    save_side_by_side([[("", mocap)]], "", path, view_ele, view_azi, view_line_width, view_size)


def save_side_by_side(rows, title, path, view_ele, view_azi, view_line_width, view_size, shortest_delay=SHORTEST_DELAY):
    """Write takes of as many frames as one GIF, at one scale: rows of (caption, Mocap), `view_size` inches for each.

    No picture is shown for less than `shortest_delay` seconds. Raises OSError where the file cannot be written.
    """
    takes = [take for row in rows for _, take in row]
    frames, delays = _frames_and_delays(takes[0].frame_count, takes[0].fps, shortest_delay)
    figures = [_Figure(take, frames, view_ele, view_azi) for take in takes]
    size = round(view_size * PIXELS_PER_INCH)
    fit = _fit_to_square(figures, size * OVERSAMPLING)
    films = [figure.film(_Canvas(figure.skeleton, size, view_line_width, fit(figure.floor)), fit) for figure in figures]
    captions = [[caption for caption, _ in row] for row in rows]
    sided = any({*side_inks(take.skeleton)} >= {LEFT, RIGHT} for take in takes)
    labels = _Labels(size, title, captions, ("left", "right") if sided else ())
    pictures = map(labels.add, zip(*films, strict=True), frames / takes[0].fps)
    _write_gif(path, pictures, delays, _palette())


def _write_gif(path, pictures, delays, palette):
    """Write F pictures (H, W) of uint8 palette indices, any iterable of them, as a GIF that repeats for ever.

    delays (F,): how long each is shown, in milliseconds, of which the format keeps hundredths of a second; one that is
    like the picture before it lengthens that one's time. palette: RGB bytes, at best of few colours, for which Pillow
    searches in every picture. All pictures are in memory until the file is written: 330 MB for 1000 of 400 × 400.
    """
    import imageio.v3 as iio  # here, so that a script starts without the time that it takes

    pictures = np.stack(list(pictures))
    duration = [int(delay) for delay in delays] if len(pictures) > 1 else int(delays[0])  # no list for a single picture
    options = {"duration": duration, "loop": 0, "palette": palette, "optimize": False}
    # in memory: imageio would try again after an error, and read more than a file out of a name like "a.zip/clip.gif"
    film = iio.imwrite("<bytes>", pictures, extension=".gif", plugin="pillow", mode="P", is_batch=True, **options)
    with whole_file(path) as partial:
        partial.write_bytes(film)


def _frames_and_delays(frame_count, fps, shortest_delay=SHORTEST_DELAY):
    """Which frames to show, and for how many milliseconds each: whole hundredths, none too short for a
    browser, adding up to the clip's real duration."""
    step = max(1, math.ceil(fps * shortest_delay - 1e-3))
    frames = np.arange(0, frame_count, step)
    ends = np.append(frames[1:], frame_count) / fps
    hundredths = np.diff(np.round(ends * 100), prepend=0)
    return frames, np.maximum(hundredths, 100 * SHORTEST_DELAY) * 10


def _positions_in_place(mocap):
    """(T, J, 3) with the hips standing still over the floor, and the up axis as y."""
    positions = turn_upright(kinematics.positions_of(mocap), mocap.up_axis).numpy()
    return positions - positions[:, [kinematics.hips(mocap.skeleton)]] * (1, 0, 1)


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


class _Figure:
    """A take as it is seen: points (F, J, 2), y up, their nearness (F, J), and the circle on the floor (64, 2)."""

    def __init__(self, take, frames, view_ele, view_azi):
        positions, start = _positions_in_place(take)[frames], root_path.traveller(take.skeleton)
        positions[:, :start] = positions[:, [start]]  # the root that a body hangs from is no part of it
        self.skeleton = take.skeleton
        self.points, self.nearness = _project(positions, view_ele, view_azi)
        self.floor, _ = _project(_floor_circle(positions), view_ele, view_azi)

    def film(self, canvas, fit):
        """Its pictures on a canvas, one after the other."""
        points = fit(self.points)
        return map(canvas.draw, points, canvas.boxes_around(points), self.nearness)


def _fit_to_square(figures, size):
    """A function that places points in a square of `size` pixels, the same for every frame of all figures."""
    every = np.concatenate([part for figure in figures for part in (figure.points.reshape(-1, 2), figure.floor)])
    low, high = every.min(axis=0), every.max(axis=0)
    reach = max(np.abs(every[:, 0]).max(), (high[1] - low[1]) / 2, 1e-6)
    scale = 0.44 * size / reach
    return lambda p: (p - (0, (low[1] + high[1]) / 2)) * (scale, -scale) + size / 2


class _Canvas:
    """Draws frames as palette indices (size, size). What stays is drawn once, the figure alone for each."""

    def __init__(self, skeleton, size, line_width, floor):
        self.parents, self.joints = np.array(kinematics.bones(skeleton), dtype=int).reshape(-1, 2).T
        self.inks = side_inks(skeleton)
        unit = size * OVERSAMPLING / 400  # so that all sizes look alike
        self.width = max(1, round(2.6 * line_width * unit))
        heads = [joint_names.words(name)[-1:] == ["head"] for name in skeleton.joint_names]
        self.radii = (np.where(heads, 7.0, 2.6) * math.sqrt(line_width) * unit).tolist()
        self.floor = Image.new("L", (size * OVERSAMPLING, size * OVERSAMPLING), 0)
        ImageDraw.Draw(self.floor).line([tuple(point) for point in floor], fill=FLOOR, width=round(1.5 * unit))
        self.backdrop = _shrink(self.floor)

    def boxes_around(self, points):
        """The pixels that hold the figure (F, 2, 2): their first column and row, and the first ones beyond."""
        reach = max(self.radii) + self.width
        low, high = points.min(axis=1) - reach, points.max(axis=1) + reach
        boxes = np.stack((low // OVERSAMPLING, high // OVERSAMPLING + 2), axis=1)
        return np.clip(boxes, 0, len(self.backdrop)).astype(int)

    def draw(self, points, box, nearness):
        """One frame, farther bones first."""
        picture = self.backdrop.copy()
        part = self.floor.crop((box * OVERSAMPLING).ravel().tolist())
        self._draw_bones(part, points - box[0] * OVERSAMPLING, nearness)
        (left, top), (right, bottom) = box
        picture[top:bottom, left:right] = _shrink(part)
        return picture

    def _draw_bones(self, image, points, nearness):
        draw = ImageDraw.Draw(image)
        points = points.tolist()
        order = np.argsort(nearness[self.parents] + nearness[self.joints], kind="stable")
        for parent, joint in zip(self.parents[order].tolist(), self.joints[order].tolist(), strict=True):
            (x, y), radius, ink = points[joint], self.radii[joint], self.inks[joint]
            draw.line((*points[parent], x, y), fill=ink, width=self.width)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)


class _Labels:
    """What is written on a picture of rows of panels, each `size` pixels wide and high: in the corners at the top which
    colour is which side, and the time, between them a title, and below each panel its caption."""

    def __init__(self, size, title, captions, sides):
        self.size, self.title, self.captions, self.sides = size, title, captions, sides
        self.margin, self.line = round(10 * size / 400), 15 * size / 400

    def add(self, panels, seconds):
        """The panels, one row after the other, as one picture, with all labels."""
        panels = iter(panels)
        rows = [[next(panels) for _ in row] for row in self.captions]
        picture = np.concatenate([np.concatenate(row, axis=1) for row in rows])
        for number, (text, ink) in enumerate(zip(self.sides, (LEFT, RIGHT), strict=False)):
            top = round((10 + 15 * number) * self.size / 400)
            self._write(picture, text, ink, self.margin, top, 0)
        width = picture.shape[1]
        self._write(picture, f"{seconds:.1f} s", MIDDLE, width - self.margin, self.margin, 1)
        self._write(picture, self.title, MIDDLE, width / 2, self.margin, 0.5)
        for row, captions in enumerate(self.captions, 1):
            for column, caption in enumerate(captions):
                self._write(picture, caption, MIDDLE, (column + 0.5) * self.size, row * self.size - self.line, 0.5)
        return picture

    def _write(self, picture, text, ink, x, top, share):
        """Write a text that has a share of its width to the left of x."""
        if not text:
            return
        shades = _text_shades(text, 12 * self.size / 400)
        left, top = max(0, round(x - share * shades.shape[1])), round(top)
        place = picture[top : top + shades.shape[0], left : left + shades.shape[1]]
        shades = shades[: place.shape[0], : place.shape[1]]  # the smallest letters do not shrink with the picture
        np.copyto(place, ink - 1 + shades, where=shades > 0)


@functools.lru_cache(maxsize=4096)
def _text_shades(text, font_size):
    """How much a text covers of its pixels, in SHADES (H, W). Several frames and clips share it."""
    font = _font(font_size)
    image = Image.new("L", [math.ceil(end) for end in font.getbbox(text)[2:]])
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.round(np.asarray(image) * (SHADES / 255)).astype(np.uint8)


@functools.lru_cache(maxsize=8)
def _font(size):
    return ImageFont.load_default(size)


def _shrink(image):
    """A drawing of inks to palette indices (H, W), at one pixel for OVERSAMPLING in each direction."""
    height, width = image.height // OVERSAMPLING, image.width // OVERSAMPLING
    lines = np.asarray(image).reshape(height, OVERSAMPLING, image.width)
    lines = _join(lines[:, 0], lines[:, 1], lines[:, 2]).ravel()
    # joining all neighbours and keeping every third is faster than picking single pixels before
    return _join(lines[:-2], lines[1:-1], lines[2:])[::OVERSAMPLING].reshape(height, width)


def _join(first, second, third):
    """The last of three inks, and how much all three cover."""
    ink = np.maximum(np.maximum(first, second), third)
    return (ink & 0xF0) | ((first + second + third) & 0x0F)


def _palette():
    """RGB bytes of paper and of every ink in shades from nearly paper to full, at the places that inks have."""
    colours = np.tile(np.array(PAPER, dtype=np.uint8), (max(INKS) + SHADES, 1))
    for ink, colour in INKS.items():
        shade = np.arange(1, SHADES + 1)[:, None] / SHADES
        colours[ink : ink + SHADES] = np.round(PAPER + (np.array(colour) - PAPER) * shade)
    return colours.tobytes()


def side_inks(skeleton):
    """The ink of each joint's bone."""
    inks = {"left": LEFT, "right": RIGHT, None: MIDDLE}
    return [inks[side] for side in joint_names.sides(skeleton)]
