"""The look at a recording: planted faults are found where they are, and a clean take is silent."""

import dataclasses
import functools
import re
import time
import types

from common.dataset import check_takes
from common.mocap import first_frames, load_mocap, resample
from common.mocap.take_check import check_take, without
from common.motion import kinematics, quaternion
from helpers.made_takes import movements
from helpers.project import PROJECT

import numpy as np
import pytest
import torch

FRAMES = 1500  # of the bundled duet, in which faults are planted
FLIP = torch.tensor([0.0, 0.6, 0.8, 0.0], dtype=torch.float64)  # by 180 degrees


@functools.cache
def whole(number):
    return load_mocap(PROJECT / "data" / "mocap" / f"duet_dancer{number}.fbx")


def bundled(number):
    return first_frames(whole(number), FRAMES)


@pytest.fixture(scope="module", params=[1, 2])
def dancer(request):
    return bundled(request.param)


def with_turn(take, joint, frames, turn):
    rot_local = take.rot_local.clone()
    before = rot_local[frames, joint]
    rot_local[frames, joint] = quaternion.mul(before, turn.expand_as(before))
    return dataclasses.replace(take, rot_local=rot_local)


def with_shift(take, frames, shift):
    root_pos = take.root_pos.clone()
    root_pos[frames] += torch.as_tensor(shift)
    return dataclasses.replace(take, root_pos=root_pos)


def with_pose_of(take, frames, frame):
    rot_local, root_pos = take.rot_local.clone(), take.root_pos.clone()
    rot_local[frames], root_pos[frames] = rot_local[frame], root_pos[frame]
    return dataclasses.replace(take, rot_local=rot_local, root_pos=root_pos)


def with_t_pose(take, frames):
    rot_local = take.rot_local.clone()
    rot_local[frames] = torch.tensor([1.0, 0, 0, 0]).double()
    return dataclasses.replace(take, rot_local=rot_local)


def joint(take, name):
    return take.skeleton.joint_names.index(name)


def turn_by(degrees):
    return quaternion.from_euler(torch.tensor([degrees]).double().deg2rad(), "Y")


def findings(take):
    return [(finding.kind, finding.start, finding.end) for finding in check_take(take)]


# ---------------------------------------------------------------------------------------------------------------------
# clean takes


@pytest.mark.parametrize("number", [1, 2])
def test_the_whole_bundled_duet_is_silent(number):
    assert findings(whole(number)) == []


def test_the_untouched_duet_is_silent(dancer):
    assert findings(dancer) == []
    for start, end in ((0, 500), (500, 1000), (700, 900), (10, 12), (5, 6)):
        assert check_take(dancer, start, end) == []


@pytest.mark.parametrize("fps", [24, 30, 120])
def test_the_duet_at_other_rates_is_silent(dancer, fps):
    assert findings(resample(dancer, fps)) == []


def test_made_movements_are_silent():
    silent = {name: findings(take) for name, take in movements().items()}
    assert silent.pop("walking upstairs") == [("drift", 0, 180)]  # which no file tells from a floor that drifts
    assert not any(silent.values())


def test_noise_is_no_fault(dancer):
    random = torch.Generator().manual_seed(1)
    noise = 0.005 * torch.randn(dancer.rot_local.shape, generator=random)  # half a degree
    flips = torch.where(torch.rand(noise.shape[:2], generator=random) < 0.5, -1, 1).unsqueeze(-1)  # no sign matters
    rot_local = flips * quaternion.normalise(dancer.rot_local + noise)
    assert findings(dataclasses.replace(dancer, rot_local=rot_local)) == []


# ---------------------------------------------------------------------------------------------------------------------
# planted faults


@pytest.mark.parametrize("name", ["LeftArm", "Hips", "RightUpLeg", "Head"])
@pytest.mark.parametrize("degrees", [40, 80])
def test_a_single_wrong_frame(dancer, name, degrees):
    take = with_turn(dancer, joint(dancer, name), slice(700, 701), turn_by(degrees))
    assert findings(take) == [("jump", 700, 701)]
    assert f"{name} jumps by" in check_take(take)[0].text


@pytest.mark.parametrize("shift", [(30, 0, 0), (0, 25, 0)])
def test_a_leap_of_the_whole_body(dancer, shift):
    assert findings(with_shift(dancer, slice(700, 701), shift)) == [("jump", 700, 701)]
    assert findings(with_shift(dancer, slice(700, None), shift)) == [("jump", 700, 701)]


@pytest.mark.parametrize("name", ["LeftArm", "Hips", "RightUpLeg", "Head"])
def test_half_turns_of_single_joints(dancer, name):
    place = joint(dancer, name)
    assert findings(with_turn(dancer, place, slice(700, None), FLIP)) == [("half-turn", 700, 701)]
    assert findings(with_turn(dancer, place, slice(700, 760), FLIP)) == [("half-turn", 700, 760)]
    assert findings(with_turn(dancer, place, slice(700, 701), FLIP)) == [("half-turn", 700, 701)]
    assert "and back" in check_take(with_turn(dancer, place, slice(700, 760), FLIP))[0].text


@pytest.mark.parametrize("length", [20, 100])
def test_a_frozen_stretch(dancer, length):
    listed = check_take(with_pose_of(dancer, slice(700, 700 + length), 700))
    assert listed[0].kind == "frozen"
    assert abs(listed[0].start - 700) <= 2
    assert abs(listed[0].end - 700 - length) <= 2
    assert {f.kind for f in listed} <= {"frozen", "jump"}  # the leap out of it may be one


def test_a_t_pose_at_the_ends(dancer):
    last = dancer.frame_count
    for frames, start, end in ((slice(0, 1), 0, 1), (slice(0, 80), 0, 80), (slice(last - 50, last), last - 50, last)):
        listed = check_take(with_t_pose(dancer, frames))
        assert ("T-pose", start, end) in [f[:3] for f in listed]
        leap = {"jump"} if len(listed) > 1 else set()  # into it or out of it
        assert {f.kind for f in listed} == {"T-pose"} | leap
        assert all(start - 2 <= f.start and f.end <= end + 2 for f in listed)


def test_stillness_at_the_ends(dancer):
    (first,) = findings(with_pose_of(dancer, slice(0, 60), 59))
    assert first[:2] == ("still", 0)
    assert 60 <= first[2] < 70
    last = dancer.frame_count
    (final,) = findings(with_pose_of(dancer, slice(last - 60, last), last - 60))
    assert final[::2] == ("still", last)
    assert last - 70 < final[1] <= last - 60
    assert findings(with_pose_of(dancer, slice(0, last), 0)) == [("still", 0, last)]


@pytest.mark.parametrize("centimetres", [-30, 15])
def test_a_floor_that_drifts(dancer, centimetres):
    ramp = torch.linspace(0, centimetres, dancer.frame_count)[:, None] * torch.tensor((0, 1, 0))
    listed = check_take(with_shift(dancer, slice(None), ramp))
    assert [f.kind for f in listed] == ["drift"]
    assert not listed[0].cut
    statement = re.search(r"the floor (rises|sinks) by (\d+)% of the body's height", listed[0].text)
    assert statement[1] == ("rises" if centimetres > 0 else "sinks")
    assert abs(int(statement[2]) / 100 - abs(centimetres) / kinematics.body_height(dancer)) < 0.015


def test_every_one_of_many_jumps(dancer):
    """Three in a hundred frames: they do not become what is usual."""
    frames = np.arange(100, FRAMES - 100, 33)
    names = ["LeftArm", "RightArm", "Head"]
    take = dancer
    for place, frame in enumerate(frames):
        take = with_turn(take, joint(take, names[place % 3]), slice(frame, frame + 1), turn_by(60 + place))
    assert findings(take) == [("jump", frame, frame + 1) for frame in frames]


def test_all_faults_at_once(dancer):
    take = with_t_pose(dancer, slice(0, 30))
    take = with_turn(take, joint(take, "LeftArm"), slice(300, 301), turn_by(70))
    take = with_shift(take, slice(500, 501), (0, 0, 40))
    take = with_turn(take, joint(take, "RightForeArm"), slice(700, 800), FLIP)
    take = with_pose_of(take, slice(1000, 1060), 1000)
    listed = check_take(take)
    for kind, start, end in (("T-pose", 0, 30), ("jump", 300, 301), ("jump", 500, 501), ("half-turn", 700, 800)):
        assert (kind, start, end) in [f[:3] for f in listed]
    assert any(f.kind == "frozen" and abs(f.start - 1000) < 3 and abs(f.end - 1060) < 3 for f in listed)
    assert len(listed) <= 7  # with the leaps out of T-pose and frozen stretch
    parts = without([(0, 1500)], {(0, 1500): listed}, take.fps, 1.0)
    faults = {*range(30), 300, 500, *range(700, 800), *range(1003, 1058)}
    assert not [frame for start, end in parts for frame in range(start, end) if frame in faults]
    assert sum(end - start for start, end in parts) > 1500 - len(faults) - 100
    for start, end in parts:  # what is proposed is clean
        assert [f for f in check_take(take, start, end) if f.kind != "still"] == []


# ---------------------------------------------------------------------------------------------------------------------
# what is said


def test_the_salsa_begins_with_a_leap(recordings, capsys):
    for take in ("01", "02", "12"):
        pair = [load_mocap(recordings / "duets" / f"cmu_salsa_{dancer}_{take}.bvh") for dancer in (60, 61)]
        listed = check_takes([pair], [[(0, pair[0].frame_count)]])
        assert {item["dancer"] for item in listed} == {0, 1}
        assert all(item["start"] == 0 and item["end"] <= 4 for item in listed)
        printed = capsys.readouterr().out
        assert f"cmu_salsa_61_{take}.bvh, frames 0 to 2: " in printed
        assert f"mocap_valid_frame_ranges = [[[9, {pair[0].frame_count}]]]" in printed
        assert check_takes([pair], [[(9, pair[0].frame_count)]]) == []
        assert capsys.readouterr().out == ""


def test_findings_of_both_dancers_make_one_line(capsys):
    one, two = (bundled(number) for number in (1, 2))
    leaping = with_shift(one, slice(750, 751), (40, 0, 0))
    flipping = with_turn(two, joint(two, "LeftArm"), slice(300, 340), FLIP)
    listed = check_takes([(one, two), (leaping, flipping)], [[(0, 1500)], [(0, 600), (600, 1500)]])
    assert [(item["pair"], item["dancer"], item["kind"]) for item in listed] == [(1, 0, "jump"), (1, 1, "half-turn")]
    printed = capsys.readouterr().out
    margin = round(0.05 * one.fps)
    first = [[0, 300 - margin], [340 + margin, 600]]
    expected = [[[0, 1500]], [*first, [600, 750 - margin], [751 + margin, 1500]]]
    assert printed.splitlines()[-1] == f"note: frames without these: mocap_valid_frame_ranges = {expected}"
    assert printed.count("note: ") == 3
    assert check_takes([(one, two)], [[(0, 1500)]]) == []
    assert capsys.readouterr().out == ""


def test_a_take_without_two_good_seconds_is_said(capsys):
    still = with_pose_of(bundled(1), slice(None), 0)
    assert check_takes([(still, still)], [[(0, 600)]])
    assert "no two seconds are left" in capsys.readouterr().out


def test_ten_minutes_take_no_time(dancer):
    """At most 0.3 s of a processor for 57 joints at 60 frames per second, and less for fewer joints."""
    there_and_back = (torch.arange(36_000) % 2800 - 1400).abs()
    take = dataclasses.replace(dancer, rot_local=dancer.rot_local[there_and_back], fps=60.0)
    take = dataclasses.replace(take, root_pos=dancer.root_pos[there_and_back])
    spent = []
    for _ in range(3):
        start = time.process_time()
        check_take(take)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.3 * max(20, take.skeleton.joint_count) / 57


def test_many_findings_are_counted(monkeypatch, capsys):
    jumps = [types.SimpleNamespace(start=frame, end=frame + 1, kind="jump", text="jumps") for frame in range(10)]
    monkeypatch.setattr("common.dataset.take_findings.check_take", lambda *_: jumps)
    monkeypatch.setattr("common.dataset.take_findings.without", lambda ranges, *_: list(ranges))
    take = types.SimpleNamespace(path="one.bvh", fps=50.0)
    assert len(check_takes([(take, take)], [[(0, 100)]])) == 20
    assert capsys.readouterr().out.count("one.bvh: and 2 more of the kind.") == 2
