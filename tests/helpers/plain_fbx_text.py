"""FBX files as text, version 7.4, for tests: only what a test is about, everything else left to its default.

write(path, [node("Hips"), node("Spine", parent="Hips")], {"Take 001": [layer({("Hips", "R", "X"): curve(...)})]})
"""

from common.mocap import fbx
from common.mocap.fbx import evaluate

import numpy as np
from scipy.spatial.transform import Rotation

SECOND = 46186158000  # ticks
LINEAR, CUBIC = 0x4, 0x408
PROPERTIES = {"T": "Lcl Translation", "R": "Lcl Rotation", "S": "Lcl Scaling"}


def node(name, kind="LimbNode", parent=None, **properties):
    """Properties as Lcl_Rotation=(0, 0, 90); underscores stand for blanks."""
    return {"name": name, "kind": kind, "parent": parent, "properties": properties}


def curve(seconds, values, flags=LINEAR, data=(0, 0, 0, 0), **parts):
    """`data` is one row (4,) for all keys or one a key (K, 4): two slopes, packed weights as int, velocity."""
    return {
        "ticks": np.rint(np.asarray(seconds) * SECOND).astype(int),
        "values": values,
        "flags": flags,
        "data": data,
    } | parts


def layer(curves, **properties):
    return {"curves": curves, "properties": properties}


def weights(right, left):
    """Two handle lengths as they are packed into one number."""
    return round(right * 9999) | round(left * 9999) << 16


def write(path, nodes, takes=None, spans=None, **settings):
    """Write a scene. takes {name: [layer, ...]}; spans {name: (start, stop) in seconds}; settings as TimeMode=11."""
    objects, links, ids = [], [], {None: 0}
    for item in nodes:
        ids[item["name"]] = len(ids) + 100
        objects.append(_object("Model", ids[item["name"]], item["name"], item["kind"], item["properties"]))
    links += [("OO", ids[item["name"]], ids[item["parent"]]) for item in nodes]
    number = 1000
    for take, layers in (takes or {}).items():
        number += 1
        stack = number
        start, stop = (spans or {}).get(take, (0, 0))
        span = {"LocalStart": int(start * SECOND), "LocalStop": int(stop * SECOND)}
        objects.append(_object("AnimationStack", stack, take, "", span))
        for part in layers:
            number += 1
            layer_id = number
            objects.append(_object("AnimationLayer", layer_id, "Layer", "", part["properties"]))
            links.append(("OO", layer_id, stack))
            channels = {}
            for (name, kind, axis), keys in part["curves"].items():
                if (name, kind) not in channels:
                    number += 1
                    channels[name, kind] = number
                    objects.append(_object("AnimationCurveNode", number, kind, "", {}))
                    links += [("OO", number, layer_id), ("OP", number, ids[name], PROPERTIES[kind])]
                number += 1
                objects.append(_curve(number, keys))
                links.append(("OP", number, channels[name, kind], f"d|{axis}"))
    text = "; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n\tFBXHeaderVersion: 1003\n\tFBXVersion: 7400\n}\n"
    text += "GlobalSettings:  {\n" + _properties(settings) + "}\n"
    text += "Objects:  {\n" + "".join(objects) + "}\nConnections:  {\n" + "".join(map(_link, links)) + "}\n"
    path.write_text(text, encoding="utf-8")
    return path


def write_6(path, nodes, take, **settings):
    """Write a scene as version 6.1: nodes without properties, and one take {(name, "R", axis): curve(...)}."""
    text = "; FBX 6.1.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 6100\n}\nObjects:  {\n"
    for item in nodes:
        text += f'\tModel: "Model::{item["name"]}", "Limb" {{\n\t\tVersion: 232\n\t}}\n'
    text += "\tGlobalSettings:  {\n\t\tProperties60:  {\n"
    text += "".join(f'\t\t\tProperty: "{name}", "int", "",{value}\n' for name, value in settings.items())
    text += "\t\t}\n\t}\n}\nConnections:  {\n"
    for item in nodes:
        text += f'\tConnect: "OO", "Model::{item["name"]}", "Model::{item["parent"] or "Scene"}"\n'
    text += '}\nTakes:  {\n\tCurrent: "t"\n\tTake: "t" {\n'
    for name in {name: 0 for name, _, _ in take}:
        text += f'\t\tModel: "Model::{name}" {{\n\t\t\tChannel: "Transform" {{\n'
        for kind in {kind: 0 for of, kind, _ in take if of == name}:
            axes = {axis: keys for (of, same, axis), keys in take.items() if (of, same) == (name, kind)}
            text += f'\t\t\t\tChannel: "{kind}" {{\n' + "".join(map(_channel_6, axes, axes.values())) + "\t\t\t\t}\n"
        text += "\t\t\t}\n\t\t}\n"
    path.write_text(text + "\t}\n}\n", encoding="utf-8")
    return path


def _channel_6(axis, keys):
    values = ",".join(f"{tick},{value:.15f},L" for tick, value in zip(keys["ticks"], keys["values"], strict=True))
    head = f'Channel: "{axis}" {{\nDefault: 0.0\nKeyVer: 4005\nKeyCount: {len(keys["ticks"])}\n'
    return f"{head}Key: {values}\nColor: 1,1,1\n}}\n"


def _object(kind, number, name, type_, properties):
    return f'\t{kind}: {number}, "{kind}::{name}", "{type_}" {{\n{_properties(properties)}\t}}\n'


def _properties(properties):
    rows = ""
    for name, values in properties.items():
        values = values if isinstance(values, (tuple, list)) else (values,)
        rows += f'\t\t\tP: "{name.replace("_", " ")}", "", "", "A",{",".join(map(str, values))}\n'
    return f"\t\tProperties70:  {{\n{rows}\t\t}}\n"


def _curve(number, keys):
    count = len(keys["ticks"])
    flags = np.broadcast_to(keys["flags"], count)
    rows = [[_bits(value) for value in row] for row in _rows(keys["data"], count)]
    text = f'\tAnimationCurve: {number}, "AnimCurve::", "" {{\n'
    for name, values in (
        ("KeyTime", keys["ticks"]),
        ("KeyValueFloat", keys["values"]),
        ("KeyAttrFlags", flags),
        ("KeyAttrDataFloat", [value for row in rows for value in row]),
        ("KeyAttrRefCount", [1] * count),
    ):
        text += f"\t\t{name}: *{len(values)} {{\n\t\t\ta: {','.join(str(value) for value in values)}\n\t\t}}\n"
    for side in ("Pre", "Post"):
        if side in keys:
            letter, times = keys[side]
            text += f"\t\t{side}Extrapolation:  {{\n\t\t\tType: {letter}\n\t\t\tRepetition: {times}\n\t\t}}\n"
    return text + "\t}\n"


def _rows(data, count):
    return data if np.ndim(data[0]) else [data] * count


def _bits(value):
    """Text files print these four floats as the whole numbers that their bits make."""
    return value if isinstance(value, int) else int(np.float32(value).view(np.int32))


def _link(link):
    kind, child, parent, *name = link
    return f'\tC: "{kind}",{child},{parent}' + "".join(f', "{part}"' for part in name) + "\n"


# ---------------------------------------------------------------------------------------------------------------------
# what many tests are about

CHAIN = [
    node("a"),
    node("b", parent="a", Lcl_Translation=(0, 90, 0)),
    node("c", parent="b", Lcl_Translation=(0, 70, 0)),
]


def swaying(rate, count, name="a"):
    return {(name, "R", axis): curve(np.arange(count) / rate, np.sin(np.arange(count) / 9) * 40) for axis in "XYZ"}


def read(tmp_path, nodes, takes=None, spans=None, skeleton=None, take=None, **settings):
    return fbx.load_fbx(write(tmp_path / "made.fbx", nodes, takes, spans, **settings), skeleton, take)


def edited(tmp_path, change, **settings):
    path = write(tmp_path / "made.fbx", CHAIN, {"t": [layer(swaying(30, 5))]}, **settings)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def clock(scene, times, fps):
    ticks = np.rint(np.asarray(times) * scene.ticks_per_second).astype(np.int64)
    return evaluate.Clock(ticks, scene.ticks_per_second, scene.ticks_per_second / fps)


def turned(x, y, z):
    return Rotation.from_euler("xyz", (x, y, z), degrees=True)
