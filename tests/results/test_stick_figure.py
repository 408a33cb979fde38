import dataclasses

from common.mocap import cut, first_frames, load_mocap
from common.motion.axes import UP_AXES
from common.results import stick_figure
from helpers import made_takes
from helpers.gifs import read_gif
from helpers.project import BODY, write_body

import numpy as np
import pytest


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
    monkeypatch.setattr(stick_figure.gif, "write_gif", lambda path, pictures, *_: drawn.extend(pictures))
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
    still = f"{BODY}MOTION\nFrames: 2\nFrame Time: 0.02\n{'0 ' * 24}\n500 90 300 {'0 ' * 21}\n"
    (tmp_path / "take.bvh").write_text(still)
    take = load_mocap(tmp_path / "take.bvh")
    assert take.up_axis == "Y"
    shown = {}
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
        shown[up] = stick_figure._positions_in_place(turned)
        assert np.ptp(shown[up][..., 1]) > 150  # upright, and the root's height is kept
        assert np.abs(shown[up][:, 0, [0, 2]]).max() == 0  # in place
    for up in UP_AXES:
        figure = stick_figure._positions_in_place(made_takes.turned(take, up))
        head = figure[:, take.skeleton.joint_names.index("Head_Nub")] - figure[:, 0]
        np.testing.assert_allclose(head, [(0, 70, 0)] * 2, atol=1e-9)
    head, left_arm = take.skeleton.joint_names.index("Head_Nub"), take.skeleton.joint_names.index("LeftArm_Nub")
    points, _ = stick_figure._project(shown["Y"], 90, -90)
    assert points[0, head, 1] > points[0, 0, 1]
    assert points[0, left_arm, 0] == pytest.approx(70)  # seen from the front: the left arm on the right
    points, _ = stick_figure._project(shown["Y"], 90, 90)
    assert points[0, left_arm, 0] == pytest.approx(-70)  # and from behind
    _, nearness = stick_figure._project(shown["Y"], 90, 0)
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
