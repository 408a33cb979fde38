"""An independent, slow and obvious reader of binary FBX, to judge ours by: records and nothing more.

Every rule of the container is asserted. Written from the format's description, not from the code it judges.
"""

import struct
import zlib

import numpy as np

SINGLE = {"Y": "<h", "I": "<i", "L": "<q", "F": "<f", "D": "<d", "C": "<?"}
ARRAYS = {"i": "<i4", "l": "<i8", "f": "<f4", "d": "<f8"}
FOOTER_END = "f85a8c6adef5d97eece90ce3758f290b"


class Node:
    def __init__(self, name, values, children):
        self.name, self.values, self.children = name, values, children

    def all(self, name):
        return [child for child in self.children if child.name == name]

    def one(self, name):
        (node,) = self.all(name)
        return node

    def properties(self):
        """Name -> values of the Properties70."""
        return {row.values[0]: row.values[4:] for row in self.one("Properties70").children}


def parse(data):
    """Version and the root, whose children are the top level."""
    assert data[:23] == b"Kaydara FBX Binary  \0\x1a\0"
    (version,) = struct.unpack("<I", data[23:27])
    children, at = _list(data, 27, len(data), "<QQQB" if version >= 7500 else "<IIIB")
    root = Node("", [], children)
    _check_footer(data, at, version, root.one("CreationTime").values[0], root.one("FileId").values[0])
    return version, root


def _list(data, at, end, head):
    """The nodes from `at` on, up to and including a null record."""
    nodes = []
    while True:
        assert at < end, "a list without a null record"
        stop, count, size, name_length = struct.unpack_from(head, data, at)
        at += struct.calcsize(head)
        if stop == 0:
            assert count == size == name_length == 0
            return nodes, at
        name = data[at : at + name_length].decode("ascii")
        at += name_length
        values_end, values = at + size, []
        for _ in range(count):
            value, at = _value(data, at)
            values.append(value)
        assert at == values_end, name
        children = []
        if at < stop:
            children, at = _list(data, at, stop, head)
        assert at == stop, name
        nodes.append(Node(name, values, children))


def _value(data, at):
    code = chr(data[at])
    at += 1
    if code in SINGLE:
        return struct.unpack_from(SINGLE[code], data, at)[0], at + struct.calcsize(SINGLE[code])
    if code in "SR":
        (length,) = struct.unpack_from("<I", data, at)
        raw = data[at + 4 : at + 4 + length]
        assert len(raw) == length
        return raw.decode("utf-8") if code == "S" else raw, at + 4 + length
    count, deflated, length = struct.unpack_from("<III", data, at)
    raw = data[at + 12 : at + 12 + length]
    array = np.frombuffer(zlib.decompress(raw) if deflated else raw, ARRAYS[code])
    assert len(array) == count and deflated in (0, 1)
    return array, at + 12 + length


def _check_footer(data, at, version, creation_time, file_id):
    chosen = [ord(creation_time[i]) for i in (17, 18, 5, 6, 11, 12, 8, 9, 20, 21, 0, 1, 2, 3, 14, 15)]
    first = list(chosen)
    for i in range(1, 16):
        first[i] ^= first[i - 1]
    assert _xor(first, bytes.fromhex("18B31AEA8624FCC38EC980239725C2FF")) == file_id
    second = list(chosen)
    for i in range(2, 16):
        second[i] ^= second[i - 2]
    second = list(_xor(second, chosen))
    for i in range(1, 16):
        second[i] ^= second[i - 1]
    assert _xor(second, bytes.fromhex("FABC9B09D0C9E467B176CA821DFF1978")) == data[at : at + 16]
    zeros = data[at + 16 : -(4 + 4 + 120 + 16)]
    assert 1 <= len(zeros) <= 16 and not any(zeros) and (at + 16 + len(zeros)) % 16 == 0
    assert data[-144:] == bytes(4) + struct.pack("<I", version) + bytes(120) + bytes.fromhex(FOOTER_END)


def _xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
