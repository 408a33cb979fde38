import dataclasses
from fractions import Fraction

from common.mocap.fbx import frame_rates, save_fbx
from helpers.fbx_takes import (
    ORDERS,
    RATES,
    TICKS,
    as_if_from_fbx,
    extra_rotations,
    settings,
    tree,
    with_orders,
    with_prefix,
)

import numpy as np
import pytest


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
    settings = root.one("GlobalSettings").properties()
    assert (settings["TimeSpanStart"], settings["TimeSpanStop"]) == ([0], [last])
    assert settings["CustomFrameRate"] == [float(rate) if RATES[rate] == 14 else -1]
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
        properties = model.properties()
        assert model.values[2] == kinds[joint]
        assert properties["RotationOrder"] == [numbers[take.skeleton.rot_orders[joint]]]
        assert properties["RotationActive"] == [1]
        assert properties["InheritType"] == [joint % 3]
        np.testing.assert_array_equal(properties["PreRotation"], extra["pre_rotation"][joint])
        np.testing.assert_array_equal(properties["PostRotation"], extra["post_rotation"][joint])
        np.testing.assert_allclose(properties["Lcl Translation"], body.skeleton.rest_offsets[joint] / 2.54)
    assert root.one("Takes").one("Current").values == ["Dance 2"]
    assert settings(tmp_path / "take.fbx")["UnitScaleFactor"] == [2.54]


def test_templates_are_those_of_the_sdk(recordings, body, tmp_path):
    """Row by row, with a file that Autodesk's SDK has written; which also tests the reference reader."""
    save_fbx(body, tmp_path / "take.fbx")
    ours = templates(tree(tmp_path / "take.fbx"))
    of_the_sdk = templates(tree(recordings / "fbx" / "ufbx_maya_game_sausage_7500_binary_combined.fbx"))
    assert set(ours) == {"FbxNode", "FbxSkeleton", "FbxAnimStack", "FbxAnimLayer", "FbxAnimCurveNode"}
    assert ours == {name: of_the_sdk[name] for name in ours}


def templates(root):
    written = [
        template for kind in root.one("Definitions").all("ObjectType") for template in kind.all("PropertyTemplate")
    ]
    return {t.values[0]: [row.values for row in t.one("Properties70").children] for t in written}


def test_angles_never_jump(body, tmp_path):
    take = with_orders(body, ORDERS)
    save_fbx(take, tmp_path / "take.fbx")
    curves = tree(tmp_path / "take.fbx").one("Objects").all("AnimationCurve")
    keys = np.array([curve.one("KeyValueFloat").values[0] for curve in curves])
    assert np.abs(np.diff(keys)).max() < 180
