"""Two takes of one pair: rates, start times, rest poses, units and up axes that differ."""

import dataclasses
import re

from common.dataset import load_pairs
from common.mocap import check_same_rest_pose, load_mocap, save_mocap
from common.runtime.errors import InputError
from helpers import made_takes
from helpers.made_takes import bone_aligned, turned, walk
from helpers.project import positions, write_body

import numpy as np
import pytest
import torch

PAIR = (("one.bvh", "two.bvh"),)


def load(folder, files=PAIR, ranges=None, scale=1.0, fps=None, up_axis=None, **how):
    return load_pairs(folder, files, ranges or [[(0, -1)]] * len(files), scale, fps, up_axis, **how)


def put(take, path):
    """A made take as a BVH file."""
    plain = dataclasses.replace(take.skeleton, channels=None, is_end_site=None)
    save_mocap(dataclasses.replace(take, skeleton=plain), path)


# ---------------------------------------------------------------------------------------------------------------------
# frame rates


def test_differing_rates_are_refused_with_what_helps(duet):
    write_body(duet / "two.bvh", fps=25)
    with pytest.raises(InputError, match=r"has 50 .*two\.bvh has 25. Set mocap_resample_fps = 25"):
        load(duet)


def test_differing_rates_are_brought_to_one(duet, capsys):
    write_body(duet / "two.bvh", fps=25, frame_count=50)
    pairs, ranges = load(duet, resample_fps=25)
    assert [(take.fps, take.frame_count) for take in pairs[0]] == [(25, 50)] * 2
    assert ranges == [[(0, 50)]]
    one = load_mocap(duet / "one.bvh")
    np.testing.assert_allclose(positions(pairs[0][0]), positions(one)[::2], atol=1e-9)
    said = capsys.readouterr().out
    assert "one.bvh: 100 frames at 50 per second are now 50 at 25." in said
    assert "mocap_resample_fps = 25: all frame numbers" in said
    assert "two.bvh: 50 frames" not in said


def test_a_rate_that_a_bvh_states_wrongly_is_overruled_before(duet):
    pairs, _ = load(duet, fps=100, resample_fps=50)
    assert [(take.fps, take.frame_count) for take in pairs[0]] == [(50, 50)] * 2


@pytest.mark.parametrize("how", [{"fps": 30}, {"resample_fps": 30}, {"fps": 60, "resample_fps": 30}])
def test_the_curves_of_an_fbx_are_sampled(recordings, how):
    pairs, _ = load(recordings / "cases", [["f5_keys_at_120.fbx", "f5_fewer_keys_states_30.fbx"]], **how)
    assert [(take.fps, take.frame_count) for take in pairs[0]] == [(30, 121)] * 2
    cosines = (pairs[0][0].rot_local * pairs[0][1].rot_local).sum(-1).abs()
    assert cosines.min() > 1 - 1e-3


# ---------------------------------------------------------------------------------------------------------------------
# start times


def test_files_that_state_when_they_start_are_put_together(recordings, capsys):
    folder = recordings / "cases"
    names = ["f6_shoot_whole.fbx", "f6_shoot_from_second_2.fbx"]
    for files, late in ((names, 1), (names[::-1], 0)):
        pairs, _ = load(folder, [files])
        np.testing.assert_allclose(positions(pairs[0][0]), positions(pairs[0][1]), atol=1e-3)
        whole = load_mocap(folder / names[0])
        np.testing.assert_allclose(positions(pairs[0][1 - late]), positions(whole)[60:], atol=1e-9)
        assert pairs[0][1 - late].start_seconds == pytest.approx(2)
        said = capsys.readouterr().out
        assert f"{names[1]} starts 60 frames (2 s) after {names[0]}" in said
        assert "mocap_frame_offsets" in said
    together, _ = load(folder, [names], frame_offsets=[0])
    np.testing.assert_array_equal(together[0][0].rot_local, whole.rot_local[: together[0][1].frame_count])


@pytest.mark.parametrize("offset", [30, -30])
def test_an_offset_by_hand(duet, offset, capsys):
    pairs, ranges = load(duet, frame_offsets=[offset])
    assert ranges == [[(0, 70)]]
    first = [30 if offset > 0 else 0, 0 if offset > 0 else 30]
    for take, name, start in zip(pairs[0], ("one", "two"), first, strict=True):
        whole = load_mocap(duet / f"{name}.bvh")
        np.testing.assert_array_equal(take.rot_local, whole.rot_local[start : start + 70])
        np.testing.assert_array_equal(take.root_pos, whole.root_pos[start : start + 70])
    later, earlier = ("two", "one") if offset > 0 else ("one", "two")
    said = f"{later}.bvh starts 30 frames (0.6 s) after {earlier}.bvh: frame 0 of the pair is frame 30 of"
    assert said in capsys.readouterr().out


def test_offsets_that_cannot_be_are_refused(duet):
    with pytest.raises(InputError, match=r"pair 0: by mocap_frame_offsets, two\.bvh starts 100 .*no frame is in both"):
        load(duet, frame_offsets=[100])
    with pytest.raises(InputError, match=r"mocap_frame_offsets has 2 number\(s\), mocap_files has 1 pair\(s\)"):
        load(duet, frame_offsets=[0, 0])


@pytest.mark.parametrize(("late", "says"), [(500.0, "no frame is in both"), (1.013, "out of step by 0.35")])
def test_times_that_do_not_fit_are_said(monkeypatch, duet, late, says, capsys):
    def with_a_clock(path, **how):
        take = load_mocap(path)
        return dataclasses.replace(take, start_seconds=late if "two" in take.path else 0.0)

    monkeypatch.setattr("common.dataset.pairs.load_mocap", with_a_clock)
    pairs, _ = load(duet)
    assert pairs[0][0].frame_count == (100 if late > 2 else 49)
    assert says in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------------
# rest poses


def test_one_encoder_asks_for_one_rest_pose(tmp_path, capsys):
    put(walk(), tmp_path / "one.bvh")
    put(bone_aligned(walk()), tmp_path / "two.bvh")
    with pytest.raises(InputError, match=r"share one encoder: their rest poses differ") as refused:
        load(tmp_path, shared_encoder=True)
    said = str(refused.value)
    assert re.search(r"bone to '\w+' points to \([-\d., ]+\) in .*one\.bvh and to \([-\d., ]+\) in .*two\.bvh", said)
    assert "90 degrees apart" in said or "180 degrees apart" in said
    assert "Export both from one rig" in said
    assert "vae_rnn.py" in said
    assert len(said) < 900
    pairs, _ = load(tmp_path)  # what learns a translation is not concerned
    np.testing.assert_allclose(positions(pairs[0][0]), positions(pairs[0][1]), atol=1e-3)


def test_one_encoder_asks_for_one_rest_pose_of_the_cases(recordings):
    names = ["f4_dancer1_tpose.bvh", "f4_dancer2_bone_aligned.bvh"]
    with pytest.raises(InputError, match="rest poses differ"):
        load(recordings / "cases", [names], shared_encoder=True)
    load(recordings / "cases", [names])
    for take in ("01", "02", "12"):  # two people
        load(recordings / "duets", [[f"cmu_salsa_{dancer}_{take}.bvh" for dancer in (60, 61)]], shared_encoder=True)


@pytest.mark.parametrize(("degrees", "refused"), [(0, False), (25, False), (35, True), (180, True)])
def test_rest_poses_differ_from_30_degrees_on(degrees, refused):
    take, offsets = walk(), made_takes.skeleton().offsets.clone()
    arm, angle = made_takes.NAMES.index("LFore"), np.radians(degrees)
    offsets[arm] = torch.tensor((28 * np.cos(angle), -28 * np.sin(angle), 0))
    other = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, offsets=0.8 * offsets))
    if refused:
        with pytest.raises(InputError, match=rf"'LFore' points to .*{degrees} degrees apart \(1 of 17 bones"):
            check_same_rest_pose(take, other, "here")
    else:
        check_same_rest_pose(take, other, "here")
    offsets[arm] *= 0.001  # what is that short may point anywhere
    short = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, offsets=offsets))
    check_same_rest_pose(take, short, "here")


# ---------------------------------------------------------------------------------------------------------------------
# units, up axes, feet


def test_a_scale_for_each_dancer(duet, capsys):
    take = load_mocap(duet / "one.bvh")
    save_mocap(dataclasses.replace(take, unit_cm=100.0), duet / "one.bvh")  # in metres
    pairs, _ = load(duet, scale=[100, 1])
    assert [take.unit_cm for take in pairs[0]] == [100, 1]
    np.testing.assert_allclose(positions(pairs[0][0]), positions(take), atol=1e-3)
    assert "mocap_pos_scale" not in capsys.readouterr().out
    load(duet)
    said = capsys.readouterr().out
    assert "one.bvh: the body is 1.6 cm high" in said
    assert "two.bvh: the body" not in said


def test_different_up_axes_are_refused_with_both_named(tmp_path):
    put(walk(), tmp_path / "one.bvh")
    put(turned(walk(), "-Y"), tmp_path / "two.bvh")
    with pytest.raises(InputError, match=r"pair 0: .*one\.bvh has Y up, .*two\.bvh has -Y up.*mocap_up_axis"):
        load(tmp_path)
    pairs, _ = load(tmp_path, up_axis="-Y")
    assert [take.up_axis for take in pairs[0]] == ["-Y", "-Y"]
    with pytest.raises(InputError, match="first pair and another"):
        load(tmp_path, [["one.bvh", "one.bvh"], ["two.bvh", "two.bvh"]])


def test_a_doubtful_up_axis_is_said_with_both_candidates(tmp_path, capsys):
    lying = made_takes.movements()["lying, hips at the origin"]
    put(lying, tmp_path / "one.bvh")
    load(tmp_path, [["one.bvh", "one.bvh"]])
    said = capsys.readouterr().out
    assert "doubtful: Y or -Z. Y is taken; the GIF shows" in said
    assert 'mocap_up_axis, as "-Z"' in said
    load(tmp_path, [["one.bvh", "one.bvh"]], up_axis="Y")
    assert "doubtful" not in capsys.readouterr().out


def test_a_doubtful_up_axis_is_that_of_the_partner(tmp_path, capsys):
    put(walk(), tmp_path / "one.bvh")
    put(turned(walk(on_the_floor=False), "Z", rest_too=False), tmp_path / "two.bvh")
    assert load_mocap(tmp_path / "two.bvh").up_axis == "Z"
    pairs, _ = load(tmp_path)
    assert [take.up_axis for take in pairs[0]] == ["Y", "Y"]
    assert "two.bvh: a BVH file" in (said := capsys.readouterr().out)
    assert "Y is taken, as in the partner's file" in said


def test_a_body_without_feet_is_said_once(tmp_path, capsys):
    put(made_takes.movements()["jumping"], tmp_path / "one.bvh")
    load(tmp_path, [["one.bvh", "one.bvh"]])
    assert "feet" not in capsys.readouterr().out
    body = made_takes.movements()["cartwheels"]
    put(body, tmp_path / "two.bvh")
    load(tmp_path, [["two.bvh", "one.bvh"]], up_axis="Y")
    assert capsys.readouterr().out.count("no feet are found") == 1
