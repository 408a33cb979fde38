"""Trees of FBX records as bytes, whatever they say of themselves."""

import struct
import zlib

from common.mocap.fbx import container
from common.mocap.fbx.container import PackedArray, PackedList

import numpy as np


def to_bytes(root, version):
    """A tree as a binary file; arrays keep what they say of themselves, be it a lie."""
    wide = version >= 7500
    head, null = struct.Struct("<QQQB" if wide else "<IIIB"), bytes(25 if wide else 13)

    def record(node, at):
        name = node.name.encode("latin-1")[:255]
        values = b"".join(map(value_bytes, node.values))
        place = at + head.size + len(name) + len(values)
        children = b""
        for child in node.children:
            children += record(child, place + len(children))
        children += null if node.children else b""
        end = place + len(children)
        count = sum(value.count if isinstance(value, PackedList) else 1 for value in node.values)
        return head.pack(end, count, len(values), len(name)) + name + values + children

    data = container.MAGIC + b"\x1a\0" + struct.pack("<I", version)
    for node in root.children:
        data += record(node, len(data))
    return data + null


def value_bytes(value):
    if isinstance(value, (bool, np.bool_)):
        return b"C" + bytes([value])
    if isinstance(value, (int, np.integer)):
        return b"L" + struct.pack("<q", max(min(int(value), 2**63 - 1), -(2**63)))
    if isinstance(value, float):
        return b"D" + struct.pack("<d", value)
    if isinstance(value, str) and len(value) == 1 and value in "CLUsnabtp":
        return b"C" + value.encode()
    if isinstance(value, (str, bytes)):
        raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
        return (b"S" if isinstance(value, str) else b"R") + struct.pack("<I", len(raw)) + raw
    if isinstance(value, PackedList):
        return bytes(value.data)
    code = next(code for code, form in container.ARRAYS.items() if np.dtype(form).str[1:] == value.dtype.str[1:])
    return code.encode() + struct.pack("<III", value.count % 2**32, int(value.deflated), len(value.data)) + value.data


def packed(numbers, dtype, count=None):
    data = zlib.compress(np.asarray(numbers).astype(dtype).tobytes())
    return PackedArray(data, np.dtype(dtype), len(numbers) if count is None else count, True, None)


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)
