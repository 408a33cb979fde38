import functools
import re
import struct

from common.mocap import bvh, fbx
from common.mocap.fbx import container, key_list, keys, parse, scene, timing
from common.mocap.fbx.ascii import TextArray
from common.mocap.fbx.curves import WEIGHTED_LEFT, WEIGHTED_RIGHT, Curve
from common.runtime.errors import InputError
from helpers import fbx_bytes
from helpers.plain_fbx_text import CHAIN, CUBIC, SECOND, curve, edited, layer, node, read, swaying, write

import numpy as np
import pytest

# ---------------------------------------------------------------------------------------------------------------------
# key lists of version 6, which are long


def key_items(count, seed=0):
    """Keys in all modes, in no order."""
    rng = np.random.default_rng(seed)
    items = []
    for time, (a, b) in enumerate(rng.normal(size=(count, 2)).round(4).tolist()):
        rest = (["L"], ["C", "n"], ["U", "s", a, b, "n"], ["U", "b", a, 1e-5, "a", 0.5, 0.25], ["U", "t", a, b, 1, "n"])
        items += [time * SECOND, a, *rest[int(rng.integers(len(rest)))]]
    return items


def packed_list(items, order="<"):
    def value(item):
        if isinstance(item, str):
            return b"C" + item.encode()
        return b"L" + struct.pack(order + "q", item) if isinstance(item, int) else b"D" + struct.pack(order + "d", item)

    return container.PackedList(memoryview(b"".join(map(value, items))), len(items), order)


def read_list(*values):
    return key_list.from_list(container.Node("Channel", [], [container.Node("Key", list(values), [])]), SECOND)


REGULAR = [item for time in range(3000) for item in (time * SECOND, time / 7, "U", "s", 0.5, -1.25, "n")]


@pytest.mark.parametrize("items", [key_items(400), REGULAR], ids=["mixed", "regular"])
def test_long_key_lists_are_read_as_short_ones(items):
    expected = read_list(*items)
    text = "\n  ,".join(",".join(map(str, items[i : i + 11])) for i in range(0, len(items), 11))
    for packed in (TextArray(text, len(items), {}), packed_list(items), packed_list(items, ">")):
        curve = read_list(packed)
        for name in ("times", "values", "flags", "slopes", "weights", "bias"):
            np.testing.assert_array_equal(getattr(curve, name), getattr(expected, name), err_msg=name)


def test_a_layout_that_repeats_and_then_does_not():
    items = REGULAR[:700] + key_items(30) + REGULAR[:7000]
    numbers, letters = packed_list(items).tokens()
    expected = container.Node("", [], [container.Node("Key", items, [])]).tokens("Key")
    np.testing.assert_array_equal(numbers, expected[0])
    np.testing.assert_array_equal(letters, expected[1])


def test_long_lists_stay_packed_until_they_are_asked_for():
    record = container.Node("Key", [packed_list(REGULAR)], [])
    root = container.parse_binary(fbx_bytes.to_bytes(container.Node("", [], [record]), 6100))[1]
    assert [type(value) for value in root.child("Key").values] == [container.PackedList]
    text = "Key: " + ",".join(map(str, REGULAR)) + "\n\tColor: 1,1,1\n"
    root = parse.parse_ascii(text)
    assert [type(value) for value in root.child("Key").values] == [TextArray]
    assert root.child("Color").values == [1, 1, 1]


@pytest.mark.parametrize("damage", ["0,1,LL", "0,1,-L", "0,1,L-", "0,1,L5", "0,1,1 L", "0,1,nan", "0,1,e5"])
def test_damaged_text_lists_are_refused(damage):
    text = "0,1,L," * 100 + damage
    with pytest.raises(container.DamagedError):
        read_list(TextArray(text, text.count(",") + 1, {}))


def test_damaged_binary_lists_are_refused():
    good = packed_list(REGULAR)
    for data, count in ((good.data[:-4], good.count), (good.data, good.count + 1), (bytes(900), 90), (b"S\xff" * 9, 9)):
        with pytest.raises(container.DamagedError):
            container.PackedList(memoryview(data), count, "<").tokens()


# ---------------------------------------------------------------------------------------------------------------------
# what many parts of a file share


def curve_node(*arrays):
    names = ("KeyTime", "KeyValueFloat", "KeyAttrFlags", "KeyAttrDataFloat", "KeyAttrRefCount")
    children = [container.Node(name, [array], []) for name, array in zip(names, arrays, strict=True)]
    return container.Node("AnimationCurve", [], children)


def key_arrays(count, store):
    arrays = (np.arange(count), "<i8"), (np.arange(count), "<f4"), ([CUBIC] * count, "<i4"), (np.ones(4 * count), "<f4")
    packed = [fbx_bytes.packed(*array) for array in (*arrays, ([1] * count, "<i4"))]
    for array in packed:
        array.store = store
    return packed


def test_curves_that_share_arrays_share_what_is_made_of_them():
    store, reader = container.Store(1000), keys.KeyReader(SECOND)
    first = reader.curve(curve_node(*key_arrays(1000, store)))
    bytes_left = store.bytes_left
    second = reader.curve(curve_node(*key_arrays(1000, store)))
    assert store.bytes_left == bytes_left
    for name in ("times", "values", "flags", "slopes", "weights", "bias", "row_ends"):
        assert np.shares_memory(getattr(first, name), getattr(second, name)), name
    unpacked = [np.shares_memory(first.slopes, array) for array in store.cache.values()]
    assert any(unpacked)  # nor is it a copy of the file's array


def test_key_arrays_of_small_numbers_are_refused():
    arrays = key_arrays(10, container.Store(1000))
    arrays[2] = container.PackedArray(bytes([4] * 10), np.dtype("u1"), 10, False, None)
    with pytest.raises(container.DamagedError, match="wrong type"):
        keys.KeyReader(SECOND).curve(curve_node(*arrays))


class Counted(dict):
    lookups = 0

    def get(self, *key):
        self.lookups += 1
        return super().get(*key)

    def items(self):
        self.lookups += 1
        return super().items()


def test_each_layer_is_looked_through_once():
    layers = [scene.Layer(channels=Counted()) for _ in range(5)]
    layers[3].channels[7, "Lcl Rotation"] = channel = scene.Channel([0, 0, 0], [None] * 3)
    stack = scene.Stack("t", 0, 0, layers)
    for place in range(20):
        assert stack.curves(place) == []
    assert stack.channels == {7: {"Lcl Rotation": [(3, layers[3], channel)]}}
    assert [part.channels.lookups for part in layers] == [1] * 5


def test_what_is_connected_twice_counts_once(tmp_path):
    take = read(tmp_path, CHAIN, {"t": [layer(swaying(30, 5)), layer(swaying(30, 5))]})
    path = tmp_path / "made.fbx"
    text = path.read_text(encoding="utf-8")
    links = re.findall(r'\tC: "OO",1\d{3},1\d{3}\n', text)  # layers in their stack, channels in their layers
    assert len(links) == 4
    text = text.replace("Connections:  {\n", "Connections:  {\n" + "".join(links * 3))
    stray = links[1].replace(links[0].split(",")[1], links[2].split(",")[1])  # a channel in another layer, too
    path.write_text(text.rstrip("}\n") + "\n" + stray + "}\n", encoding="utf-8")
    np.testing.assert_array_equal(fbx.load_fbx(path).rot_local, take.rot_local)


def test_defaults_of_a_class_are_not_copied_to_every_object(tmp_path):
    definitions = (
        'Definitions:  {\n\tObjectType: "Model" {\n\t\tPropertyTemplate: "FbxNode" {\n\t\t\tProperties70:  {\n'
        '\t\t\t\tP: "Lcl Translation", "", "", "A",1,2,3\n\t\t\t}\n\t\t}\n\t}\n}\n'
    )
    path = edited(tmp_path, lambda text: text.replace("Objects:", definitions + "Objects:"))
    first, second, _ = parse.read_scene(path).nodes
    assert first.properties.maps[-1] is second.properties.maps[-1]
    assert [list(part.vector("Lcl Translation", (0, 0, 0))) for part in (first, second)] == [[1, 2, 3], [0, 90, 0]]


# ---------------------------------------------------------------------------------------------------------------------
# how much a take may hold


def body_scene(joints, key_count, seconds, file_size, weighted=0, layers=1):
    """A chain of joints, all turning, with keys from 0 to `seconds`."""
    times = np.linspace(0, seconds, key_count) * SECOND
    flags = np.array([CUBIC | weighted])
    given = Curve(
        *(times.astype(np.int64), np.arange(key_count), flags, np.ones((1, 2)), np.ones((1, 2)), np.zeros(1)),
        row_ends=np.array([key_count]),
        is_weighted=bool(weighted),
    )
    nodes = [scene.SceneNode(f"j{i}", "LimbNode", {}, i - 1) for i in range(joints)]
    channel = scene.Channel([0, 0, 0], [functools.partial(lambda: given)] * 3)
    channels = {(place, "Lcl Rotation"): channel for place in range(joints)}
    stack = scene.Stack("t", 0, 0, [scene.Layer(channels=channels) for _ in range(layers)])
    return scene.Scene(7400, nodes, {"TimeMode": [1]}, [stack], SECOND, file_size)


def frame_count(scene):
    return len(timing.frame_clock("x.fbx", scene, scene.stacks[0], range(len(scene.nodes)))[0].ticks)


def test_ten_minutes_with_a_key_a_second_are_read():
    assert frame_count(body_scene(80, 600, 600, file_size=1_490_000)) == 72_001


def test_ten_minutes_of_a_still_body_are_read():
    still = body_scene(80, 600, 600, file_size=100_000)
    for (place, _), channel in list(still.stacks[0].layers[0].channels.items()):
        if place:
            channel = scene.Channel([0, 0, 0], [None] * 3)
        still.stacks[0].layers[0].channels[place, "Lcl Rotation"] = channel
    assert frame_count(still) == 72_001


@pytest.mark.parametrize(
    "dear", [{"file_size": 100_000}, {"weighted": WEIGHTED_LEFT | WEIGHTED_RIGHT}, {"layers": 3}], ids=str
)
def test_what_costs_too_much_for_its_size_is_refused(dear):
    with pytest.raises(container.DamagedError, match="far longer than a file"):
        frame_count(body_scene(80, 600, 600, **{"file_size": 1_490_000} | dear))


def test_many_frames_of_joints_without_channels_are_refused(tmp_path):
    joints = "".join(f"JOINT j{i}\n{{\nOFFSET 0 1 0\n}}\n" for i in range(200))
    head = f"HIERARCHY\nROOT a\n{{\nOFFSET 0 0 0\nCHANNELS 1 Xrotation\n{joints}}}\nMOTION\n"
    (tmp_path / "wide.bvh").write_text(head + "Frames: 20000\nFrame Time: 0.01\n" + "0\n" * 20000)
    with pytest.raises(InputError, match=r"wide\.bvh: its 20000 frames of 201 joints"):
        bvh.load_bvh(tmp_path / "wide.bvh")


def test_bodies_of_too_many_joints_are_refused(tmp_path):
    joints = "JOINT j\n{\nOFFSET 0 1 0\n}\n" * 3000
    (tmp_path / "many.bvh").write_text(f"HIERARCHY\nROOT a\n{{\nOFFSET 0 0 0\n{joints}}}\nMOTION\nFrames: 1\n")
    with pytest.raises(InputError, match=r"many\.bvh, line \d+: a body has at most 3000 joints"):
        bvh.load_bvh(tmp_path / "many.bvh")
    nodes = [node(f"j{i}", parent=f"j{i - 1}" if i else None) for i in range(3001)]
    with pytest.raises(InputError, match="3001 joints; a body has at most 3000"):
        fbx.load_fbx(write(tmp_path / "many.fbx", nodes, {"t": [layer({("j0", "R", "X"): curve([0, 1], [0, 1])})]}))
