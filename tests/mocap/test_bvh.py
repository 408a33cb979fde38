import codecs
import dataclasses
import itertools
import re
import warnings

from common.mocap import bvh, load_mocap
from common.motion import kinematics, quaternion
from common.runtime.errors import InputError
from helpers import plain_bvh
from helpers.project import BODY, positions, with_rotations, write_body
from helpers.sweeps import quick

import numpy as np
import pytest
import torch

DIALECTS = [
    "motionbuilder_walk01_3digit_exponent",
    "cmu_cgspeed_motionbuilder_zyx_mixed_crlf",
    "olympe_dancing_mixed_orders_per_joint",
    "mixed_orders_60joints_trailing_space_names",
    "root_rotation_before_position",
    "bvhio_no_endsites_6ch",
    "fairmotion_sinusoidal_no_endsite",
    "xsens_style_yxz_crlf",
    "classic_wisconsin_example_tabs_2frames",
    "ntsc_23976_frametime",
]
SHORT = (
    "root_rotation_before_position",
    "fairmotion_sinusoidal_no_endsite",
    "classic_wisconsin_example_tabs_2frames",
    "ntsc_23976_frametime",
)


def load_text(tmp_path, text):
    path = tmp_path / "take.bvh"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return bvh.load_bvh(path)


def assert_same_motion(take, other):
    """Equal names, hierarchy, frame rate, and joint positions to 1e-4 of the body's size."""
    assert take.skeleton.joint_names == other.skeleton.joint_names
    assert take.skeleton.parents == other.skeleton.parents
    assert take.fps == pytest.approx(other.fps, rel=1e-6)
    size = max(np.ptp(kinematics.rest_pose(take.skeleton).numpy()), 1e-9)
    np.testing.assert_allclose(positions(take), positions(other), atol=1e-4 * size)


# ---------------------------------------------------------------------------------------------------------------------
# reading


@pytest.mark.parametrize("name", quick(DIALECTS, *SHORT))
def test_real_files_have_the_positions_of_independent_readers(recordings, name):
    path = recordings / "bvh" / f"{name}.bvh"
    take = bvh.load_bvh(path)
    names, expected = plain_bvh.joint_positions(path.read_text(encoding="utf-8"))
    np.testing.assert_allclose(positions(take), expected, atol=1e-9 * max(1, np.abs(expected).max()))
    ends = take.skeleton.is_end_site
    assert [n for n, end in zip(take.skeleton.joint_names, ends, strict=True) if not end] == [
        n for n in names if not n.startswith("Site")
    ]


@pytest.mark.parametrize("name", ["cmu_salsa_60_01", "cmu_salsa_61_12"])
def test_salsa_has_the_positions_of_pybvh(recordings, name):
    import pybvh  # here, since it brings Matplotlib's windows along

    path = recordings / "duets" / f"{name}.bvh"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pybvh.read_bvh_file(str(path)).node_positions()
    np.testing.assert_allclose(positions(bvh.load_bvh(path)), expected, atol=1e-9)


def test_more_rows_than_declared_are_left_out_with_a_note(recordings, capsys):
    take = bvh.load_bvh(recordings / "bvh" / "boxing_toes_100fps_rowcount_off_by_one.bvh")
    assert take.frame_count == 3069
    assert "3069 frames" in capsys.readouterr().out


@pytest.mark.parametrize("frame_count", [1, 2])
@pytest.mark.parametrize("body", [BODY, "HIERARCHY\nROOT only\n{\n" + "\n".join(BODY.splitlines()[3:5]) + "\n}\n"])
def test_a_single_frame_and_a_single_joint_keep_their_place(tmp_path, frame_count, body):
    values = write_body(tmp_path / "take.bvh", frame_count, body=body)
    take = bvh.load_bvh(tmp_path / "take.bvh")
    np.testing.assert_allclose(take.root_pos, values[:, :3], atol=1e-6)
    np.testing.assert_allclose(positions(take), plain_bvh.joint_positions((tmp_path / "take.bvh").read_text())[1])


def test_long_runs_of_blanks_are_read_at_once(tmp_path):
    name = "a" + 19_000 * " " + "b"
    write_body(tmp_path / "take.bvh", 2, body=BODY.replace("LeftArm", name))
    assert bvh.load_bvh(tmp_path / "take.bvh").skeleton.joint_names[2] == name


def test_end_sites_are_named_joints_without_rotation(duet):
    take = bvh.load_bvh(duet / "one.bvh")
    assert take.skeleton.joint_names == [
        *("Hips", "Spine", "LeftArm", "LeftArm_Nub", "RightArm", "RightArm_Nub", "Head", "Head_Nub"),
        *("LeftLeg", "LeftLeg_Nub", "RightLeg", "RightLeg_Nub"),
    ]
    assert (take.rot_local[:, take.skeleton.is_end_site] == torch.eye(4)[0]).all()


def test_signs_are_those_of_the_half_angle_product(tmp_path):
    text = """HIERARCHY
ROOT r
{
OFFSET 0 0 0
CHANNELS 3 Zrotation Xrotation Yrotation
JOINT j
{
OFFSET 0 1 0
CHANNELS 3 Xrotation Yrotation Zrotation
}
}
MOTION
Frames: 2
Frame Time: 0.1
10 20 30 0 0 0
370 20 30 0 400 0
"""
    take = load_text(tmp_path, text)
    np.testing.assert_allclose(take.rot_local[1, 0], -take.rot_local[0, 0], atol=1e-12)
    assert take.rot_local[1, 1, 0] == pytest.approx(np.cos(np.radians(200)))


DIALECT_EDITS = {
    "tabs": lambda t: re.sub(" +", "\t", t),
    "crlf": lambda t: t.replace("\n", "\r\n"),
    "crlf header only": lambda t: t.split("MOTION")[0].replace("\n", "\r\n") + "MOTION" + t.split("MOTION")[1],
    "upper case": lambda t: t.upper(),
    "lower case": lambda t: t.lower(),
    "numbered end sites": lambda t: re.sub("End Site", "End Site20", t),
    "named end sites": lambda t: re.sub("End Site", "End Site_tip", t),
    "brace on the line of the name": lambda t: re.sub(r"\n\s*\{", " {", t),
    "brace glued to the name": lambda t: re.sub(r"(ROOT \w+|JOINT \w+|End Site)\n\s*\{", r"\1{", t),
    "one long line of values": lambda t: _reflow(t, 10**9),
    "a value a line": lambda t: _reflow(t, 1),
    "seven values a line": lambda t: _reflow(t, 7),
    "blank lines": lambda t: t.replace("\n", "\n\n"),
    "old Mac line ends": lambda t: t.replace("\n", "\r"),
    "byte order mark": lambda t: "\ufeff" + t,
    "three-digit exponents": lambda t: re.sub(r"^0\.(\d+) ", r"0.\g<1>e-000 ", t, flags=re.MULTILINE),
    "no final line end": lambda t: t.rstrip("\n"),
    "hierarchy on one line": lambda t: re.sub(r"\s+", " ", t.split("MOTION")[0]) + "\nMOTION" + t.split("MOTION")[1],
    "a joint a line": lambda t: re.sub(r"\n\s*(\{|OFFSET|CHANNELS|\})", r" \1", t).replace("} MOTION", "}\nMOTION"),
    "MOTION behind the last brace": lambda t: t.replace("}\nMOTION", "} MOTION"),
    "Frames on the line of MOTION": lambda t: t.replace("MOTION\nFrames", "MOTION Frames"),
    "the head of the motion on one line": lambda t: re.sub(r"MOTION\n(.*)\n(.*)\n", r"MOTION \1 \2 ", t),
    "comment lines": lambda t: "# studio B\n" + re.sub(r"\n", "\n  // camera { 4 }\n# MOTION\n", t),
    "comments behind": lambda t: re.sub(r"\n", " # 1 2 } \n", t.replace("Frames", "\t//\nFrames")),
    "UTF-16, little end first": lambda t: codecs.BOM_UTF16_LE + t.encode("utf-16-le"),
    "UTF-16, big end first": lambda t: codecs.BOM_UTF16_BE + t.encode("utf-16-be"),
    "decimal commas": lambda t: re.sub(r"(\d)\.(\d)", r"\1,\2", t.replace("OFFSET 0 25 0", "OFFSET 0,0 25,0 0")),
    "decimal commas between tabs": lambda t: re.sub(" +", "\t", re.sub(r"(\d)\.(\d)", r"\1,\2", t)),
    "a rate for the frame time": lambda t: t.replace("Frame Time: 0.020000", "Frame Time: 50"),
}


def _reflow(text, per_line):
    head, rows = re.match(r"(.*Frame Time: \S+\n)(.*)", text, re.DOTALL).groups()
    values = rows.split()
    return head + "\n".join(" ".join(values[i : i + per_line]) for i in range(0, len(values), per_line)) + "\n"


@pytest.mark.parametrize("edit", DIALECT_EDITS.values(), ids=DIALECT_EDITS.keys())
def test_dialects_read_the_same(duet, edit):
    plain = bvh.load_bvh(duet / "one.bvh")
    other = load_text(duet, edit((duet / "one.bvh").read_text()))
    assert [name.lower() for name in other.skeleton.joint_names] == [n.lower() for n in plain.skeleton.joint_names]
    np.testing.assert_array_equal(positions(other), positions(plain))
    assert other.fps == pytest.approx(plain.fps, rel=1e-9)


@pytest.mark.parametrize(
    "name", ["mixamorig:LeftArm", "left arm.01", "Ünterarm links", "0", "End", "a{b", "JOINT", "#3", "Box #2", "a//b"]
)
def test_names_are_the_rest_of_the_line(tmp_path, name):
    write_body(tmp_path / "take.bvh", 3, body=BODY.replace("JOINT LeftArm", f"JOINT  {name}  "))
    take = bvh.load_bvh(tmp_path / "take.bvh")
    assert take.skeleton.joint_names[2:4] == [name, f"{name}_Nub"]


def test_old_encodings_are_read(tmp_path):
    write_body(tmp_path / "take.bvh", 3, body=BODY.replace("LeftArm", "Bras_gauché"))
    text = (tmp_path / "take.bvh").read_text(encoding="utf-8")
    assert load_text(tmp_path, text.encode("latin-1")).skeleton.joint_names[2] == "Bras_gauché"


def test_a_comment_behind_a_name_is_no_part_of_it(tmp_path):
    write_body(tmp_path / "take.bvh", 3, body=BODY.replace("JOINT LeftArm", "JOINT LeftArm // the # one"))
    assert bvh.load_bvh(tmp_path / "take.bvh").skeleton.joint_names[2] == "LeftArm"


def test_names_may_hold_blanks_on_a_line_with_all_else(tmp_path):
    text = re.sub(r"\s+", " ", BODY.replace("LeftArm", "left arm {2}")) + "\n"
    write_body(tmp_path / "take.bvh", 3, body=BODY)
    motion = (tmp_path / "take.bvh").read_text().split("MOTION")[1]
    take = load_text(tmp_path, f"{text}MOTION{motion}")
    assert take.skeleton.joint_names[2:4] == ["left arm {2}", "left arm {2}_Nub"]


def test_scale_is_left_out_and_said(tmp_path, capsys):
    channels = "CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation"
    body = BODY.replace(channels, channels.replace("6", "9") + " Xscale Yscale Zscale")
    body = body.replace("OFFSET 0 25 0\n    CHANNELS 3", "OFFSET 0 25 0\n    CHANNELS 4 Yscale")
    plain_values = write_body(tmp_path / "plain.bvh", 20)
    plain = bvh.load_bvh(tmp_path / "plain.bvh")
    for scale in (1, 1.25):
        rows = np.insert(plain_values, [6, 6, 6, 6], [1, 1, 1, scale], axis=1)
        motion = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows)
        take = load_text(tmp_path, f"{body}MOTION\nFrames: 20\nFrame Time: 0.02\n{motion}\n")
        np.testing.assert_allclose(positions(take), positions(plain), atol=1e-9)
        assert take.skeleton.channels == plain.skeleton.channels
        assert ("the scale channels of Spine are not 1" in capsys.readouterr().out) == (scale != 1)
    bvh.save_bvh(take, tmp_path / "again.bvh")
    assert_same_motion(bvh.load_bvh(tmp_path / "again.bvh"), plain)


@pytest.mark.parametrize(("frame_time", "fps", "milliseconds"), [("120", 120, "8.333"), ("33,3333", 33.3333, "30")])
def test_a_frame_time_above_a_second_is_taken_for_a_rate(duet, capsys, frame_time, fps, milliseconds):
    text = (duet / "one.bvh").read_text().replace("Frame Time: 0.020000", f"Frame Time: {frame_time}")
    assert load_text(duet, text).fps == pytest.approx(fps, rel=1e-6)
    said = capsys.readouterr().out
    assert f"taken for {fps:g} frames per second" in said
    assert f"mocap_fps (of milliseconds: {milliseconds})" in said


def test_decimal_commas_are_said(duet, capsys):
    load_text(duet, (duet / "one.bvh").read_text().replace(".", ","))
    assert "decimal commas" in capsys.readouterr().out


def test_several_end_sites_and_several_skeletons(tmp_path, capsys):
    end = "      End Site\n      {\n        OFFSET 0 15 0\n      }\n"
    twice = BODY.replace(end, end + end)
    second = BODY.removeprefix("HIERARCHY\n").replace("Hips", "Other")
    values = write_body(tmp_path / "two.bvh", 5, body=twice + second)
    first = bvh.load_bvh(tmp_path / "two.bvh")
    assert first.skeleton.joint_names[6:9] == ["Head", "Head_Nub", "Head_Nub2"]
    other = bvh.load_bvh(tmp_path / "two.bvh", skeleton=1)
    assert other.skeleton.name == "Other"
    np.testing.assert_allclose(other.root_pos, values[:, 24:27], atol=1e-6)
    assert bvh.load_bvh(tmp_path / "two.bvh", skeleton="Other").skeleton.name == "Other"
    assert "holds 2 skeletons, #1 'Hips', #2 'Other'" in capsys.readouterr().out
    for asked, said in ((2, "#3"), ("Third", "'Third'")):
        with pytest.raises(InputError, match=f"has no skeleton {said}; it has #1 'Hips', #2 'Other'"):
            bvh.load_bvh(tmp_path / "two.bvh", skeleton=asked)
    with pytest.raises(InputError, match="has no skeleton #3; it has #1"):
        load_mocap(tmp_path / "two.bvh#3")


def test_an_end_site_that_moves_is_a_joint(tmp_path):
    tip = "OFFSET 0 15 0\n"
    write_body(tmp_path / "take.bvh", 5, body=BODY.replace(tip, f"{tip}CHANNELS 3 Zrotation Xrotation Yrotation\n"))
    take = bvh.load_bvh(tmp_path / "take.bvh")
    bvh.save_bvh(take, tmp_path / "again.bvh")
    again = bvh.load_bvh(tmp_path / "again.bvh")
    assert again.skeleton.joint_names == take.skeleton.joint_names
    np.testing.assert_allclose(again.rot_local, take.rot_local, atol=1e-6)


def test_position_channels_replace_offsets_wherever_they_are(tmp_path):
    body = BODY.replace(
        "OFFSET 0 25 0\n    CHANNELS 3 Zrotation Xrotation Yrotation",
        "OFFSET 0 25 0\n    CHANNELS 4 Zrotation Yposition Xrotation Zposition",
    )
    values = write_body(tmp_path / "take.bvh", 20, body=body)
    take = bvh.load_bvh(tmp_path / "take.bvh")
    np.testing.assert_allclose(positions(take), plain_bvh.joint_positions((tmp_path / "take.bvh").read_text())[1])
    assert list(take.skeleton.moving_joints(at_least=1)) == ["Spine"]
    np.testing.assert_allclose(take.skeleton.offsets[:, 1, 1], values[:, 7], atol=1e-6)
    assert take.skeleton.rest_offsets[1].tolist() == [0, 25, 0]


# ---------------------------------------------------------------------------------------------------------------------
# refusing

BROKEN = {
    "empty": (lambda t: "", "empty"),
    "only blanks": (lambda t: " \n ", "empty"),
    "binary": (lambda t: b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(50), "binary"),
    "headerless": (lambda t: t.split("\n", 60)[-1], "line 1.*HIERARCHY"),
    "no motion": (lambda t: t.split("MOTION")[0], "MOTION"),
    "cut off in the hierarchy": (lambda t: t[:300], "MOTION"),
    "cut off in the frames": (
        lambda t: t[: len(t) * 2 // 3].rpartition(" ")[0],
        r"line \d+.*100 frames of 24 channels",
    ),
    "no frames": (lambda t: t.split("Frame Time")[0] + "Frame Time: 0.02\n", "ends after 0 whole frames"),
    "zero frames": (lambda t: t.replace("Frames: 100", "Frames: 0"), "at least one frame"),
    "negative frames": (lambda t: t.replace("Frames: 100", "Frames: -5"), "at least one frame"),
    "no frame count": (lambda t: t.replace("Frames: 100\n", ""), "Frames"),
    "frame time zero": (lambda t: re.sub("Time: .*", "Time: 0", t), "frame time from"),
    "frame time not a number": (lambda t: re.sub("Time: .*", "Time: nan", t), "frame time from"),
    "brace missing": (lambda t: t.replace("}\n", "", 1), "missing before MOTION"),
    "brace too many": (lambda t: t.replace("}\n", "}\n}\n}\n}\n", 1), r"line \d+: "),
    "no offset": (lambda t: t.replace("    OFFSET 0 25 0\n", ""), r"line \d+: .*OFFSET"),
    "offset not a number": (
        lambda t: t.replace("OFFSET 0 25 0", "OFFSET 0 x 0"),
        "line 8: expected a number, found 'x'",
    ),
    "offset infinite": (lambda t: t.replace("OFFSET 0 25 0", "OFFSET 0 inf 0"), "line 8"),
    "unknown channel": (lambda t: t.replace("Xposition", "Xshear"), "line 5: unknown channel 'Xshear'"),
    "channel twice": (lambda t: t.replace("Yposition", "Xposition"), "twice"),
    "channel count": (lambda t: t.replace("CHANNELS 6", "CHANNELS 60"), "line 5"),
    "channels twice": (lambda t: t.replace("CHANNELS 6", "CHANNELS 1 Xposition\nCHANNELS 6"), "already"),
    "frame time absurd": (lambda t: re.sub("Time: .*", "Time: 5e-324", t), "frame time from"),
    "unknown keyword": (lambda t: t.replace("JOINT Spine", "BONE Spine"), "line 6: .*'BONE'"),
    "endless name": (lambda t: t.replace("Spine", "x" * 30_000), "line 6: a name has at most 20000 characters, not 30"),
    "endless word": (lambda t: t.replace("JOINT", "x" * 30_000), "line 6: .*'X{30}'[.]"),
    "endless number": (lambda t: t.replace("Frames: 100", "Frames: " + "9" * 30_000), "found Frames 9{30} and"),
    "joint without a name": (lambda t: t.replace("JOINT Spine", "JOINT"), "line 6: JOINT has no name"),
    "joint outside": (lambda t: t.replace("ROOT", "JOINT"), "line 2"),
    "two roots nested": (lambda t: t.replace("JOINT Spine", "ROOT Spine"), "line 6"),
    "joint in an end site": (
        lambda t: t.replace("OFFSET 55 0 0", "OFFSET 55 0 0\nJOINT x\n{\nOFFSET 0 0 0\n}"),
        "End Site",
    ),
    "no channels": (lambda t: re.sub(" CHANNELS.*", "", t), "no joint has CHANNELS"),
    "nan": (lambda t: re.sub(r"\n-?\d\S*", "\nnan", t, count=1), r"line 60: a frame holds 'nan'"),
    "what C prints for nan": (lambda t: re.sub(r"\n-?\d\S*", "\n-1.#IND # 3", t, count=1), "line 60: .*'-1.#IND'"),
    "infinity": (lambda t: t.rstrip().rpartition(" ")[0] + " -inf", r"line 159: a frame holds '-inf'"),
    "a word among the values": (lambda t: re.sub(r"\n-?\d\S*", "\nhello", t, count=1), "line 60: .*'hello'"),
    "decimal commas": (lambda t: re.sub(r"\n(-?\d+)\.", r"\n\1,", t, count=1), "line 60"),
    "commas between the values": (
        lambda t: t.split("Frame Time")[0] + "Frame Time: 0.02\n" + ",".join("1" * 24) + "\n",
        "line 60: a frame holds '1,1,",
    ),
    "frame time beyond every rate": (lambda t: re.sub("Time: .*", "Time: 1000000", t), "frame time from"),
    "a pointer": (
        lambda t: "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n",
        "is a Git LFS pointer.*git lfs pull",
    ),
    "a web page": (lambda t: "\n<!DOCTYPE html>\n<html>", "is a web page"),
    "rows of another length": (lambda t: re.sub(r"\n(-?\d\S* )", r"\n\1 0 \1", t), "24 channels .* 26 values"),
}


@pytest.mark.parametrize(("edit", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_with_the_place(duet, edit, message):
    with pytest.raises(InputError, match=message) as error:
        load_text(duet, edit((duet / "one.bvh").read_text()))
    assert "take.bvh" in str(error.value)


@pytest.mark.parametrize("name", ["bvhio_header_says_3066_frames_zero_rows", "bvhio_motion_rows_only_no_header"])
def test_real_broken_files_are_refused(recordings, name):
    with pytest.raises(InputError, match=name):
        bvh.load_bvh(recordings / "bvh" / f"{name}.bvh")


# ---------------------------------------------------------------------------------------------------------------------
# writing


@pytest.mark.parametrize("name", quick(DIALECTS, *SHORT))
def test_real_files_survive_writing(recordings, tmp_path, name):
    take = bvh.load_bvh(recordings / "bvh" / f"{name}.bvh")
    bvh.save_bvh(take, tmp_path / "again.bvh")
    again = bvh.load_bvh(tmp_path / "again.bvh")
    assert_same_motion(again, take)
    assert again.skeleton.channels == take.skeleton.channels
    np.testing.assert_array_equal(again.skeleton.rest_offsets, take.skeleton.rest_offsets)
    assert_no_exponents_or_jumps(tmp_path / "again.bvh")


def assert_no_exponents_or_jumps(path):
    header, motion = path.read_text(encoding="utf-8").split("MOTION\n")
    rows = motion.split("\n", 2)[2]
    assert "e" not in motion.replace("Frame Time", "").replace("Frames", "")
    assert not re.search(r"OFFSET .*e", header)
    names = [word for line in re.findall(r"CHANNELS \d+(.*)", header) for word in line.split()]
    values = np.array(rows.split(), dtype=float).reshape(-1, len(names))
    angles = values[:, [name.endswith("rotation") for name in names]]
    assert len(angles) < 2 or np.abs(np.diff(angles, axis=0)).max() < 180


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("XYZ")] + ["mixed"])
def test_every_rotation_order_survives_writing(tmp_path, order):
    orders = itertools.cycle(["ZXY", "YZX", "XYZ", "ZYX", "XZY", "YXZ"] if order == "mixed" else [order])
    body = re.sub("Zrotation Xrotation Yrotation", lambda _: " ".join(f"{axis}rotation" for axis in next(orders)), BODY)
    write_body(tmp_path / "take.bvh", 60, body=body)
    take = bvh.load_bvh(tmp_path / "take.bvh")
    turning = torch.randn(60, 12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).cumsum(0) * 0.3
    rot_local = quaternion.from_euler(turning, "XYZ")  # goes through every attitude
    rot_local[:, take.skeleton.is_end_site] = torch.eye(4, dtype=torch.float64)[0]
    take = with_rotations(take, rot_local)
    bvh.save_bvh(take, tmp_path / "again.bvh")
    again = bvh.load_bvh(tmp_path / "again.bvh")
    assert_same_motion(again, take)
    assert again.skeleton.channels == take.skeleton.channels
    np.testing.assert_allclose(again.rot_local[0], take.rot_local[0], atol=1e-6)  # the same sign, too
    assert_no_exponents_or_jumps(tmp_path / "again.bvh")
    np.testing.assert_allclose(
        positions(take), plain_bvh.joint_positions((tmp_path / "again.bvh").read_text())[1], atol=1e-4
    )


def test_a_joint_gets_a_channel_that_its_new_motion_needs(tmp_path):
    three = "OFFSET 15 20 0\n      CHANNELS 3 Zrotation Xrotation Yrotation"
    body = BODY.replace(three, "OFFSET 15 20 0\n      CHANNELS 1 Yrotation")
    write_body(tmp_path / "take.bvh", 10, body=body)
    take = bvh.load_bvh(tmp_path / "take.bvh")
    bvh.save_bvh(take, tmp_path / "same.bvh")
    assert bvh.load_bvh(tmp_path / "same.bvh").skeleton.channels[2] == ("Yrotation",)
    rot_local = take.rot_local.clone()
    rot_local[:, 2] = quaternion.from_euler(torch.full((10, 3), 0.3, dtype=torch.float64), "ZXY")
    bvh.save_bvh(with_rotations(take, rot_local), tmp_path / "more.bvh")
    assert_same_motion(bvh.load_bvh(tmp_path / "more.bvh"), with_rotations(take, rot_local))


def test_small_units_keep_their_precision(duet, tmp_path):
    take = bvh.load_bvh(duet / "one.bvh")
    kilometres = dataclasses.replace(take, unit_cm=1e5)
    bvh.save_bvh(kilometres, tmp_path / "km.bvh")
    again = bvh.load_bvh(tmp_path / "km.bvh")
    np.testing.assert_allclose(positions(again) * 1e5, positions(take), atol=1e-2)
    assert_no_exponents_or_jumps(tmp_path / "km.bvh")


def test_a_hierarchy_may_stand_on_few_lines(tmp_path):
    text = "HIERARCHY\nROOT Hips\n{\nOFFSET 1 2 3\nCHANNELS 1 Xrotation\nEnd Site\n{\nOFFSET 0 5 0\n}\n}\n"
    motion = "MOTION\nFrames: 1\nFrame Time: 0.01\n30\n"
    (tmp_path / "many.bvh").write_text(text + motion)
    lines = text.split("\n")
    few = [" ".join(lines[:2]), "  ".join(lines[2:6]), " ".join(lines[6:])]  # a name is the rest of its line
    (tmp_path / "few.bvh").write_text("\n".join(few) + "\n" + motion)
    takes = [bvh.load_bvh(tmp_path / name) for name in ("many.bvh", "few.bvh")]
    assert takes[0].skeleton.joint_names == takes[1].skeleton.joint_names == ["Hips", "Hips_Nub"]
    np.testing.assert_array_equal(takes[0].skeleton.offsets, takes[1].skeleton.offsets)
    np.testing.assert_array_equal(takes[0].rot_local, takes[1].rot_local)
