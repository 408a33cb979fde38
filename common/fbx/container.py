"""The FBX container: a file as one tree of nodes, each with a name, values and children.

This file holds the tree and the binary encoding, versions 6100 to 7700, both byte orders; `ascii.py` holds the text
encoding. Arrays stay packed until somebody asks for their numbers, so a mesh that nobody needs costs nothing.

A node record of the binary encoding: end offset, value count, length of the values (three integers of 32 bits, from
version 7500 on of 64), name length (8 bits), name, values, children, and after children a record of zeros.
"""

import dataclasses
import struct
import zlib

import numpy as np

MAGIC = b"Kaydara FBX Binary  \0"
MAX_DEPTH = 64  # real files nest less than 12 deep
SCALARS = {"Y": "h", "I": "i", "L": "q", "F": "f", "D": "d", "Z": "b"}  # type code -> struct format
ARRAYS = {"f": "f4", "d": "f8", "l": "i8", "i": "i4", "b": "u1", "c": "u1"}  # type code -> NumPy type


class DamagedError(ValueError):
    """The bytes are no FBX, or not all of one. Whoever opened the file adds its name and what to do."""


@dataclasses.dataclass(slots=True)
class Node:
    name: str
    values: list
    children: list

    def child(self, name):
        """The first child of that name, or None."""
        return next((node for node in self.children if node.name == name), None)

    def named(self, name):
        """All children of that name, in file order."""
        return [node for node in self.children if node.name == name]

    def text(self, index):
        """A value that has to be text; empty where there is none."""
        value = self.values[index] if index < len(self.values) else ""
        return value if isinstance(value, str) else ""

    def number(self, index=0, default=None):
        """A value that has to be a number; `default` where there is none."""
        value = self.values[index] if index < len(self.values) else None
        return value if isinstance(value, (int, float)) else default

    def array(self, name, limit=None):
        """The numbers of the child `name` as a NumPy array, empty where there is none; at most `limit`."""
        node = self.child(name)
        if node is None or not node.values:
            return np.empty(0)
        packed = node.values[0]
        if not hasattr(packed, "unpack"):
            raise DamagedError(f"{self.name} should hold an array {name}, and holds single values")
        if limit is not None and packed.count > limit:
            raise DamagedError(f"{name} says it holds {packed.count} numbers, where {limit} belong")
        return packed.unpack()


class Store:
    """What the arrays of a file may take in memory, and those that were unpacked before.

    Equal bytes give the same array object: the curves of a take mostly share their key times.
    """

    def __init__(self, file_size):
        self.left = (256 << 20) + 8 * file_size
        self.known = {}

    def take(self, byte_count):
        self.left -= byte_count
        if self.left < 0:
            raise DamagedError("its arrays unpack to far more than a file of this size can mean")


class PackedArray:
    """An array as it stands in a binary file: `count` numbers, plain or as a zlib stream."""

    __slots__ = ("count", "data", "deflated", "dtype", "store")

    def __init__(self, data, dtype, count, deflated, store):
        self.data, self.dtype, self.count, self.deflated, self.store = data, dtype, count, deflated, store

    def unpack(self):
        """(count,) numbers, read-only."""
        if not self.deflated:
            return np.frombuffer(self.data, self.dtype)
        key = (bytes(self.data), self.dtype, self.count)
        if key not in self.store.known:
            self.store.known[key] = np.frombuffer(self._inflate(), self.dtype)
        return self.store.known[key]

    def _inflate(self):
        size = self.count * self.dtype.itemsize
        if size > 1100 * len(self.data) + 64:  # deflate packs no better than 1032 to 1
            raise DamagedError(f"an array of {self.count} numbers cannot fit into {len(self.data)} bytes")
        self.store.take(size)
        try:
            raw = zlib.decompressobj().decompress(self.data, size + 1)
        except zlib.error as error:
            raise DamagedError(f"a compressed array cannot be unpacked ({error})") from None
        if len(raw) != size:
            raise DamagedError(f"a compressed array says {size} bytes and holds {'more' if raw[size:] else len(raw)}")
        return raw


def parse_binary(data):
    """The bytes of a binary FBX file -> (version, root Node). Raises DamagedError."""
    if len(data) < 40:
        raise DamagedError("it ends within its header")
    order = ">" if data[22] == 1 else "<"
    version = struct.unpack_from(order + "I", data, 23)[0]
    if not 6000 <= version < 9000:
        raise DamagedError(f"it is of version {version}; 6100 to 7700 can be read")
    return version, _Records(data, order, version).parse()


class _Records:
    """The node records of a binary file, one after another."""

    def __init__(self, data, order, version):
        self.data, self.view = data, memoryview(data)
        self.head = struct.Struct(order + ("IIIB" if version < 7500 else "QQQB"))
        self.scalars = {ord(code): struct.Struct(order + form) for code, form in SCALARS.items()}
        self.arrays = {ord(code): np.dtype(form).newbyteorder(order) for code, form in ARRAYS.items()}
        self.length = struct.Struct(order + "I")
        self.array_head = struct.Struct(order + "III")
        self.store = Store(len(data))

    def parse(self):
        children, _ = self._list(27, len(self.data), 0)
        return Node("", [], children)

    def _list(self, at, end, depth):
        """The records from `at` to a record of zeros or to `end`, and where they stop."""
        nodes = []
        while at < end:
            if at + self.head.size > end:
                raise DamagedError(f"it is cut off, or damaged, at byte {at}")
            stop, value_count, values_length, name_length = self.head.unpack_from(self.data, at)
            at += self.head.size
            if stop == 0:
                return nodes, at
            values_at = at + name_length
            children_at = values_at + values_length
            if not children_at <= stop <= end:
                raise DamagedError(f"it is cut off, or damaged, at byte {at}: a record ends outside its place")
            name = self.data[at:values_at].decode("latin-1")
            values = self._values(values_at, children_at, value_count)
            children = self._children(children_at, stop, depth + 1) if children_at < stop else []
            nodes.append(Node(name, values, children))
            at = stop
        if depth == 0:
            raise DamagedError("it is cut off: the record that ends the file's list is missing")
        return nodes, at

    def _children(self, at, stop, depth):
        if depth > MAX_DEPTH:
            raise DamagedError(f"its records nest deeper than {MAX_DEPTH}")
        nodes, ended = self._list(at, stop, depth)
        if ended != stop:
            raise DamagedError(f"a list of records stops at byte {ended} and should at {stop}")
        return nodes

    def _values(self, at, end, count):
        data, values = self.data, []
        if count > end - at:
            raise DamagedError(f"a record says it has {count} values in {end - at} bytes")
        try:
            for _ in range(count):
                code = data[at]
                if code in self.scalars:
                    form = self.scalars[code]
                    values.append(form.unpack_from(data, at + 1)[0])
                    at += 1 + form.size
                elif code in b"SR":
                    start = at + 5
                    at = start + self.length.unpack_from(data, at + 1)[0]
                    values.append(_text(data[start:at]) if code == 83 else bytes(data[start:at]))
                elif code in b"CB":
                    flag = data[at + 1]
                    values.append(bool(flag) if flag < 2 else chr(flag))  # version 6 keeps letters in here
                    at += 2
                elif code in self.arrays:
                    at = self._array(values, code, at + 1, end)
                else:
                    raise DamagedError(f"byte {at} holds {chr(code)!r}, which is no type of value")
                if at > end:
                    raise DamagedError(f"a value at byte {at} reaches out of its record")
        except (IndexError, struct.error):
            raise DamagedError(f"it is cut off at byte {at}") from None
        return values

    def _array(self, values, code, at, end):
        count, encoding, stored = self.array_head.unpack_from(self.data, at)
        at += self.array_head.size
        dtype = self.arrays[code]
        if encoding > 1 or at + stored > end or (encoding == 0 and stored != count * dtype.itemsize):
            raise DamagedError(f"the array at byte {at} says it has {count} numbers in {stored} bytes")
        values.append(PackedArray(self.view[at : at + stored], dtype, count, encoding == 1, self.store))
        return at + stored


def _text(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # names from older Windows software; never fails


def split_name(text):
    """An object's full name -> (name, class). Binary `Hips\\0\\1Model`, text `Model::Hips`."""
    name, mark, kind = text.partition("\0\1")
    if mark:
        return name, kind
    kind, mark, name = text.partition("::")
    return (name, kind) if mark else (text, "")
