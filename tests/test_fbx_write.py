import dataclasses
import itertools
import platform
import subprocess
import sys
import types
from fractions import Fraction

from common import bvh, kinematics, quaternion
from common.errors import InputError
from common.fbx import binary_write, frame_rates, load_fbx, save_fbx, sdk
from common.fbx.joints import default_setup
from common.mocap import rescale

import numpy as np
import plain_fbx
import pytest
import torch
from conftest import PROJECT, positions, write_body

TICKS = 46186158000
ORDERS = ["".join(order) for order in itertools.permutations("XYZ")]
RATES = {  # time mode by rate, as Autodesk documents them; 14 is a custom one
    **{120: 1, 100: 2, 60: 3, 50: 4, 48: 5, 30: 6, 25: 10, 24: 11, 96: 15, 72: 16, 1000: 12},
    **{Fraction(30000, 1001): 9, Fraction(24000, 1001): 13, Fraction(60000, 1001): 17, Fraction(120000, 1001): 14},
    **{90: 14, Fraction(201, 2): 14, 240: 14, Fraction(133, 4): 14},
}


@pytest.fixture(scope="session")
def ufbx():
    """Reads a file with ufbx, in a process of its own: a dict of what ufbx_child.py finds."""
    if subprocess.run([sys.executable, "-c", "import ufbx"], capture_output=True).returncode:
        pytest.skip("ufbx cannot be imported here")

    def read(path):
        out = path.with_suffix(".npz")
        child = PROJECT / "tests" / "ufbx_child.py"
        done = subprocess.run([sys.executable, child, path, out], capture_output=True, encoding="utf-8", timeout=300)
        assert done.returncode == 0, done.stderr
        with np.load(out) as file:
            return dict(file)

    return read


@pytest.fixture
def body(tmp_path):
    """A take of 12 joints and 40 frames that has not been in an FBX file."""
    write_body(tmp_path / "body.bvh", 40)
    return bvh.load_bvh(tmp_path / "body.bvh")


def as_if_from_fbx(take, unit_cm=1.0, up_axis="Y", **setup):
    """The same take with what an FBX reader would know of it."""
    fbx = dataclasses.replace(default_setup(take.skeleton, up_axis), **setup)
    skeleton = dataclasses.replace(take.skeleton, fbx=fbx, channels=None, is_end_site=None)
    return dataclasses.replace(take, skeleton=skeleton, unit_cm=unit_cm, up_axis=up_axis)


def with_orders(take, orders):
    """Every joint turns through every attitude, in the given rotation orders."""
    count = take.skeleton.joint_count
    steps = torch.randn(take.frame_count, count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    rot_local = quaternion.from_euler(steps.cumsum(0) * 0.3, "XYZ").numpy()
    skeleton = dataclasses.replace(take.skeleton, rot_orders=list(itertools.islice(itertools.cycle(orders), count)))
    return dataclasses.replace(take, skeleton=skeleton, rot_local=rot_local)


def extra_rotations(take):
    random = np.random.default_rng(6)
    shape = (take.skeleton.joint_count, 3)
    return {"pre_rotation": random.uniform(-180, 180, shape), "post_rotation": random.uniform(-180, 180, shape)}


def with_prefix(take, prefix):
    names = [prefix + name for name in take.skeleton.joint_names]
    return dataclasses.replace(take, skeleton=dataclasses.replace(take.skeleton, joint_names=names))


def paths_from_root(names, parents):
    paths = []
    for name, parent in zip(names, parents, strict=True):
        paths.append((*(paths[parent] if parent >= 0 else ()), str(name)))
    return paths


def assert_read_alike(found, takes, unit_cm=1.0):
    """ufbx finds the joints, frame rate, frame count, unit, and at every frame the positions of our takes."""
    places = {path[1:]: i for i, path in enumerate(paths_from_root(found["names"], found["parents"]))}
    assert len(places) == 1 + sum(take.skeleton.joint_count for take in takes)
    assert found["bone"].sum() == len(places) - 1
    assert found["fps"] == pytest.approx(takes[0].fps, rel=1e-3)
    assert found["unit_m"] == pytest.approx(unit_cm / 100, rel=1e-9)
    assert found["frame_count"] == max(take.frame_count for take in takes)
    for take in takes:
        joints = [places[path] for path in paths_from_root(take.skeleton.joint_names, take.skeleton.parents)]
        found_cm = found["positions"][: take.frame_count, joints] * unit_cm
        height = kinematics.body_height(take.skeleton)
        np.testing.assert_allclose(found_cm, positions(take), atol=1e-4 * height)


# ---------------------------------------------------------------------------------------------------------------------
# what an independent reader finds


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
    found = ufbx(tmp_path / "take.fbx")
    assert_read_alike(found, [take], unit_cm)
    assert "".join(found["axes"]) == right_up_front  # 0 to 5: +X −X +Y −Y +Z −Z


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
    found = ufbx(tmp_path / "take.fbx")
    assert found["fps"] == pytest.approx(float(rate), rel=2e-6)
    assert_read_alike(found, [take])
    assert settings(tmp_path / "take.fbx")["TimeMode"] == [RATES[rate]]


def test_inner_joints_that_move(ufbx, body, tmp_path):
    offsets = np.broadcast_to(body.skeleton.offsets, (body.frame_count, 12, 3)).copy()
    offsets[:, [1, 6]] += np.random.default_rng(3).normal(size=(body.frame_count, 2, 3)).cumsum(axis=0)
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, offsets=offsets))
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])
    offsets = body.skeleton.rest_offsets + np.array([0, 0.5, 0])  # still, but elsewhere than at rest
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, offsets=offsets))
    save_fbx(take, tmp_path / "take.fbx")
    assert_read_alike(ufbx(tmp_path / "take.fbx"), [take])


@pytest.mark.parametrize(
    "name",
    [
        "duets/cmu_salsa_60_02",
        "bvh/motionbuilder_walk01_3digit_exponent",
        "bvh/olympe_dancing_mixed_orders_per_joint",
        "bvh/mixed_orders_60joints_trailing_space_names",
        "bvh/bvhio_no_endsites_6ch",
        "bvh/ntsc_23976_frametime",
        "bvh/xsens_style_yxz_crlf",
    ],
)
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
    found = ufbx(tmp_path / "take.fbx")
    assert_read_alike(found, [take])
    assert found["take"] == name


def test_names_cannot_break_the_file(ufbx, body, tmp_path):
    names = [{"Spine": "a\0\1Model", "Head": "\ud800"}.get(name, name) for name in body.skeleton.joint_names]
    take = dataclasses.replace(body, skeleton=dataclasses.replace(body.skeleton, joint_names=names))
    save_fbx(take, tmp_path / "take.fbx")
    found = ufbx(tmp_path / "take.fbx")
    assert {"a_\1Model", "?"} <= set(found["names"])
    assert len(found["names"]) == 13


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
# what stands in the file


def tree(path):
    return plain_fbx.parse(path.read_bytes())[1]


def settings(path):
    return tree(path).one("GlobalSettings").properties()


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.5g}")
def test_key_times_are_exact(body, tmp_path, rate):
    save_fbx(dataclasses.replace(body, fps=float(rate)), tmp_path / "take.fbx")
    root = tree(tmp_path / "take.fbx")
    exact = [TICKS * frame / Fraction(rate) for frame in range(40)]
    curves = root.one("Objects").all("AnimationCurve")
    assert len(curves) == 3 * (1 + 7)  # the root's path; End Sites stand still
    for curve in curves:
        times = curve.one("KeyTime").values[0].tolist()
        assert all(abs(time - key) <= Fraction(1, 2) for time, key in zip(times, exact, strict=True))
        assert len(curve.one("KeyValueFloat").values[0]) == curve.one("KeyAttrRefCount").values[0].sum() == 40
    last = round(exact[-1])
    found = root.one("GlobalSettings").properties()
    assert (found["TimeSpanStart"], found["TimeSpanStop"]) == ([0], [last])
    assert found["CustomFrameRate"] == [float(rate) if RATES[rate] == 14 else -1]
    stack = root.one("Objects").one("AnimationStack").properties()
    assert stack["LocalStart"] == stack["ReferenceStart"] == [0]
    assert stack["LocalStop"] == stack["ReferenceStop"] == [last]
    take = root.one("Takes").one("Take")
    assert take.one("LocalTime").values == take.one("ReferenceTime").values == [0, last]


def test_frames_never_drift():
    for rate in (Fraction(30000, 1001), Fraction(133, 4)):
        ticks = frame_rates.frame_ticks(1_000_000, rate)
        assert abs(ticks[-1] - 999_999 * TICKS / rate) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("fps", "own_mode", "mode", "rate"),
    [
        (1 / 0.008333, 0, 1, 120),
        (1 / 0.0333667, 0, 9, Fraction(30000, 1001)),
        (29.97, 0, 9, Fraction(30000, 1001)),
        (30.0003, 0, 6, 30),
        (119.9, 0, 14, Fraction(120000, 1001)),
        (29.97002997, 8, 8, Fraction(30000, 1001)),  # a file's own drop frame mode stays
        (25.0, 8, 10, 25),  # unless the user has overruled the rate
        (100.05, 14, 14, Fraction(100.05)),  # a file's own rate is not rounded
        (100.05, 0, 2, 100),
        (119.88011988, 18, 14, Fraction(120000, 1001)),
        (33.3, 0, 14, Fraction(33.3)),
    ],
)
def test_rates_that_are_nearly_listed(fps, own_mode, mode, rate):
    assert frame_rates.mode_to_write(fps, own_mode) == (mode, rate)


def test_every_object_is_counted_and_connected(body, tmp_path):
    save_fbx([with_prefix(body, "A:"), with_prefix(body, "B:")], tmp_path / "duet.fbx")
    root = tree(tmp_path / "duet.fbx")
    objects = root.one("Objects").children
    counts = {node.values[0]: node.one("Count").values[0] for node in root.one("Definitions").all("ObjectType")}
    assert counts.pop("GlobalSettings") == 1
    assert counts == {name: sum(node.name == name for node in objects) for name in counts}
    assert root.one("Definitions").one("Count").values[0] == 1 + len(objects) == 1 + sum(counts.values())
    ids = [node.values[0] for node in objects]
    assert len(set(ids)) == len(ids) and min(ids) > 0
    links = [node.values for node in root.one("Connections").children]
    assert {link[2] for link in links} <= {0, *ids}
    unconnected = set(ids) - {link[1] for link in links}
    assert [node.name for node in objects if node.values[0] in unconnected] == ["AnimationStack"]
    models = [node.values[0] for node in objects if node.name == "Model"]
    assert [link[1] for link in links if link[2] == 0] == [models[0], models[12]]


def test_what_the_file_said_of_its_joints_is_said_again(body, tmp_path):
    kinds = ["Root", "Null", *["LimbNode"] * 10]
    extra = extra_rotations(body) | {"kinds": kinds, "inherit_type": np.arange(12) % 3, "take_name": "Dance 2"}
    take = with_orders(as_if_from_fbx(body, 2.54, "Z", **extra), ORDERS)
    save_fbx(take, tmp_path / "take.fbx")
    root = tree(tmp_path / "take.fbx")
    models = root.one("Objects").all("Model")
    numbers = {"ZYX": 0, "YZX": 1, "XZY": 2, "ZXY": 3, "YXZ": 4, "XYZ": 5}
    for joint, model in enumerate(models):
        found = model.properties()
        assert model.values[2] == kinds[joint]
        assert found["RotationOrder"] == [numbers[take.skeleton.rot_orders[joint]]]
        assert found["RotationActive"] == [1]
        assert found["InheritType"] == [joint % 3]
        np.testing.assert_array_equal(found["PreRotation"], extra["pre_rotation"][joint])
        np.testing.assert_array_equal(found["PostRotation"], extra["post_rotation"][joint])
        np.testing.assert_allclose(found["Lcl Translation"], body.skeleton.rest_offsets[joint] / 2.54)
    assert root.one("Takes").one("Current").values == ["Dance 2"]
    assert settings(tmp_path / "take.fbx")["UnitScaleFactor"] == [2.54]


def test_templates_are_those_of_the_sdk(recordings, body, tmp_path):
    """Row by row, with a file that Autodesk's SDK has written; which also tries the judge."""
    save_fbx(body, tmp_path / "take.fbx")
    ours = templates(tree(tmp_path / "take.fbx"))
    theirs = templates(tree(recordings / "fbx" / "ufbx_maya_game_sausage_7500_binary_combined.fbx"))
    assert set(ours) == {"FbxNode", "FbxSkeleton", "FbxAnimStack", "FbxAnimLayer", "FbxAnimCurveNode"}
    assert ours == {name: theirs[name] for name in ours}


def templates(root):
    found = [
        template for kind in root.one("Definitions").all("ObjectType") for template in kind.all("PropertyTemplate")
    ]
    return {t.values[0]: [row.values for row in t.one("Properties70").children] for t in found}


def test_angles_never_jump(body, tmp_path):
    take = with_orders(body, ORDERS)
    save_fbx(take, tmp_path / "take.fbx")
    curves = tree(tmp_path / "take.fbx").one("Objects").all("AnimationCurve")
    keys = np.array([curve.one("KeyValueFloat").values[0] for curve in curves])
    assert np.abs(np.diff(keys)).max() < 180


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
# round trips


def assert_same_take(again, take):
    assert again.skeleton.joint_names == take.skeleton.joint_names
    assert list(again.skeleton.parents) == list(take.skeleton.parents)
    assert again.frame_count == take.frame_count
    assert again.fps == pytest.approx(take.fps, rel=1e-4)
    height = max(np.ptp(kinematics.rest_pose(take.skeleton)), 1e-9)
    np.testing.assert_allclose(positions(again), positions(take), atol=1e-4 * height)
    np.testing.assert_allclose(again.skeleton.rest_offsets, take.skeleton.rest_offsets, atol=1e-6 * height)


@pytest.mark.parametrize(
    "name",
    [
        *("assimp_huesitos_25fps", "geno_stance_prerot_mixed_orders", "motionbuilder_walk01_fbx_twin"),
        *("ufbx_maya_character_7500_binary", "ufbx_maya_game_sausage_6100_binary_combined"),
        *("ufbx_blender_293_barbarian_7400_binary", "ufbx_motionbuilder_sausage_rrss_7700_ascii"),
        *("ufbx_max_transformed_skin_7500_binary", "ufbx_maya_kenney_character_7700_binary"),
    ],
)
def test_from_fbx_to_fbx(ufbx, recordings, tmp_path, name):
    take = load_fbx(recordings / "fbx" / f"{name}.fbx")
    save_fbx(take, tmp_path / "again.fbx")
    again = load_fbx(tmp_path / "again.fbx")
    assert_same_take(again, take)
    assert (again.fps, again.unit_cm, again.up_axis) == (take.fps, take.unit_cm, take.up_axis)
    assert again.skeleton.rot_orders == take.skeleton.rot_orders
    for name in ("pre_rotation", "post_rotation", "rest_rotation", "inherit_type", "kinds", "axes", "take_name"):
        found, expected = (getattr(t.skeleton.fbx, name) for t in (again, take))
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert_read_alike(ufbx(tmp_path / "again.fbx"), [take], take.unit_cm)


def test_from_fbx_to_fbx_with_everything(body, tmp_path):
    take = with_orders(as_if_from_fbx(body, 2.54, "Z", **extra_rotations(body)), ORDERS)
    save_fbx(take, tmp_path / "take.fbx")
    again = load_fbx(tmp_path / "take.fbx")
    assert_same_take(again, take)
    np.testing.assert_allclose(again.rot_local[0], take.rot_local[0], atol=1e-6)  # the same signs, too
    assert (again.unit_cm, again.up_axis) == (2.54, "Z")


@pytest.mark.parametrize("prefixes", [("A:", "B:"), ("", "")], ids=["own names", "the same names"])
def test_two_skeletons_come_back_one_by_one(body, tmp_path, prefixes):
    takes = [with_prefix(take, p) for take, p in zip((body, with_orders(body, ORDERS)), prefixes, strict=True)]
    save_fbx(takes, tmp_path / "duet.fbx")
    for number, take in enumerate(takes):
        assert_same_take(load_fbx(tmp_path / "duet.fbx", number), take)


@pytest.mark.parametrize(
    "name",
    [
        "duets/cmu_salsa_61_12",
        "bvh/cmu_cgspeed_motionbuilder_zyx_mixed_crlf",
        "bvh/olympe_dancing_mixed_orders_per_joint",
        "bvh/root_rotation_before_position",
        "bvh/fairmotion_sinusoidal_no_endsite",
        "bvh/bvhio_no_endsites_6ch",
        "bvh/classic_wisconsin_example_tabs_2frames",
    ],
)
def test_from_bvh_through_fbx_to_bvh(recordings, tmp_path, name):
    take = bvh.load_bvh(recordings / f"{name}.bvh")
    save_fbx(take, tmp_path / "take.fbx")
    bvh.save_bvh(load_fbx(tmp_path / "take.fbx"), tmp_path / "again.bvh")
    again = bvh.load_bvh(tmp_path / "again.bvh")
    assert_same_take(again, take)
    np.testing.assert_array_equal(again.skeleton.is_end_site, take.skeleton.is_end_site)
    assert again.skeleton.rot_orders == take.skeleton.rot_orders


def test_bvh_of_a_take_from_fbx(body, tmp_path):
    names = [{"Spine": "a\nb"}.get(name, name) for name in body.skeleton.joint_names]
    offsets = np.broadcast_to(body.skeleton.offsets, (body.frame_count, 12, 3)).copy()
    offsets[:, [2, 7]] += np.linspace(0, 3, body.frame_count)[:, None, None]  # an arm, and the end of the head
    skeleton = dataclasses.replace(body.skeleton, joint_names=names, offsets=offsets)
    take = as_if_from_fbx(dataclasses.replace(body, skeleton=skeleton), unit_cm=100.0)
    bvh.save_bvh(take, tmp_path / "take.bvh")
    again = bvh.load_bvh(tmp_path / "take.bvh")
    np.testing.assert_allclose(positions(again) * 100, positions(take), atol=1e-3)
    assert again.skeleton.joint_names == [name.replace("\n", "_") for name in names]
    moving = [joint for joint, channels in enumerate(again.skeleton.channels) if "Xposition" in channels]
    assert moving == [0, 2, 7]
    assert list(np.flatnonzero(again.skeleton.is_end_site)) == [3, 5, 9, 11]  # the head's end moves: a joint


# ---------------------------------------------------------------------------------------------------------------------
# Autodesk's SDK, which is seldom there


@pytest.mark.parametrize("call", [lambda path: sdk.load_fbx(path), lambda path: sdk.save_fbx([], path)])
@pytest.mark.parametrize("found", [None, types.ModuleType("fbx")], ids=["no module", "another module of that name"])
def test_without_the_sdk_it_is_said_what_to_do(tmp_path, monkeypatch, call, found):
    monkeypatch.setitem(sys.modules, "fbx", found)  # None: as if it were not installed
    with pytest.raises(ImportError) as error:
        call(tmp_path / "take.fbx")
    for word in (platform.python_version(), sys.executable, "fbxsdkpy", 'fbx_backend = "builtin"'):
        assert word in str(error.value)


def test_the_sdk_is_imported_only_when_it_is_called():
    code = "import common.fbx.sdk, sys; sys.exit('fbx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
