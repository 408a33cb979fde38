from common.runtime.errors import InputError
from helpers.plain_fbx_text import CHAIN, curve, layer, node, read, swaying

import numpy as np
import pytest

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
