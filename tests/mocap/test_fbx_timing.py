from common.mocap import load_mocap
from common.runtime.errors import InputError
from helpers.plain_fbx_text import CHAIN, curve, layer, node, read, swaying

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

RATES = {3: 60, 6: 30, 8: 30 / 1.001, 10: 25, 11: 24, 13: 24 / 1.001, 17: 60 / 1.001, 18: 120 / 1.001, 0: 30}


@pytest.mark.parametrize("mode", RATES)
def test_frame_rates_by_number(tmp_path, mode):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(RATES[mode], 30))]}, TimeMode=mode)
    assert take.fps == pytest.approx(RATES[mode], rel=1e-9)
    assert take.frame_count == 30


def test_a_rate_of_its_own(tmp_path):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(119.5, 50))]}, TimeMode=14, CustomFrameRate=119.5)
    assert (take.fps, take.frame_count) == (119.5, 50)


@pytest.mark.parametrize("rate", [50, 60, 119.88, 24])
def test_dense_even_keys_overrule_a_default_rate(tmp_path, capsys, rate):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(rate, 40))]}, TimeMode=6)
    assert take.fps == pytest.approx(rate, rel=1e-5)
    assert take.frame_count == 40
    assert "states 30 frames per second" in capsys.readouterr().out


@pytest.mark.parametrize("rate", [15, 10, 2.3])
def test_sparse_keys_do_not_overrule_the_rate(tmp_path, capsys, rate):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(rate, 40))]}, TimeMode=6)
    assert take.fps == 30
    assert "states" not in capsys.readouterr().out


def test_the_take_with_motion_is_read(tmp_path, capsys):
    takes = {"empty": [layer({("a", "R", "X"): curve([0], [5])})], "dance": [layer(swaying(30, 20))]}
    spans = {"empty": (0, 1), "dance": (0, 19 / 30)}
    take = read(tmp_path, [node("a")], takes, spans)
    assert (take.skeleton.fbx.take_name, take.frame_count) == ("dance", 20)
    assert "take" not in capsys.readouterr().out
    assert read(tmp_path, [node("a")], takes, spans, take="empty").frame_count == 31
    with pytest.raises(InputError, match=r"'ball'.*'empty', 'dance'.*mocap_take"):
        read(tmp_path, [node("a")], takes, spans, take="ball")


def test_several_takes_with_motion_are_named(tmp_path, capsys):
    takes = {"one": [layer(swaying(30, 20))], "two": [layer(swaying(30, 30))]}
    assert read(tmp_path, [node("a")], takes).skeleton.fbx.take_name == "one"
    assert "mocap_take for another: 'two'" in capsys.readouterr().out


def test_absurd_spans_give_way_to_the_keys(tmp_path, capsys):
    take = read(tmp_path, [node("a")], {"t": [layer(swaying(30, 20))]}, {"t": (-166666, 166666)}, TimeMode=6)
    assert take.frame_count == 20
    assert "333332 seconds by its own word" in capsys.readouterr().out
    far = {("a", "R", "X"): curve([-166666, 166666], [0, 90])}
    with pytest.raises(InputError, match="is far longer"):
        read(tmp_path, [node("a")], {"t": [layer(far)]}, {"t": (-166666, 166666)}, TimeMode=6)


# ---------------------------------------------------------------------------------------------------------------------
# the span that a take states, and its keys


def keyed(start, stop, rate=30, name="a"):
    times = np.arange(round(start * rate), round(stop * rate) + 1) / rate
    return {(name, "R", axis): curve(times, np.sin(times * 3) * 40) for axis in "XYZ"}


def test_a_span_without_keys_gives_way_to_the_keys(tmp_path, capsys):
    """Editors write their playback range there."""
    for keys, span in (((3, 6), (1 / 30, 0.8)), ((3, 6), (7, 20)), ((-4, -1), (0, 10))):
        take = read(tmp_path, CHAIN, {"t": [layer(keyed(*keys))]}, {"t": span})
        assert (take.frame_count, take.start_seconds) == (91, keys[0])
        assert np.abs(np.diff(take.rot_local[:, 0], axis=0)).max(axis=1).min() > 0  # every frame moves
        said = capsys.readouterr().out
        assert f"from {span[0]:.4g} to {span[1]:.4g} s" in said and f"from {keys[0]} to {keys[1]} s" in said


def test_keys_far_beyond_the_span_are_read_and_the_range_of_the_span_is_said(tmp_path, capsys):
    take = read(tmp_path, CHAIN, {"t": [layer(keyed(0, 19, 24))]}, {"t": (1 / 24, 5)}, TimeMode=11)
    assert take.frame_count == 19 * 24 + 1
    said = capsys.readouterr().out
    assert "from 0.04167 to 5 s" in said and "from 0 to 19 s" in said
    assert "mocap_valid_frame_ranges to [1, 121]" in said
    trimmed = read(tmp_path, CHAIN, {"t": [layer(keyed(0, 19))]}, {"t": (0.2, 18.5)})  # a little, as a user would
    assert (trimmed.frame_count, trimmed.start_seconds) == (550, 0.2)
    assert capsys.readouterr().out == ""


def test_a_pose_long_before_a_take_is_no_part_of_it(tmp_path, capsys):
    curves = keyed(3600, 3610)
    for part in curves.values():
        part["ticks"], part["values"] = np.append(0, part["ticks"]), np.append(0, part["values"])
    take = read(tmp_path, CHAIN, {"t": [layer(curves)]}, {"t": (3600, 3610)})
    assert (take.frame_count, take.start_seconds) == (301, 3600)
    assert capsys.readouterr().out == ""


def test_a_span_far_beyond_the_keys_is_said(tmp_path, capsys):
    """Several takes of which each states the length of the longest are common."""
    takes = {"short": [layer(keyed(1, 3))], "long": [layer(keyed(0, 20))]}
    spans = {"short": (0, 20), "long": (0, 20)}
    take = read(tmp_path, CHAIN, takes, spans, take="short")
    assert take.frame_count == 601
    said = capsys.readouterr().out
    assert "nothing moves before the first one and after the last one" in said
    assert "mocap_valid_frame_ranges to [30, 91]" in said
    moves = np.flatnonzero(np.abs(np.diff(take.rot_local[:, 0], axis=0)).max(axis=1))
    assert (moves[0], moves[-1]) == (30, 89)  # from frame 30 to frame 90, the last of [30, 91]
    read(tmp_path, CHAIN, takes, spans, take="long")
    assert capsys.readouterr().out == ""


def test_keys_that_repeat_fill_a_span_beyond_them(tmp_path, capsys):
    curves = keyed(1, 2)
    for part in curves.values():
        part["Post"] = ("R", -1)
    for span in ((1, 20), (5, 20)):
        take = read(tmp_path, CHAIN, {"t": [layer(curves)]}, {"t": span})
        assert (take.frame_count, take.start_seconds) == (round((span[1] - span[0]) * 30) + 1, span[0])
    assert capsys.readouterr().out == ""


def test_more_keys_than_a_file_can_mean_leave_the_span(tmp_path, capsys):
    curves = {("a", "R", "X"): curve([0, 1, 2, 170_000, 170_001], [0, 40, 0, 40, 0])}
    take = read(tmp_path, CHAIN, {"t": [layer(curves)]}, {"t": (0, 2)}, TimeMode=1)
    assert take.frame_count == 241
    assert "reading the stated time" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------------
# the rate that is asked for, and the file's clock


@pytest.mark.parametrize("fps", [30, 50, 24, 240])
def test_curves_are_sampled_at_the_rate_that_is_asked_for(tmp_path, capsys, fps):
    times = np.arange(0, 481) / 120
    slow = {("a", "R", "Z"): curve(times, 50 * times), ("a", "T", "X"): curve(times, 7 * times)}
    read(tmp_path, CHAIN, {"t": [layer(slow)]}, {"t": (0, 4)}, TimeMode=6)
    capsys.readouterr()
    take = load_mocap(tmp_path / "made.fbx", fps=fps)
    assert (take.fps, take.frame_count) == (fps, 4 * fps + 1)
    seconds = np.arange(take.frame_count) / fps
    np.testing.assert_allclose(take.root_pos[:, 0], 7 * seconds, atol=1e-5)
    half = np.radians(25 * seconds)
    np.testing.assert_allclose(take.rot_local[:, 0, [0, 3]], np.stack((np.cos(half), np.sin(half)), 1), atol=1e-6)
    said = capsys.readouterr().out
    assert f"sampled at {fps} frames per second; its own are 120" in said and said.count("note") == 1


def test_a_rate_that_is_the_files_own_is_no_news(tmp_path, capsys):
    read(tmp_path, CHAIN, {"t": [layer(swaying(60, 40))]}, TimeMode=6)
    capsys.readouterr()
    take = load_mocap(tmp_path / "made.fbx", fps=60)
    assert (take.fps, take.frame_count, capsys.readouterr().out) == (60, 40, "")


def test_one_shoot_keyed_at_two_rates_is_the_same_at_a_third(tmp_path):
    takes = []
    for rate in (120, 30):
        times = np.arange(0, 4 * rate + 1) / rate
        curves = {("a", "R", axis): curve(times, 30 * np.abs(times - 2)) for axis in "XYZ"}
        read(tmp_path, CHAIN, {"t": [layer(curves)]}, {"t": (0, 4)}, TimeMode=6)
        takes.append(load_mocap(tmp_path / "made.fbx", fps=30))
    assert [take.frame_count for take in takes] == [121, 121]
    np.testing.assert_allclose(takes[0].rot_local, takes[1].rot_local, atol=1e-6)


@pytest.mark.parametrize("order", ["xyz", "zxy"])
@pytest.mark.parametrize("fps", [50, 90, 1000])
def test_between_keys_whose_angles_wrap_a_joint_turns_the_short_way(tmp_path, order, fps):
    """Recordings wrap at 180°, and take the other of two solutions, from one key to the next."""
    times = np.arange(481) / 120
    turns = Rotation.from_euler("xyz", np.stack((200 * times, 110 * np.sin(5 * times), 150 * times), 1), degrees=True)
    given = turns.as_euler(order, degrees=True)[:, [order.index(axis) for axis in "xyz"]]
    assert np.count_nonzero(np.abs(np.diff(given, axis=0)).max(axis=1) > 90) > 5
    curves = {("a", "R", axis): curve(times, values) for axis, values in zip("XYZ", given.T, strict=True)}
    nodes = [node("a", RotationActive=1, RotationOrder=4 if order == "zxy" else 0, PreRotation=(10, 20, 30))]
    read(tmp_path, nodes, {"t": [layer(curves)]}, {"t": (0, 4)})
    take = load_mocap(tmp_path / "made.fbx", fps=fps)
    pre = Rotation.from_euler("xyz", (10, 20, 30), degrees=True)
    expected = pre * Slerp(times, turns)(np.minimum(np.arange(take.frame_count) / fps, 4))
    rotations = Rotation.from_quat(take.rot_local[:, 0], scalar_first=True)
    assert np.degrees((rotations.inv() * expected).magnitude()).max() < 0.5


def test_steps_and_slow_turns_between_keys_stay_as_they_are(tmp_path):
    stepped = {("a", "R", axis): curve([0, 0.05, 0.1], [0, 170, -170], flags=0x2) for axis in "XYZ"}
    take = read(tmp_path, [node("a")], {"t": [layer(stepped)]}, TimeMode=12)
    np.testing.assert_array_equal(take.rot_local[1:50], take.rot_local[0].expand(49, 1, 4))
    whole = {("a", "R", axis): curve([0, 2], [0, 720 if axis == "Z" else 0]) for axis in "XYZ"}
    take = read(tmp_path, [node("a")], {"t": [layer(whole)]}, TimeMode=6)
    np.testing.assert_allclose(take.rot_local[15, 0], [0, 0, 0, 1], atol=1e-6)  # half a second, half a turn


@pytest.mark.parametrize("fps", [0.01, 1e6, float("nan")])
def test_rates_that_cannot_be_are_refused(tmp_path, fps):
    read(tmp_path, CHAIN, {"t": [layer(swaying(60, 40))]})
    with pytest.raises(InputError, match=r"made.fbx: cannot come at"):
        load_mocap(tmp_path / "made.fbx", fps=fps)


def test_the_first_frame_has_the_time_of_the_files_clock(tmp_path):
    curves = keyed(2, 8)
    stated = read(tmp_path, CHAIN, {"t": [layer(curves)]}, {"t": (2, 8)})
    unstated = read(tmp_path, CHAIN, {"t": [layer(curves)]})
    whole = read(tmp_path, CHAIN, {"t": [layer(keyed(0, 8))]}, {"t": (0, 8)})
    assert (stated.start_seconds, unstated.start_seconds, whole.start_seconds) == (2, 2, 0)
    np.testing.assert_allclose(stated.rot_local, whole.rot_local[60:], atol=1e-6)
    assert read(tmp_path, CHAIN).start_seconds is None


def test_a_pose_without_motion_is_one_frame(tmp_path, capsys):
    take = read(tmp_path, [node("a"), node("b", parent="a", Lcl_Translation=(0, 3, 0))])
    assert take.frame_count == 1
    assert "nothing moves" in capsys.readouterr().out


KEY_TIMES = {
    "a pose long before": lambda t: np.append(0, t[10:]),
    "two keys missing": lambda t: np.delete(t, [40, 200]),
    "a key after the end": lambda t: np.append(t, t[-1] + 0.4),
    "whole milliseconds": lambda t: np.round(t, 3),
}


@pytest.mark.parametrize("change", KEY_TIMES.values(), ids=KEY_TIMES.keys())
def test_a_wrong_rate_is_seen_through_irregular_keys(tmp_path, change, capsys):
    times = change(np.arange(300) / 60)
    curves = {("a", "R", axis): curve(times, np.sin(times * 6) * 40) for axis in "XYZ"}
    take = read(tmp_path, CHAIN, {"t": [layer(curves)]}, TimeMode=6)
    assert take.fps == pytest.approx(60)
    assert "using 60" in capsys.readouterr().out
