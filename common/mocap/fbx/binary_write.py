"""The container out: a tree of named records becomes the bytes of a binary FBX file, 7.4 or 7.5.

A file is a header, records, a null record and a footer. A record holds its end as an absolute offset, its values, then
the records inside it, closed by a null record. Offsets have 32 bits up to 7.4 and 64 bits from 7.5 on: 7.4 is read by
more software, so 7.5 is for files that need it. See Blender Foundation, "FBX binary file format specification", 2013.
"""

import dataclasses
import struct
import zlib

NARROW, WIDE = 7400, 7500  # versions
NARROW_LIMIT = 2**31 - 1  # bytes; some readers take the 32-bit offsets as signed
COMPRESSED_FROM = 128  # bytes; smaller arrays are stored as they are
MAGIC = b"Kaydara FBX Binary  \0\x1a\0"
# Two keys in the file are computed from its time of creation. With a fixed one, equal takes give equal files.
CREATION_TIME = "1970-01-01 10:00:00:000"
FILE_ID = bytes.fromhex("28B32AEBB624CCC2BFC8B02AA92BFCF1")
FOOTER_ID = bytes.fromhex("FABCAB09D0C8D466B176FB831CF7267E")
FOOTER_END = bytes.fromhex("F85A8C6ADEF5D97EECE90CE3758F290B")


@dataclasses.dataclass(frozen=True)
class Record:
    """A record of the tree; its values are made by the functions below."""

    name: str
    values: tuple = ()  # of bytes
    children: list | None = None  # None: no list at all; an empty list is written as one


# values


def boolean(value):
    return struct.pack("<c?", b"C", value)


def int32(value):
    return struct.pack("<ci", b"I", value)


def int64(value):
    return struct.pack("<cq", b"L", value)


def double(value):
    return struct.pack("<cd", b"D", value)


def text(value):
    data = value.encode("utf-8")
    return struct.pack("<cI", b"S", len(data)) + data


def blob(data):
    return struct.pack("<cI", b"R", len(data)) + data


def array(values):
    """A NumPy array of float32, float64, int32 or int64, deflated where that is the custom."""
    code = {"f4": b"f", "f8": b"d", "i4": b"i", "i8": b"l"}[values.dtype.str[1:]]
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    deflated = len(data) > COMPRESSED_FROM
    stored = zlib.compress(data, 1) if deflated else data
    return struct.pack("<cIII", code, values.size, deflated, len(stored)) + stored


# the file


def file_size(records, version):
    """Bytes of the whole file but its footer."""
    head = _head(version)
    return len(MAGIC) + 4 + sum(_size(record, head) for record in records) + head.size


def file_chunks(records, version):
    """The bytes of the file, piece by piece."""
    head = _head(version)
    at = len(MAGIC) + 4
    yield MAGIC + struct.pack("<I", version)
    for record in records:
        yield from _chunks(record, at, head)
        at += _size(record, head)
    yield bytes(head.size)
    yield FOOTER_ID + bytes(16 - (at + head.size + len(FOOTER_ID)) % 16)  # 1 to 16 zeros up to a multiple of 16
    yield bytes(4) + struct.pack("<I", version) + bytes(120) + FOOTER_END


def _head(version):
    """End offset, number of values, bytes of values, length of the name; a null record is one of all zeros."""
    return struct.Struct("<QQQB" if version >= WIDE else "<IIIB")


def _size(record, head):
    size = head.size + len(record.name) + sum(map(len, record.values))
    if record.children is not None:
        size += sum(_size(child, head) for child in record.children) + head.size
    return size


def _chunks(record, start, head):
    name, values_size = record.name.encode("ascii"), sum(map(len, record.values))
    yield head.pack(start + _size(record, head), len(record.values), values_size, len(name)) + name
    yield from record.values
    at = start + head.size + len(name) + values_size
    for child in record.children or ():
        yield from _chunks(child, at, head)
        at += _size(child, head)
    if record.children is not None:
        yield bytes(head.size)
