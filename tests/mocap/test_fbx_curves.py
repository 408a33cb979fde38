from common.mocap.fbx import container, evaluate, key_list, parse
from helpers import plain_fbx_text
from helpers.plain_fbx_text import CUBIC, SECOND, clock, curve, layer, node, read, turned, write

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation


def sampled(tmp_path, given, times, fps=100):
    """Values of a curve on the X translation of a node, at `times` seconds."""
    scene = parse.read_scene(write(tmp_path / "c.fbx", [node("a")], {"t": [layer({("a", "T", "X"): given})]}))
    values = evaluate.property_values(scene, scene.stacks[0], 0, "Lcl Translation", clock(scene, times, fps))
    return np.broadcast_to(values, (len(times), 3))[:, 0]


def test_constant_keys_hold_or_take_the_next_value(tmp_path):
    times = [0, 0.5, 0.99, 1, 1.5, 2, 3]
    given = curve([0, 1, 2], [5, 7, 9], flags=[0x2, 0x102, 0x2])
    np.testing.assert_allclose(sampled(tmp_path, given, times), [5, 5, 5, 7, 9, 9, 9])


def test_cubic_keys_follow_their_slopes(tmp_path):
    times = np.linspace(0, 2, 41)
    expected = times**3 - 2 * times + 1  # a cubic is its own Hermite interpolation
    slopes = [(3 * t**2 - 2, 3 * u**2 - 2, 0, 0) for t, u in ((0.0, 0.5), (0.5, 2.0), (2.0, 2.0))]
    given = curve([0, 0.5, 2], [1, 0.125, 5], CUBIC, slopes)
    np.testing.assert_allclose(sampled(tmp_path, given, times), expected, atol=1e-5)


@pytest.mark.parametrize(("first", "second"), [(0.9, 0.75), (1, 1), (0, 0), (0, 1), (1, 0), (0.9999, 0.0001)])
def test_weighted_keys_solve_for_time(tmp_path, first, second):
    times = np.linspace(0, 4, 33)
    row = (3.0, -2.0, plain_fbx_text.weights(first, second), 0)
    given = curve([0, 4], [1, 2], CUBIC | 0x3000000, [row, row])

    def at(time):
        def seconds(s):
            return 4 * (3 * (1 - s) ** 2 * s * first + 3 * (1 - s) * s**2 * (1 - second) + s**3)

        s = brentq(lambda s: seconds(s) - time, 0, 1)
        handles = 1 + 3.0 * first * 4, 2 + 2.0 * second * 4
        return (1 - s) ** 3 + 3 * (1 - s) ** 2 * s * handles[0] + 3 * (1 - s) * s**2 * handles[1] + 2 * s**3

    np.testing.assert_allclose(sampled(tmp_path, given, times), [at(time) for time in times], atol=2e-3)


def test_auto_keys_do_not_overshoot_when_told_so(tmp_path):
    times = np.linspace(0, 3, 61)
    free = sampled(tmp_path, curve([0, 1, 2, 3], [0, 1, 1.1, 5], 0x2108), times)
    held = sampled(tmp_path, curve([0, 1, 2, 3], [0, 1, 1.1, 5], 0x6108), times)
    assert (np.diff(held) >= -1e-9).all()
    assert (np.diff(free) < -1e-3).any()
    np.testing.assert_allclose(free[::20], [0, 1, 1.1, 5], atol=1e-6)


def test_a_straight_line_of_tcb_keys_stays_straight(tmp_path):
    times = np.linspace(0, 3, 31)
    given = curve([0, 1, 2, 3], [0, 2, 4, 6], CUBIC & ~0x400 | 0x200)
    np.testing.assert_allclose(sampled(tmp_path, given, times), 2 * times, atol=1e-6)


@pytest.mark.parametrize(
    ("letter", "count", "expected"),
    [
        ("C", -1, [4, 4, 4]),
        ("K", -1, [5, 6.5, 9]),
        ("R", -1, [1, 2.5, 1]),
        ("M", -1, [3, 1.5, 1]),
        ("A", -1, [5, 6.5, 9]),
        ("R", 1, [1, 4, 4]),
    ],
)
def test_what_comes_after_the_last_key(tmp_path, letter, count, expected):
    given = curve([0, 4], [0, 4], Post=(letter, count))
    np.testing.assert_allclose(sampled(tmp_path, given, [5, 6.5 if count < 0 else 9.5, 9]), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("letter", "count", "expected"),
    [
        ("C", -1, [0, 0, 0]),
        ("K", -1, [-1, -2.5, -5]),
        ("R", -1, [3, 1.5, 3]),
        ("M", -1, [1, 2.5, 3]),
        ("A", -1, [-1, -2.5, -5]),
        ("R", 1, [3, 0, 0]),
        ("A", 1, [-1, -4, -4]),
    ],
)
def test_what_comes_before_the_first_key(tmp_path, letter, count, expected):
    given = curve([0, 4], [0, 4], Pre=(letter, count))
    times = [-1, -2.5 if count < 0 else -5.5, -5]
    np.testing.assert_allclose(sampled(tmp_path, given, times), expected, atol=1e-6)


def test_slopes_go_on_beyond_cubic_keys(tmp_path):
    given = curve([0, 4], [0, 4], CUBIC, (3.0, -2.0, 0, 0), Pre=("K", -1), Post=("K", -1))
    np.testing.assert_allclose(sampled(tmp_path, given, [-1, 5]), [-3, 2], atol=1e-6)


def test_the_mixed_lists_of_version_6(tmp_path):
    items = [0, 1.0, "U", "s", 2, -1, "n", 1 * SECOND, 2.0, "U", "b", 0, 3, "a", 0.5, 0.25, 2 * SECOND, 5, "L"]
    items += [3 * SECOND, 4, "C", "n", 4 * SECOND, 7, "U", "a", "n", 5 * SECOND, 0.5, "U", "t", 0.1, 0.2, 0.3, "n"]
    node_ = container.Node("Channel", ["X"], [container.Node("Key", items, []), container.Node("KeyCount", [6], [])])
    keys = key_list.from_list(node_, SECOND)
    np.testing.assert_array_equal(keys.times, np.arange(6) * SECOND)
    np.testing.assert_array_equal(keys.values, [1, 2, 5, 4, 7, 0.5])
    np.testing.assert_array_equal(keys.slopes, [[2, -1], [0, 3], [0, 0], [0, 0], [0, 0], [0.1, 0.2]])
    np.testing.assert_allclose(keys.weights[1] / 9999, [0.5, 0.25])
    assert [int(flags) & 0xF for flags in keys.flags] == [8, 8, 4, 2, 8, 8]
    node_.children[1].values = [7]
    with pytest.raises(container.DamagedError, match="7 keys and has 6"):
        key_list.from_list(node_, SECOND)


def test_keys_off_the_frames_and_of_different_number(tmp_path):
    curves = {("a", "R", "X"): curve([0.013, 0.21, 1], [0, 30, 90]), ("b", "R", "Z"): curve([0, 1], [10, 20])}
    take = read(tmp_path, [node("a"), node("b", parent="a")], {"t": [layer(curves)]}, {"t": (0, 1)}, TimeMode=11)
    assert take.frame_count == 25
    times = np.arange(25) / 24
    expected = Rotation.from_euler("x", np.interp(times, [0.013, 0.21, 1], [0, 30, 90])[:, None], degrees=True)
    got = Rotation.from_quat(take.rot_local[:, 0], scalar_first=True)
    assert (expected.inv() * got).magnitude().max() < 1e-6


# ---------------------------------------------------------------------------------------------------------------------
# layers


def layered(tmp_path, **properties):
    """The angles after a base layer of (40, 0, 0) and a second one of (0, 90, 0): a rotation."""
    base, second = {("a", "R", "X"): curve([0], [40])}, {("a", "R", "Y"): curve([0], [90])}
    take = read(tmp_path, [node("a")], {"t": [layer(base), layer(second, **properties)]}, {"t": (0, 0.1)})
    return Rotation.from_quat(take.rot_local[0, 0], scalar_first=True)


LAYERS = {
    "muted": ({"Mute": 1}, turned(40, 0, 0)),
    "added as a rotation": ({"BlendMode": 0}, turned(40, 0, 0) * turned(0, 90, 0)),
    "added by channel": ({"BlendMode": 0, "RotationAccumulationMode": 1}, turned(40, 90, 0)),
    "half added by channel": ({"Weight": 50.0, "RotationAccumulationMode": 1}, turned(40, 45, 0)),
    "half added as a rotation": ({"Weight": 50.0}, turned(40, 0, 0) * turned(0, 45, 0)),
    "replacing": ({"BlendMode": 1}, turned(0, 90, 0)),
    "half replacing by channel": ({"BlendMode": 1, "Weight": 50.0, "RotationAccumulationMode": 1}, turned(20, 45, 0)),
}


@pytest.mark.parametrize(("properties", "expected"), LAYERS.values(), ids=LAYERS.keys())
def test_layers_blend(tmp_path, properties, expected):
    assert (layered(tmp_path, **properties).inv() * expected).magnitude() < 1e-6
