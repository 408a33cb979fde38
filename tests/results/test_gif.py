from common.results import gif, stick_figure
from helpers.gifs import read_gif

import numpy as np
import pytest
from PIL import Image

PALETTE = np.random.default_rng(0).integers(0, 256, (80, 3)).astype(np.uint8)


def moving_squares(count, height=40, width=70):
    """Pictures with a square that moves, one that leaves, and two alike."""
    pictures = np.zeros((count, height, width), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        picture[i : i + 9, 2 * i : 2 * i + 9] = 1 + i
        picture[-5:, -5:] = 79 if i < 3 else 0
    pictures[5] = pictures[4]
    return pictures


def test_every_picture_is_shown_as_given(tmp_path):
    pictures = moving_squares(20)
    delays = np.resize([20, 30.0, 40], 20)
    gif.write_gif(tmp_path / "a.gif", iter(pictures), delays, PALETTE.tobytes())
    frames, seconds = read_gif(tmp_path / "a.gif")
    assert (frames == PALETTE[pictures]).all()
    assert seconds == pytest.approx(delays / 1000)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0  # without end


def test_only_what_changes_is_stored(tmp_path):
    pictures = np.random.default_rng(1).integers(0, 80, (1, 100, 100)).repeat(50, axis=0).astype(np.uint8)
    pictures[:, 10:15, 20:30] = np.arange(50)[:, None, None]
    sizes = []
    for count in (1, 50):
        gif.write_gif(tmp_path / "a.gif", pictures[:count], [20] * count, PALETTE.tobytes())
        sizes.append((tmp_path / "a.gif").stat().st_size)
    assert sizes[1] < sizes[0] + 50 * 60


@pytest.mark.parametrize("colours", [1, 2, 3, 80, 128, 256])
def test_palettes_of_any_size(tmp_path, colours):
    palette = np.resize(PALETTE, (colours, 3))
    picture = np.arange(300, dtype=int).reshape(15, 20) % colours
    gif.write_gif(tmp_path / "a.gif", [picture.astype(np.uint8)], [100], palette.tobytes())
    frames, _ = read_gif(tmp_path / "a.gif")
    assert (frames[0] == palette[picture]).all()


@pytest.mark.parametrize("ink", stick_figure.INKS)
def test_inks_and_shades_have_their_places_in_the_palette(ink):
    drawing = np.zeros((3, 12), dtype=np.uint8)
    drawing[:, 3:6] = ink  # all of a pixel
    drawing[1, 6:8] = ink  # two ninths
    drawing[:2, 9:12] = stick_figure.FLOOR
    drawing[0, 9] = ink  # more than one ink
    shades = stick_figure._shrink(Image.fromarray(drawing))
    assert shades.tolist() == [[0, ink + 8, ink + 1, ink + 5]]
    palette = np.frombuffer(stick_figure._palette(), dtype=np.uint8).reshape(-1, 3)
    assert tuple(palette[0]) == stick_figure.PAPER
    assert tuple(palette[ink + 8]) == stick_figure.INKS[ink]
    between = palette[ink + 1].astype(int) - stick_figure.PAPER
    assert between == pytest.approx((np.array(stick_figure.INKS[ink]) - stick_figure.PAPER) * 2 / 9, abs=0.5)
