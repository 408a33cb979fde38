"""FBX out: one take, or several in one scene, as a binary file of version 7.4.

Lengths go out in the unit that the recording's own FBX file has, or in centimetres if it comes from elsewhere. The top
level of the file is made here; `write_scene.py` makes what stands in it and `binary_write.py` the bytes.
"""

import re

from common.mocap.fbx import binary_write, frame_rates
from common.mocap.fbx.binary_write import Record, array, blob, int32, int64, text
from common.mocap.fbx.channels import axes_of, clean_name, setup_of, unit_of
from common.mocap.fbx.properties import row, table
from common.mocap.fbx.write_scene import Scene, add_skeleton, add_take
from common.mocap.take import Mocap, check_same_fps
from common.runtime.errors import InputError
from common.runtime.files import whole_file

import numpy as np

CREATOR = "LSTM VAE duet toolkit"


def save_fbx(mocaps, path, plain=False):
    """Write one Mocap, or a list of them as several skeletons of one scene, as binary FBX.

    Names, hierarchy, rest pose, rotation orders, pre- and post-rotations, unit and axes are those of the recording.
    Frame rate, unit, axes and take name are the first one's. Two skeletons may have the same joint names, though some
    programs find joints by name (three.js does) or rename them (Blender does). In a `plain` file ends too have keys for
    all that they could do, and each frame's angles give the sign of its quaternion (`quaternion.signed_euler`). Raises
    InputError where takes differ in frame rate or up axis, and OSError where the file cannot be written; an older file
    is then left as it was.
    """
    mocaps = [mocaps] if isinstance(mocaps, Mocap) else list(mocaps)
    check_one_scene(mocaps, path)
    version = binary_write.NARROW
    records = _file_records(mocaps, version, plain)
    if binary_write.file_size(records, version) > binary_write.NARROW_LIMIT:
        version = binary_write.WIDE
        records = _file_records(mocaps, version, plain)
    with whole_file(path) as partial, partial.open("xb") as file:
        file.writelines(binary_write.file_chunks(records, version))


def check_one_scene(mocaps, path):
    """Takes can stand in one file that agree in frame rate and up axis. Raises InputError."""
    if not mocaps:
        raise InputError(f"{path}: no take to write. Give save_fbx at least one.")
    for other in mocaps[1:]:
        check_same_fps(mocaps[0], other, f"{path}, skeletons of one file")
        if other.up_axis != mocaps[0].up_axis:
            raise InputError(
                f"{path}, skeletons of one file: {mocaps[0].path} has {mocaps[0].up_axis} up, {other.path} has "
                f"{other.up_axis}. Write them into two files, or set mocap_up_axis if one is wrong."
            )


# the top level


def _file_records(mocaps, version, plain):
    """The top level of the file, in the order that the SDK writes."""
    first = mocaps[0]
    setup = setup_of(first)
    mode, rate = frame_rates.mode_to_write(first.fps, setup.time_mode)
    ticks = np.array(frame_rates.frame_ticks(max(mocap.frame_count for mocap in mocaps), rate), dtype=np.int64)
    end = int(ticks[-1])
    take = clean_name(setup.take_name)
    unit_cm = unit_of(first)
    scene = Scene(key_version=4009 if version >= binary_write.WIDE else 4008)
    layer = add_take(scene, take, end)
    for mocap in mocaps:
        add_skeleton(scene, layer, mocap, unit_cm, array(ticks[: mocap.frame_count]), plain)
    return [
        _header(version),
        Record("FileId", (blob(binary_write.FILE_ID),)),
        Record("CreationTime", (text(binary_write.CREATION_TIME),)),
        Record("Creator", (text(CREATOR),)),
        _global_settings(axes_of(first), unit_cm, mode, rate, end),
        _documents(scene.new_id(), take),
        Record("References", children=[]),
        scene.definitions(),
        scene.objects(),
        Record("Connections", children=scene.connections),
        _takes(take, end),
    ]


def _header(version):
    day, time = binary_write.CREATION_TIME.split()
    values = [1000, *(int(word) for word in (*day.split("-"), *time.split(":")))]
    names = ("Version", "Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond")
    return Record(
        "FBXHeaderExtension",
        children=[
            Record("FBXHeaderVersion", (int32(1003),)),
            Record("FBXVersion", (int32(version),)),
            Record("EncryptionType", (int32(0),)),
            Record(
                "CreationTimeStamp",
                children=[Record(name, (int32(value),)) for name, value in zip(names, values, strict=True)],
            ),
            Record("Creator", (text(CREATOR),)),
        ],
    )


def _global_settings(axes, unit_cm, mode, rate, end):
    names = ("UpAxis", "UpAxisSign", "FrontAxis", "FrontAxisSign", "CoordAxis", "CoordAxisSign")
    rows = [
        *(row(name, "int", int(value)) for name, value in zip(names, axes, strict=True)),
        row("OriginalUpAxis", "int", int(axes[0])),
        row("OriginalUpAxisSign", "int", int(axes[1])),
        row("UnitScaleFactor", "double", unit_cm),
        row("OriginalUnitScaleFactor", "double", unit_cm),
        row("AmbientColor", "ColorRGB", 0.0, 0.0, 0.0),
        row("DefaultCamera", "KString", "Producer Perspective"),
        row("TimeMode", "enum", mode),
        row("TimeProtocol", "enum", 2),
        row("SnapOnFrameMode", "enum", 0),
        row("TimeSpanStart", "KTime", 0),
        row("TimeSpanStop", "KTime", end),
        row("CustomFrameRate", "double", float(rate) if mode == frame_rates.CUSTOM else -1.0),
        row("TimeMarker", "Compound"),
        row("CurrentTimeMarker", "int", -1),
    ]
    return Record("GlobalSettings", children=[Record("Version", (int32(1000),)), table(*rows)])


def _documents(document_id, take):
    document = [
        table(row("SourceObject", "object"), row("ActiveAnimStackName", "KString", take)),
        Record("RootNode", (int64(0),)),
    ]
    return Record(
        "Documents",
        children=[
            Record("Count", (int32(1),)),
            Record("Document", (int64(document_id), text(""), text("Scene")), document),
        ],
    )


def _file_stem(take):
    """What a file of its own for the take would be called, which never is more than the name of a file."""
    return re.sub(r"\W", "_", take)[:64]


def _takes(take, end):
    span = (int64(0), int64(end))
    children = [
        Record("FileName", (text(f"{_file_stem(take)}.tak"),)),
        Record("LocalTime", span),
        Record("ReferenceTime", span),
    ]
    return Record("Takes", children=[Record("Current", (text(take),)), Record("Take", (text(take),), children)])
