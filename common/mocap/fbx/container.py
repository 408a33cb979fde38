"""The FBX container: a file as one tree of nodes, each with a name, values and children.

This file holds the tree and the binary encoding, versions 6100 to 7700, both byte orders; `ascii.py` holds the text
encoding. Arrays stay packed until somebody asks for their numbers, so a mesh that nobody needs costs nothing.

A node record of the binary encoding: end offset, value count, length of the values (three integers of 32 bits, from
version 7500 on of 64), name length (8 bits), name, values, children, and after children a record of zeros.
"""

import array
import dataclasses
import struct
import zlib

import numpy as np

MAGIC = b"Kaydara FBX Binary  \0"
MAX_DEPTH = 64  # real files nest less than 12 deep
SCALARS = {"Y": "h", "I": "i", "L": "q", "F": "f", "D": "d", "Z": "b"}  # type code -> struct format
ARRAYS = {"f": "f4", "d": "f8", "l": "i8", "i": "i4", "b": "u1", "c": "u1"}  # type code -> NumPy type
LONG = 64  # single values; a longer list of them is kept as it stands, for version 6 has its keys so
REPEATING = 32  # values that show whether the layout of a list repeats
NO_LETTER = 255  # among letters: a text of another length than 1


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

    def tokens(self, name):
        """The values of the child `name`, numbers and letters mixed, as version 6 lists keys.

        (N,) float64, 0 where a letter stands, and (N,) uint8: the letters' codes, 0 where a number stands.
        """
        values = self.child(name).values
        if len(values) == 1 and hasattr(values[0], "tokens"):
            return values[0].tokens()
        is_number = [isinstance(value, (int, float)) for value in values]
        numbers = [value if is_a_number else 0 for value, is_a_number in zip(values, is_number, strict=True)]
        letters = [0 if is_a_number else _letter(value) for value, is_a_number in zip(values, is_number, strict=True)]
        return np.array(numbers, np.float64), np.array(letters, np.uint8)


def _letter(value):
    return ord(value) if isinstance(value, str) and len(value) == 1 and "\0" < value < "\xff" else NO_LETTER


class Store:
    """What the arrays of a file may take in memory, and those that were unpacked before.

    Equal bytes give the same array object: the curves of a take mostly share their key times.
    """

    def __init__(self, file_size):
        self.bytes_left = (192 << 20) + 8 * file_size  # what is made of an array is up to three times as large
        self.cache = {}

    def take(self, byte_count):
        self.bytes_left -= byte_count
        if self.bytes_left < 0:
            raise DamagedError("its arrays unpack to far more than a file of this size can mean")


class PackedArray:
    """An array as it stands in a binary file: `count` numbers, plain or as a zlib stream."""

    __slots__ = ("count", "data", "deflated", "dtype", "store")

    def __init__(self, data, dtype, count, deflated, store):
        self.data, self.dtype, self.count, self.deflated, self.store = data, dtype, count, deflated, store

    def unpack(self):
        """(count,) numbers in the processor's byte order, read-only."""
        if not self.deflated:
            return self._numbers(self.data)
        key = (bytes(self.data), self.dtype, self.count)
        if key not in self.store.cache:
            self.store.cache[key] = self._numbers(self._inflate())
        return self.store.cache[key]

    def _numbers(self, raw):
        return np.frombuffer(raw, self.dtype).astype(self.dtype.newbyteorder("="), copy=False)

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


class PackedList:
    """Many single values of a record, as they stand in a binary file: each a type code and its bytes."""

    __slots__ = ("count", "data", "order")
    SIZES = bytes(  # of a value with its code; 0 for what says its length itself, or is no code
        struct.calcsize("<" + SCALARS[chr(code)]) + 1 if chr(code) in SCALARS else 2 * (chr(code) in "CB")
        for code in range(256)
    )

    def __init__(self, data, count, order):
        self.data, self.count, self.order = data, count, order

    def tokens(self):
        """Numbers and letters mixed: (numbers (N,), letters (N,)), as `Node.tokens` has them."""
        starts = self._starts()
        raw = np.frombuffer(self.data, np.uint8)
        codes = raw[starts]
        numbers, letters = np.zeros(len(starts)), np.zeros(len(starts), np.uint8)
        for code, form in SCALARS.items():
            if len(values := np.flatnonzero(codes == ord(code))):
                dtype = np.dtype(form).newbyteorder(self.order)
                at_any_byte = np.ndarray((len(raw) - dtype.itemsize + 1,), dtype, self.data, 0, (1,))
                numbers[values] = at_any_byte[starts[values] + 1]
        flags = np.flatnonzero((codes == ord("C")) | (codes == ord("B")))
        bits = raw[starts[flags] + 1]
        numbers[flags], letters[flags] = np.where(bits < 2, bits, 0), np.where(bits < 2, 0, bits)
        for place in np.flatnonzero(codes == ord("S")):
            at = int(starts[place]) + 5
            letters[place] = raw[at] if self._length(at - 4) == 1 and raw[at] else NO_LETTER
        letters[codes == ord("R")] = NO_LETTER
        return numbers, letters

    def _starts(self):
        """Where each value starts, (count,). Goes from value to value only where these do not repeat one layout."""
        sizes = bytes(self.data).translate(self.SIZES)
        starts, at, end = array.array("q"), 0, len(sizes)
        reach = 1024
        while len(starts) < self.count and at < end:
            for _ in range(min(4 * REPEATING, self.count - len(starts))):
                if at >= end:
                    break
                starts.append(at)
                at += sizes[at] or self._long_size(at)
            repetitions = self._repetitions(starts[-REPEATING:], np.frombuffer(sizes, np.uint8), reach)
            reach = max(1024, 2 * len(repetitions))  # so that a try which fails costs no more than what came before it
            starts.extend(repetitions)
            at = starts[-1] + (sizes[starts[-1]] or self._long_size(starts[-1]))
        if at > end or len(starts) < self.count:
            raise DamagedError(f"a list says it has {self.count} values and is too short for them")
        return np.frombuffer(starts, np.int64)[: self.count]

    @staticmethod
    def _repetitions(starts, sizes, reach):
        """Where further values start, as long as they have the layout of those at `starts` again and again; about
        `reach` of them at most."""
        layout = sizes[starts].tobytes()
        periods = (n for n in range(1, REPEATING // 2) if layout[n:] == layout[:-n])
        if len(layout) < REPEATING or 0 in layout or not (period := next(periods, 0)):
            return array.array("q")
        piece = np.array(starts[-period:])
        stride = sum(layout[-period:])
        rows = min((len(sizes) - starts[-1] - 1) // stride, reach // period)
        ahead = piece + stride * np.arange(1, rows + 1)[:, None]
        same = (sizes[ahead] == sizes[piece]).all(axis=1)
        count = len(same) if same.all() else int(np.argmin(same))
        return array.array("q", ahead[:count].tobytes())

    def _long_size(self, at):
        if self.data[at] not in b"SR":
            raise DamagedError(f"a list of values holds {chr(self.data[at])!r}, which is no type of value")
        return 5 + self._length(at + 1)

    def _length(self, at):
        if at + 4 > len(self.data):
            raise DamagedError("a list of values is cut off")
        return int.from_bytes(self.data[at : at + 4], "big" if self.order == ">" else "little")


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
        self.data, self.view, self.order = data, memoryview(data), order
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
        if count > LONG:
            return [PackedList(self.view[at:end], count, self.order)]
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
