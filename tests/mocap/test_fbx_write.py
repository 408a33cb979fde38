import dataclasses
import platform
import sys
import types

from common.mocap import bvh, rescale
from common.mocap.fbx import binary_write, save_fbx, sdk
from common.runtime.errors import InputError
from helpers import plain_fbx
from helpers.fbx_takes import (
    ORDERS,
    RATES,
    as_if_from_fbx,
    assert_read_alike,
    extra_rotations,
    settings,
    with_orders,
    with_prefix,
)
from helpers.sweeps import quick

import pytest
import torch


@pytest.mark.parametrize("order", [*ORDERS, "mixed"])
@pytest.mark.parametrize("extra", [False, True], ids=["plain", "pre- and post-rotation"])
def test_every_rotation_order(ufbx, body, tmp_path, order, extra):
    take = with_orders(body, ORDERS if order == "mixed" else [order])
    take = as_if_from_fbx(take, **(extra_rotations(take) if extra else {}))
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])


@pytest.mark.parametrize("unit_cm", [1.0, 100.0, 2.54])
@pytest.mark.parametrize(("up_axis", "right_up_front"), {"X": "304", "Y": "024", "Z": "043"}.items())
def test_units_and_axes(ufbx, body, tmp_path, unit_cm, up_axis, right_up_front):
    take = as_if_from_fbx(body, unit_cm, up_axis)
    save_fbx(take, tmp_path / "take.fbx")
    scene = ufbx(tmp_path / "take.fbx")
    assert_read_alike(scene, [take], unit_cm)
    assert "".join(scene["axes"]) == right_up_front  # 0 to 5: +X −X +Y −Y +Z −Z


def test_takes_without_a_unit_go_out_in_centimetres(ufbx, body, tmp_path):
    take = rescale(body, 150.0)
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take], unit_cm=1.0)


def test_an_overruled_up_axis_is_written(body, tmp_path):
    take = dataclasses.replace(as_if_from_fbx(body, up_axis="Y"), up_axis="Z")
    save_fbx(take, tmp_path / "take.fbx")
    assert settings(tmp_path / "take.fbx")["UpAxis"] == [2]


def test_two_skeletons_in_one_file(ufbx, body, tmp_path):
    first = with_prefix(as_if_from_fbx(body, 100.0), "A:")
    second = with_orders(with_prefix(rescale(body, 1.2), "B:"), ORDERS)
    second = dataclasses.replace(second, rot_local=second.rot_local[:25], root_pos=second.root_pos[:25])
    save_fbx([first, second], tmp_path / "duet.fbx")
    assert_read_alike(ufbx(tmp_path / "duet.fbx"), [first, second], unit_cm=100.0)


def test_skeletons_of_one_file_must_fit(body, tmp_path):
    with pytest.raises(InputError, match=r"50 frames per second.*has 60"):
        save_fbx([body, dataclasses.replace(body, fps=60.0)], tmp_path / "duet.fbx")
    with pytest.raises(InputError, match=r"has Y up.*has Z"):
        save_fbx([body, dataclasses.replace(body, up_axis="Z")], tmp_path / "duet.fbx")
    with pytest.raises(InputError, match="no take"):
        save_fbx([], tmp_path / "duet.fbx")
    assert not (tmp_path / "duet.fbx").exists()


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.5g}")
def test_frame_rates(ufbx, body, tmp_path, rate):
    take = dataclasses.replace(body, fps=float(rate))
    save_fbx(take, tmp_path / "take.fbx")
    scene = ufbx(tmp_path / "take.fbx")
    assert scene["fps"] == pytest.approx(float(rate), rel=2e-6)
    assert_read_alike(scene, [take])
    assert settings(tmp_path / "take.fbx")["TimeMode"] == [RATES[rate]]


def test_inner_joints_that_move(ufbx, body, tmp_path):
    offsets = body.skeleton.offsets.repeat(body.frame_count, 1, 1)
    offsets[:, [1, 6]] += torch.randn(body.frame_count, 2, 3, generator=torch.Generator().manual_seed(3)).cumsum(dim=0)
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, offsets=offsets))
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])
    offsets = body.skeleton.rest_offsets + torch.tensor([0, 0.5, 0])  # still, but elsewhere than at rest
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, offsets=offsets))
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])


RECORDINGS = [
    "duets/cmu_salsa_60_02",
    "bvh/motionbuilder_walk01_3digit_exponent",
    "bvh/olympe_dancing_mixed_orders_per_joint",
    "bvh/mixed_orders_60joints_trailing_space_names",
    "bvh/bvhio_no_endsites_6ch",
    "bvh/ntsc_23976_frametime",
    "bvh/xsens_style_yxz_crlf",
]


@pytest.mark.parametrize("name", quick(RECORDINGS, "bvh/bvhio_no_endsites_6ch", "bvh/xsens_style_yxz_crlf"))
def test_real_recordings(ufbx, recordings, tmp_path, name):
    take = bvh.load_bvh(recordings / f"{name}.bvh")
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])


NAMES = {
    "quotes": "\"left\" 'arm' &quot;",
    "control characters": "a\nb\tc\x07\x7f",
    "other scripts": "Ünter 腕 🕺",
    "namespace and class": "A:B::Model",
    "long": "x" * 10_000,
    "blanks": "  two  ",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_name(ufbx, body, tmp_path, name):
    names = [name if n == "Spine" else n for n in body.skeleton.joint_names]
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, joint_names=names))
    save_fbx(as_if_from_fbx(take, take_name=name), tmp_path / "take.fbx")
    scene = ufbx(tmp_path / "take.fbx")
    assert_read_alike(scene, [take])
    assert scene["take"] == name


def test_names_cannot_break_the_file(ufbx, body, tmp_path):
    names = [{"Spine": "a\0\1Model", "Head": "\ud800"}.get(name, name) for name in body.skeleton.joint_names]
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, joint_names=names))
    save_fbx(take, tmp_path / "take.fbx")
    scene = ufbx(tmp_path / "take.fbx")
    assert {"a_\1Model", "_"} <= set(scene["names"])
    assert len(scene["names"]) == 13


def test_one_frame(ufbx, body, tmp_path):
    take = dataclasses.replace(body, rot_local=body.rot_local[:1], root_pos=body.root_pos[:1])
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])


def test_long_files_have_wide_offsets(ufbx, body, tmp_path, monkeypatch):
    save_fbx(body, tmp_path / "short.fbx")
    size = (tmp_path / "short.fbx").stat().st_size
    monkeypatch.setattr(binary_write, "NARROW_LIMIT", size - 200)  # about the footer
    save_fbx(body, tmp_path / "long.fbx")
    assert plain_fbx.parse((tmp_path / "short.fbx").read_bytes())[0] == 7400
    version, root = plain_fbx.parse((tmp_path / "long.fbx").read_bytes())
    assert version == root.one("FBXHeaderExtension").one("FBXVersion").values[0] == 7500
    assert_read_alike(ufbx(tmp_path / "long.fbx"), [body])


# ---------------------------------------------------------------------------------------------------------------------
# the file itself


def test_equal_takes_make_equal_files(body, tmp_path):
    save_fbx(body, tmp_path / "one.fbx")
    save_fbx(body, tmp_path / "two.fbx")
    assert (tmp_path / "one.fbx").read_bytes() == (tmp_path / "two.fbx").read_bytes()


def test_a_failed_write_leaves_the_older_file(body, tmp_path, monkeypatch):
    save_fbx(body, tmp_path / "take.fbx")
    before = (tmp_path / "take.fbx").read_bytes()
    whole = list(binary_write.file_chunks([], 7400))

    def full_disk(records, version):
        yield whole[0]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(binary_write, "file_chunks", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_fbx(body, tmp_path / "take.fbx")
    assert (tmp_path / "take.fbx").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["body.bvh", "take.fbx"]


def test_a_missing_folder_is_named(body, tmp_path):
    path = tmp_path / "nowhere" / "take.fbx"
    with pytest.raises(FileNotFoundError) as error:
        save_fbx(body, path)
    assert error.value.filename == str(path)


# ---------------------------------------------------------------------------------------------------------------------
# Autodesk's SDK, which is seldom there


@pytest.mark.parametrize("call", [lambda path: sdk.load_fbx(path), lambda path: sdk.save_fbx([], path)])
@pytest.mark.parametrize("module", [None, types.ModuleType("fbx")], ids=["no module", "another module of that name"])
def test_without_the_sdk_it_is_said_what_to_do(tmp_path, monkeypatch, call, module):
    monkeypatch.setitem(sys.modules, "fbx", module)  # None: as if it were not installed
    with pytest.raises(ImportError) as error:
        call(tmp_path / "take.fbx")
    for word in (platform.python_version(), sys.executable, "fbxsdkpy", 'fbx_backend = "builtin"'):
        assert word in str(error.value)
