import dataclasses
import re

from common.dataset import Duet, load_pairs
from common.dataset.pairs import describe_take
from common.mocap import check_same_joints, cut, frame_range, load_mocap, rescale, save_mocap, split_skeleton
from common.motion import kinematics
from common.runtime.errors import InputError
from helpers.project import BODY, positions, write_body

import numpy as np
import pytest
import torch


def load(folder, files=(("one.bvh", "two.bvh"),), ranges=(((0, -1),),), scale=1.0, fps=None, up_axis=None):
    return load_pairs(folder, files, ranges, scale, fps, up_axis)


# ---------------------------------------------------------------------------------------------------------------------
# kinematics


def test_kinematics_reproduces_the_contract(contract):
    got = kinematics.joint_positions(
        torch.from_numpy(contract["target"]).double().unflatten(-1, (-1, 4)),
        torch.from_numpy(contract["offsets"]).double(),
        contract["parents"],
    )
    np.testing.assert_allclose(got, contract["target_positions"], rtol=1e-5, atol=1e-4)


def test_kinematics_takes_any_leading_axes_and_offsets_per_pair(duet):
    take = load_mocap(duet / "one.bvh")
    expected = kinematics.positions_of(take) - take.root_pos[:, None]
    rot_local = take.rot_local.reshape(2, 5, 10, 12, 4)
    offsets = torch.stack((take.skeleton.offsets, 2 * take.skeleton.offsets))
    got = kinematics.joint_positions(rot_local, offsets[:, None, None], take.skeleton.parents)
    np.testing.assert_allclose(got[0].reshape(50, 12, 3), expected[:50], atol=1e-9)
    np.testing.assert_allclose(got[1].reshape(50, 12, 3), 2 * expected[50:], atol=1e-9)


def test_heights_and_up_axis(duet):
    take = load_mocap(duet / "one.bvh")
    assert kinematics.body_height(take) == pytest.approx(160)
    assert take.up_axis == "Y"


@pytest.mark.parametrize("up", "XYZ")
def test_up_axis_is_found_in_a_t_pose_and_in_motion(tmp_path, up):
    place = {"X": (1, 2, 0), "Y": (0, 1, 2), "Z": (2, 0, 1)}[up]  # Y goes to the up axis
    lines = []
    for line in BODY.splitlines():
        words = line.split()
        if words and words[0] == "OFFSET":
            turned = [""] * 3
            for axis, word in enumerate(words[1:]):
                turned[place.index(axis)] = word
            line = f"OFFSET {' '.join(turned)}"
        lines.append(line)
    body = "\n".join(lines) + "\n"
    write_body(tmp_path / "moving.bvh", body=body)
    assert load_mocap(tmp_path / "moving.bvh").up_axis == up
    (tmp_path / "still.bvh").write_text(f"{body}MOTION\nFrames: 1\nFrame Time: 0.1\n{'0 ' * 24}\n")
    assert load_mocap(tmp_path / "still.bvh").up_axis == up


def test_up_axis_of_real_files(recordings):
    assert load_mocap(recordings / "duets" / "cmu_salsa_60_02.bvh").up_axis == "Y"
    # this one rests with Y up, but dances with Z up
    turned = load_mocap(recordings / "bvh" / "mixed_orders_60joints_trailing_space_names.bvh")
    assert turned.up_axis == "Z"


# ---------------------------------------------------------------------------------------------------------------------
# takes


def test_cut_keeps_signs_continuous_from_the_anchor(duet):
    take = load_mocap(duet / "one.bvh")
    flips = torch.where(torch.arange(100) % 7 < 3, -1.0, 1.0)[:, None, None]
    take = dataclasses.replace(take, rot_local=take.rot_local * flips)
    part = cut(take, 5, 90)
    assert part.frame_count == 85
    np.testing.assert_array_equal(part.rot_local[0], take.rot_local[5])
    assert ((part.rot_local[1:] * part.rot_local[:-1]).sum(-1) > 0).all()
    clip = Duet([(take, take)], [[(5, 90)]], 0.2).motions(0, 40, 60)[0]  # the signs that training saw
    np.testing.assert_array_equal(clip.rot_local, part.rot_local[35:55])
    np.testing.assert_allclose(positions(clip), positions(take)[40:60], atol=1e-9)


def test_rescale_is_undone_on_export(duet):
    take = load_mocap(duet / "one.bvh")
    larger = rescale(take, 2.5)
    np.testing.assert_allclose(positions(larger), 2.5 * positions(take))
    save_mocap(larger, duet / "again.bvh")
    np.testing.assert_allclose(positions(load_mocap(duet / "again.bvh")), positions(take), atol=1e-4)


@pytest.mark.parametrize(("start", "end", "expected"), [(0, -1, (0, 100)), (10, 20, (10, 20)), (99, 100, (99, 100))])
def test_frame_ranges(start, end, expected):
    assert frame_range(start, end, 100, "here") == expected


@pytest.mark.parametrize(("start", "end"), [(0, 101), (100, -1), (20, 10), (10, 10), (-1, 10), (0, -2)])
def test_frame_ranges_outside_the_take_say_its_length(start, end):
    with pytest.raises(InputError, match=r"here: .*100 frames"):
        frame_range(start, end, 100, "here")


# ---------------------------------------------------------------------------------------------------------------------
# pairs


def test_pairs_are_read_in_centimetres_and_described(duet, capsys):
    pairs, ranges = load(duet, ranges=[[[10, 50], [60, -1]]], scale=0.01)
    assert ranges == [[(10, 50), (60, 100)]]
    assert pairs[0][0].unit_cm == 0.01
    said = capsys.readouterr().out
    assert "dancer 2: two.bvh: 12 joints, 100 frames at 50 fps (2.0 s), body 1.6 cm high, Y up" in said
    assert "mocap_pos_scale" in said
    assert "1.06" in said  # what would make it 170 cm


def test_the_scale_that_is_advised_is_the_one_that_helps(duet, capsys):
    take = dataclasses.replace(rescale(load_mocap(duet / "one.bvh"), 50), unit_cm=1.0)  # 80 m
    for unit_cm, name in ((1.0, "cm"), (100.0, "metres")):  # what the file states of itself does not matter
        save_mocap(dataclasses.replace(take, unit_cm=1.0), duet / "huge.bvh")
        huge = dataclasses.replace(load_mocap(duet / "huge.bvh"), unit_cm=unit_cm)
        describe_take(1, rescale(huge, 2), 2)
        advised = float(re.search(r"170 cm: ([\d.e-]+)", capsys.readouterr().out)[1])
        height = kinematics.body_height(rescale(huge, advised))
        assert height == pytest.approx(170, rel=0.01), name


@pytest.mark.parametrize(
    ("path", "name", "skeleton"),
    [
        ("duet.fbx", "duet.fbx", None),
        ("duet.fbx#2", "duet.fbx", 1),
        ("duet.FBX#Anna", "duet.FBX", "Anna"),
        ("duet.bvh#A:Hips", "duet.bvh", "A:Hips"),
        ("duet.fbx#An#na", "duet.fbx", "An#na"),
        ("take#2.fbx", "take#2.fbx", None),
        ("take#2.fbx#1", "take#2.fbx", 0),
    ],
)
def test_a_path_may_end_in_a_skeleton(path, name, skeleton):
    file, choice = split_skeleton(f"folder/{path}")
    assert (file.name, choice) == (name, skeleton)


def test_a_name_without_an_ending_is_answered_with_the_files_that_have_one(duet):
    (duet / "one.fbx").write_bytes(b"")
    (duet / "one.txt").write_bytes(b"")
    for name, said in (
        ("one", r"one: motion files without an ending .*The folder has one\.bvh, one\.fbx: name one of these"),
        ("One#2", r"The folder has one\.bvh, one\.fbx"),
        ("two.c3d", r"ending in '\.c3d'.*supported: \.fbx, \.bvh\. The folder has two\.bvh"),
        ("three", "without an ending .*Convert the recording"),
    ):
        with pytest.raises(InputError, match=said):
            load_mocap(duet / name)
    with pytest.raises(FileNotFoundError, match=r"no such file\. There is two\.bvh\."):
        load_mocap(duet / "two.fbx")


def test_skeletons_are_counted_from_one():
    with pytest.raises(InputError, match="counted from 1"):
        split_skeleton("duet.fbx#0")


def test_differing_lengths_are_cut_to_the_shorter(duet, capsys):
    write_body(duet / "two.bvh", 70)
    pairs, ranges = load(duet)
    assert [take.frame_count for take in pairs[0]] == [70, 70]
    assert ranges == [[(0, 70)]]
    assert "100 and 70 frames" in capsys.readouterr().out


def test_fps_and_up_axis_can_be_overruled(duet, capsys):
    write_body(duet / "two.bvh", fps=60)
    pairs, _ = load(duet, fps=30, up_axis="Z")
    assert [take.fps for take in pairs[0]] == [30, 30]
    assert [take.up_axis for take in pairs[0]] == ["Z", "Z"]
    assert "mocap_fps = 30 overrules" in capsys.readouterr().out


def test_frames_of_a_bvh_come_at_the_rate_that_is_asked_for(duet, capsys):
    take, plain = load_mocap(duet / "one.bvh", fps=30), load_mocap(duet / "one.bvh")
    assert (take.fps, plain.fps, take.frame_count, take.start_seconds) == (30, 50, 100, None)
    np.testing.assert_array_equal(take.rot_local, plain.rot_local)
    assert "one.bvh: mocap_fps = 30 overrules the file's 50 frames per second" in capsys.readouterr().out


def test_moving_inner_joints_are_named(duet, capsys):
    three = "OFFSET 0 25 0\n    CHANNELS 3"
    body = BODY.replace(three, "OFFSET 0 25 0\n    CHANNELS 6 Xposition Yposition Zposition")
    write_body(duet / "two.bvh", body=body)
    load(duet)
    assert re.search(r"two.bvh: Spine moves by [\d.]+ cm inside its parent joint", capsys.readouterr().out)


def test_two_skeletons_of_one_file_are_told_apart_by_their_roots(duet):
    take = load_mocap(duet / "one.bvh")
    names = [name.replace("Spine", "Chest") for name in take.skeleton.joint_names]
    other = dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, name="Anna", joint_names=names))
    with pytest.raises(InputError, match=r"'Spine' in .*one\.bvh#Hips but 'Chest' in .*one\.bvh#Anna"):
        check_same_joints(take, other, "here")
    with pytest.raises(InputError, match=r"'Spine' in .*one\.bvh but 'Chest' in .*two\.bvh\."):
        check_same_joints(take, dataclasses.replace(other, path="two.bvh"), "here")
