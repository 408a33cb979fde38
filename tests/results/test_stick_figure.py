import dataclasses

from common.mocap import cut, first_frames, load_mocap
from common.motion.axes import UP_AXES
from common.results import stick_figure
from helpers import made_takes
from helpers.gifs import read_gif
from helpers.project import BODY, write_body

import numpy as np
import pytest
from PIL import Image

PALETTE = np.random.default_rng(0).integers(0, 256, (80, 3)).astype(np.uint8)


def moving_squares(count, height=40, width=70):
    """Pictures with a square that moves, one that leaves, and three alike."""
    pictures = np.zeros((count, height, width), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        picture[i : i + 9, 2 * i : 2 * i + 9] = 1 + i
        picture[-5:, -5:] = 79 if i < 3 else 0
    pictures[5:7] = pictures[4:5]
    return pictures


@pytest.mark.parametrize("pictures", [moving_squares(20), moving_squares(1), moving_squares(7)[4:]])
def test_every_picture_is_shown_as_given_for_its_time(tmp_path, pictures):
    delays = np.resize([20, 30.0, 40], len(pictures))
    stick_figure._write_gif(tmp_path / "a.gif", iter(pictures), delays, PALETTE.tobytes())
    frames, seconds = read_gif(tmp_path / "a.gif")
    ends = np.round(1000 * seconds.cumsum())
    assert ends[-1] == delays.sum()
    assert (frames[np.searchsorted(ends, delays.cumsum())] == PALETTE[pictures]).all()
    assert len(frames) <= max(len(pictures) - 2, 1)  # what is like the picture before it only lengthens its time


def test_only_what_changes_is_stored_and_the_film_starts_again(tmp_path):
    pictures = np.random.default_rng(1).integers(0, 80, (1, 100, 100)).repeat(50, axis=0).astype(np.uint8)
    pictures[:, 10:15, 20:30] = np.arange(50)[:, None, None]
    sizes = []
    for count in (1, 50):
        stick_figure._write_gif(tmp_path / "a.gif", pictures[:count], [20] * count, PALETTE.tobytes())
        sizes.append((tmp_path / "a.gif").stat().st_size)
    assert sizes[1] < sizes[0] + 50 * 100
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0  # without end


@pytest.mark.parametrize("colours", [1, 2, 3, 80, 128, 256])
def test_palettes_of_any_size(tmp_path, colours):
    palette = np.resize(PALETTE, (colours, 3))
    picture = np.arange(300, dtype=int).reshape(15, 20) % colours
    stick_figure._write_gif(tmp_path / "a.gif", [picture.astype(np.uint8)], [100], palette.tobytes())
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


def test_a_full_disk_leaves_the_older_film_and_names_the_file(tmp_path):
    resource = pytest.importorskip("resource", reason="Windows cannot limit the size of files")
    path, (soft, hard) = tmp_path / "a.gif", resource.getrlimit(resource.RLIMIT_FSIZE)
    stick_figure._write_gif(path, moving_squares(2), [20, 20], PALETTE.tobytes())
    before = path.read_bytes()
    noise = np.random.default_rng(2).integers(0, 80, (5, 200, 200)).astype(np.uint8)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))  # as on a full disk, writing fails half-way
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            stick_figure._write_gif(path, noise, [20] * 5, PALETTE.tobytes())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]


def ink(frames, colour):
    return (np.abs(frames.astype(int) - colour).max(axis=-1) < 12).any(axis=0)


@pytest.mark.parametrize("fps", [10, 24, 23.976, 25, 30, 48, 50, 59.94, 60, 72, 90, 100, 120.0048, 144, 240, 1000])
def test_gif_plays_at_the_takes_speed(tmp_path, fps):
    write_body(tmp_path / "take.bvh", 300)
    take = dataclasses.replace(load_mocap(tmp_path / "take.bvh"), fps=fps)
    stick_figure.save_gif(take, tmp_path / "take.gif", 90, -90, 1.0, 0.8)
    frames, seconds = read_gif(tmp_path / "take.gif")
    assert seconds.sum() == pytest.approx(300 / fps, rel=0.02, abs=0.021)
    assert seconds.min() >= 0.02
    assert len(frames) >= 300 / fps * min(fps, 24)  # and smoothly


@pytest.mark.parametrize("frame_count", [1, 2, 3, 4])
def test_the_shortest_clips_are_shown_too(tmp_path, frame_count):
    write_body(tmp_path / "take.bvh", frame_count, fps=120)
    stick_figure.save_gif(load_mocap(tmp_path / "take.bvh"), tmp_path / "take.gif", 90, -90, 1.0, 1.0)
    frames, _ = read_gif(tmp_path / "take.gif")
    assert len(frames) >= 1


def test_gif_is_as_large_as_asked_and_tells_left_from_right(duet):
    take = load_mocap(duet / "one.bvh")
    stick_figure.save_gif(take, duet / "take.gif", 90, -90, 1.0, 3.0)
    frames, _ = read_gif(duet / "take.gif")
    assert frames.shape[1:] == (300, 300, 3)
    for side in (stick_figure.LEFT, stick_figure.RIGHT, stick_figure.MIDDLE):
        assert ink(frames, stick_figure.INKS[side]).sum() > 50
    border = np.concatenate([frames[:, 0], frames[:, -1], frames[:, :, 0], frames[:, :, -1]], axis=1)
    assert (border == stick_figure.PAPER).all()  # nothing is cut off
    assert len(np.unique(frames[0].reshape(-1, 3), axis=0)) > 20  # smooth edges


def test_only_the_figure_is_drawn_anew_and_nothing_is_left_behind(duet, monkeypatch):
    """Every frame, drawn alone on its whole paper, is what the GIF shows after the frames before it."""
    take = load_mocap(duet / "one.bvh")
    stick_figure.save_gif(take, duet / "take.gif", 90, -90, 3.0, 2.0)
    frames, _ = read_gif(duet / "take.gif")
    everything = np.array([[[0, 0], [200, 200]]] * len(frames))
    monkeypatch.setattr(stick_figure._Canvas, "boxes_around", lambda canvas, points: everything)
    drawn = []
    monkeypatch.setattr(stick_figure, "_write_gif", lambda path, pictures, *_: drawn.extend(pictures))
    stick_figure.save_gif(take, duet / "whole.gif", 90, -90, 3.0, 2.0)
    palette = np.frombuffer(stick_figure._palette(), dtype=np.uint8).reshape(-1, 3)
    different = (palette[np.array(drawn)] != frames).any(axis=-1)
    assert different.sum(axis=(1, 2)).max() < 5  # the edge of a line is rounded by where it is drawn


@pytest.mark.parametrize(("size", "line_width"), [(0.5, 0.1), (0.5, 20.0), (10.0, 1.0)])
def test_every_size_and_width_can_be_drawn(duet, size, line_width):
    take = first_frames(load_mocap(duet / "one.bvh"), 5)
    stick_figure.save_gif(take, duet / "take.gif", 90, -90, line_width, size)
    frames, _ = read_gif(duet / "take.gif")
    assert frames.shape[1:3] == (size * 100, size * 100)
    assert (frames != stick_figure.PAPER).any()


def test_gif_shows_the_dancer_upright_in_place_for_every_up_axis(tmp_path):
    two_frames = f"{BODY}MOTION\nFrames: 2\nFrame Time: 0.02\n{'0 ' * 24}\n500 90 300 {'0 ' * 21}\n"
    (tmp_path / "take.bvh").write_text(two_frames)
    take = load_mocap(tmp_path / "take.bvh")
    assert take.up_axis == "Y"
    positions_of = {}
    for up, order in {"Y": (0, 1, 2), "Z": (2, 0, 1), "X": (1, 2, 0)}.items():
        turned = dataclasses.replace(
            take,
            up_axis=up,
            root_pos=take.root_pos[:, order],
            skeleton=dataclasses.replace(
                take.skeleton,
                offsets=take.skeleton.offsets[:, order],
                rest_offsets=take.skeleton.rest_offsets[:, order],
            ),
        )
        positions_of[up] = stick_figure._positions_in_place(turned)
        assert np.ptp(positions_of[up][..., 1]) > 150  # upright, and the root's height is kept
        assert np.abs(positions_of[up][:, 0, [0, 2]]).max() == 0  # in place
    for up in UP_AXES:
        figure = stick_figure._positions_in_place(made_takes.turned(take, up))
        head = figure[:, take.skeleton.joint_names.index("Head_Nub")] - figure[:, 0]
        np.testing.assert_allclose(head, [(0, 70, 0)] * 2, atol=1e-9)
    head, left_arm = take.skeleton.joint_names.index("Head_Nub"), take.skeleton.joint_names.index("LeftArm_Nub")
    points, _ = stick_figure._project(positions_of["Y"], 90, -90)
    assert points[0, head, 1] > points[0, 0, 1]
    assert points[0, left_arm, 0] == pytest.approx(70)  # seen from the front: the left arm on the right
    points, _ = stick_figure._project(positions_of["Y"], 90, 90)
    assert points[0, left_arm, 0] == pytest.approx(-70)  # and from behind
    _, nearness = stick_figure._project(positions_of["Y"], 90, 0)
    assert nearness[0, left_arm] == pytest.approx(70)  # and from the dancer's left


def test_a_joint_without_a_side_has_its_parents(duet):
    take = load_mocap(duet / "one.bvh")
    skeleton = dataclasses.replace(take.skeleton, joint_names=["a", "b", "Left", "tip", *"cdefghij"])
    assert stick_figure.side_inks(skeleton)[2:4] == [stick_figure.LEFT, stick_figure.LEFT]


def test_travel_below_a_resting_root_is_in_place_too(tmp_path):
    body = "HIERARCHY\nROOT Reference\n{\nOFFSET 0 0 0\nCHANNELS 0\n"
    body += BODY.removeprefix("HIERARCHY\n").replace("ROOT", "JOINT") + "}\n"
    write_body(tmp_path / "take.bvh", body=body)
    take = cut(load_mocap(tmp_path / "take.bvh"), 10, 90)
    hips = stick_figure._positions_in_place(take)[:, 1]
    assert np.abs(hips[:, [0, 2]]).max() < 1e-9
    assert np.ptp(hips[:, 1]) > 1
