"""A client with the simplest readers gets from a plain recording what the models have learnt from the original."""

import dataclasses
import math

from common.dataset import Duet, Windows
from common.mocap import bvh, fbx, load_mocap, plain, rescale
from common.motion import quaternion
from helpers import realtime_client
from helpers.fbx_takes import ORDERS, as_if_from_fbx, assert_read_alike, extra_rotations, with_orders, with_prefix
from helpers.plain_fbx_text import curve, layer, node, write
from helpers.project import BODY, PROJECT, RECORDINGS, at_rest, positions, with_rotations, write_body
from helpers.resting_root import RESTING
from helpers.strange_names import NAMES, take_of
from helpers.sweeps import quick

import numpy as np
import pytest
import torch

LENGTH = 8  # frames of a window
REAL = (
    *("duets/*_01.bvh", "bvh/*_*.bvh", "cases/f*", "fbx/assimp*.fbx", "fbx/geno*.fbx", "fbx/motionbuilder*.fbx"),
    *(
        "fbx/ufbx_blender*.fbx",
        "fbx/ufbx_m*sausage*.fbx",
        "fbx/ufbx_maya_character*.fbx",
        "fbx/ufbx_maya_kenney*.fbx",
        "fbx/ufbx_maya_axes*.fbx",
    ),
)
FILES = [
    *(PROJECT / "data" / "mocap").glob("*.[bf][vb][hx]"),
    *(path for pattern in REAL for path in sorted(RECORDINGS.glob(pattern))),
]
SMALL_FILES = [path for path in FILES if path.stat().st_size < 60_000]
UNREADABLE = ("zero_rows", "no_header")


def assert_plain(take, ranges, folder):
    """What the client reads of the plain recording: the windows that a training sees, the bones, the root's path."""
    path = plain.save_plain(plain.make_plain(take, ranges), folder / "plain")
    read = realtime_client.read(path)
    skeleton = take.skeleton
    assert len(read.rotations) == take.frame_count
    assert read.fps == pytest.approx(take.fps, rel=1e-6)
    assert read.parents == skeleton.parents
    size = 1e-5 * max(1.0, float(skeleton.mean_offsets.abs().max()))
    np.testing.assert_allclose(read.offsets[1:], skeleton.mean_offsets[1:], atol=size)
    np.testing.assert_allclose(
        read.translations[:, 0], take.root_pos, atol=1e-6 * max(1, float(take.root_pos.abs().max()))
    )
    for first, window in trained_windows(take, ranges):
        assert np.abs(read.poses[first : first + LENGTH] - window).max() < 1e-5
    return read, path


def trained_windows(take, ranges):
    """(first frame in the take, window (L, D)) of all windows that a training sees."""
    windows = Windows(Duet([(take, take)], [ranges], 0.2), [], LENGTH, 1, torch.device("cpu"))
    at = np.concatenate([np.arange(start, end) for start, end in ranges])
    for window in torch.cat((windows.train, windows.test)):
        yield at[window], windows.gather(0, window[None])[0].numpy()


def two_ranges(take):
    """Two ranges with a gap before, between and behind them, where the take is long enough."""
    count = take.frame_count
    if count < 5 * LENGTH:
        return [(0, count)]
    return [(count // 2, count - 2), (3, count // 2 - 3)]  # in any order


@pytest.mark.parametrize("path", quick(FILES, *SMALL_FILES), ids=lambda path: path.name)
def test_recordings(path, tmp_path):
    if any(word in path.name for word in UNREADABLE):
        pytest.skip("refused, as it should be")
    take = load_mocap(path)
    if take.frame_count < 2 * LENGTH:
        times = -(-2 * LENGTH // take.frame_count)
        root_pos = take.root_pos.repeat(times, 1)
        take = dataclasses.replace(take, rot_local=take.rot_local.repeat(times, 1, 1), root_pos=root_pos)
    assert_plain(take, two_ranges(take), tmp_path)


def test_pre_and_post_rotations_and_every_order(body, tmp_path):
    take = with_orders(body, ORDERS)
    fbx.save_fbx(as_if_from_fbx(take, **extra_rotations(take)), tmp_path / "take.fbx")
    take = fbx.load_fbx(tmp_path / "take.fbx")
    assert take.skeleton.fbx.pre_rotation.any()
    assert_plain(take, two_ranges(take), tmp_path)


def test_sparse_keys_and_joints_without_any(tmp_path):
    nodes = [
        node("Hips", Lcl_Translation=(0, 90, 0), RotationOrder=4),
        node("Spine", parent="Hips", Lcl_Translation=(0, 20, 0), PreRotation=(10, 20, 30), RotationActive=1),
        node("Head", parent="Spine", Lcl_Translation=(0, 30, 5)),
    ]
    curves = {
        ("Hips", "T", "X"): curve([0, 1], [0, 50]),
        ("Hips", "R", "Y"): curve([0, 0.4, 1], [0, 200, 500]),
        ("Spine", "R", "X"): curve([0.2, 0.7], [-30, 60]),
    }
    write(tmp_path / "take.fbx", nodes, {"Take": [layer(curves)]})
    take = fbx.load_fbx(tmp_path / "take.fbx")
    assert take.frame_count > 20
    read, path = assert_plain(take, [(0, take.frame_count)], tmp_path)
    np.testing.assert_allclose(read.offsets[2], (0, 30, 5), atol=1e-5)  # an end; without keys it would lose its offset
    again = fbx.load_fbx(path)  # and other programs see the same dance
    np.testing.assert_allclose(positions(again), positions(take), atol=1e-3)


@pytest.mark.parametrize("ending", [".bvh", ".fbx"])
def test_a_root_that_tumbles_wraps_and_is_locked(body, tmp_path, ending):
    tumbling = with_orders(body, ORDERS)
    turn = torch.linspace(0, 6 * math.pi, 40, dtype=torch.float64)  # past 180 degrees again and again
    locked = torch.stack((turn, torch.full_like(turn, -math.pi / 2), 0.3 * turn), dim=-1)
    rot_local = tumbling.rot_local.clone()
    rot_local[:, 0] = quaternion.from_euler(locked, "ZXY")
    rot_local[:, 1] = quaternion.from_euler(locked, "ZYX")
    rot_local[20:, 0] *= -1  # as angles of a file do that jump
    rot_local[:, body.skeleton.is_end_site] = torch.eye(4, dtype=torch.float64)[0]
    take = in_format(with_rotations(tumbling, rot_local), ending)
    assert_plain(take, [(0, 20), (20, 40)], tmp_path)
    assert_plain(take, [(0, 40)], tmp_path)


@pytest.mark.parametrize("ending", [".bvh", ".fbx"])
def test_a_dervish(body, tmp_path, ending):
    """A thousand turns, of which 32-bit numbers keep the fractions no more."""
    count = 12_000
    turn = torch.linspace(0, 2000 * math.pi, count, dtype=torch.float64)
    rot_local = body.rot_local[:1].repeat(count, 1, 1)
    rot_local[:, 0] = quaternion.from_euler(turn[:, None], "Y")
    take = dataclasses.replace(body, rot_local=rot_local, root_pos=body.root_pos[:1].repeat(count, 1))
    assert_plain(in_format(take, ending), [(0, count)], tmp_path)


def in_format(take, ending):
    return as_if_from_fbx(take) if ending == ".fbx" else take


def test_a_body_below_a_root_at_rest(tmp_path):
    for number, text in enumerate((at_rest(BODY), RESTING)):
        path = tmp_path / f"rests{number}.bvh"
        write_body(path, body=text)
        assert_plain(load_mocap(path), [(0, 100)], tmp_path)


def test_plain_nodes_above_and_between_the_joints(body, tmp_path):
    kinds = ["Null", *["LimbNode"] * 3, "Null", *["LimbNode"] * (body.skeleton.joint_count - 5)]
    take = as_if_from_fbx(body, 2.54, kinds=kinds)
    fbx.save_fbx(take, tmp_path / "take.fbx")
    take = fbx.load_fbx(tmp_path / "take.fbx")
    assert_plain(take, two_ranges(take), tmp_path)


def test_metres_go_out_in_centimetres(body, tmp_path):
    fbx.save_fbx(as_if_from_fbx(body, 100.0), tmp_path / "metres.fbx")
    take = fbx.load_fbx(tmp_path / "metres.fbx")
    assert take.unit_cm == 100
    assert_plain(take, two_ranges(take), tmp_path)
    assert_plain(rescale(body, 100.0), two_ranges(body), tmp_path)


def test_names_that_no_client_reads(tmp_path):
    take = take_of(NAMES, 2 * LENGTH)
    bvh.save_bvh(take, tmp_path / "take.bvh")
    read, _ = assert_plain(load_mocap(tmp_path / "take.bvh"), [(0, 2 * LENGTH)], tmp_path)
    assert read.names[0] == "Hips"
    fbx_take = as_if_from_fbx(take)
    read, _ = assert_plain(fbx_take, [(0, 2 * LENGTH)], tmp_path)
    assert read.names[:4] == NAMES[:4]  # FBX keeps them


def test_blanks_colons_digits_and_equal_names(body):
    skeleton = with_prefix(body, "Anna:").skeleton
    names = [*skeleton.joint_names]
    names[1:4] = ["left arm", "2nd", "left_arm"]
    plain_names = plain.plain_names(dataclasses.replace(skeleton, joint_names=names), to_bvh=True)
    assert plain_names[:2] == ["Anna_Hips", "left_arm"]
    assert plain_names[4:5] != ["left_arm"]
    assert len(set(plain_names)) == len(plain_names)
    twins = dataclasses.replace(skeleton, joint_names=["Hips"] * skeleton.joint_count)
    assert plain.plain_names(twins, to_bvh=False)[:3] == ["Hips", "Hips_2", "Hips_3"]


def test_a_joint_called_like_an_end_site(tmp_path):
    text = BODY.replace("RightArm", "LeftArm_Nub").replace("JOINT Head", "JOINT Spine")
    write_body(tmp_path / "take.bvh", body=text)
    assert_plain(load_mocap(tmp_path / "take.bvh"), [(0, 100)], tmp_path)


def test_end_sites_that_readers_stumble_over(tmp_path):
    end = "  End Site\n  {\n    OFFSET 0 7 1\n  }\n"
    text = BODY.replace("  JOINT LeftLeg", f"{end}{end}  JOINT LeftLeg", 1)
    text = text.replace("    JOINT Head", f"  {end}  {end}    JOINT Head", 1)
    write_body(tmp_path / "take.bvh", body=text)
    take = load_mocap(tmp_path / "take.bvh")
    assert {"Hips_Nub", "Hips_Nub2", "Spine_Nub", "Spine_Nub2"} <= set(take.skeleton.joint_names)
    read, _ = assert_plain(take, [(0, 100)], tmp_path)
    assert read.names == take.skeleton.joint_names


def test_joints_that_move_inside_their_parents_stand_at_their_mean_place(body, tmp_path):
    offsets = body.skeleton.offsets.repeat(body.frame_count, 1, 1)
    offsets[:, 3] += torch.linspace(-1, 2, body.frame_count)[:, None]
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, offsets=offsets))
    for ending in (".bvh", ".fbx"):
        read, _ = assert_plain(in_format(take, ending), two_ranges(take), tmp_path)
        np.testing.assert_allclose(read.offsets[3], body.skeleton.offsets[3] + 0.5, atol=1e-5)


@pytest.mark.parametrize("unit_cm", [1.0, 100.0])
def test_other_programs_see_the_same_dance(ufbx, body, tmp_path, unit_cm):
    take = with_orders(body, ORDERS)
    fbx.save_fbx(as_if_from_fbx(take, unit_cm, **extra_rotations(take)), tmp_path / "take.fbx")
    take = plain.make_plain(fbx.load_fbx(tmp_path / "take.fbx"), [(0, 10), (20, 40)])
    assert_read_alike(ufbx(plain.save_plain(take, tmp_path / "plain")), [take])


def test_signs_as_trained_between_and_around_the_ranges(body):
    take = with_orders(body, ["ZXY"])
    signs = torch.where(torch.arange(40) % 3 > 0, 1.0, -1.0)[:, None, None]
    rotations = plain.with_trained_signs(with_rotations(take, take.rot_local * signs), [(5, 15), (24, 36)])
    assert torch.equal(rotations[5], take.rot_local[5])
    assert torch.equal(rotations[24], -take.rot_local[24])
    steps = (rotations[1:] * rotations[:-1]).sum(-1)
    assert (steps[[step for step in range(39) if step != 23]] >= 0).all()
