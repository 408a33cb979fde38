"""From a file to the scene that it describes."""

from common.mocap.fbx import container
from common.mocap.fbx.ascii import parse_ascii
from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.frame_rates import TICKS_PER_SECOND
from common.mocap.fbx.scene import Scene
from common.mocap.fbx.version6 import parse_version_6
from common.mocap.fbx.version7 import parse_version_7
from common.mocap.text import UTF_16, decode, read_bytes

TICKS_PER_SECOND_8 = 141120000  # of version 8, and of files that say so
ENOUGH = 16  # bytes in a row of cases that chance does not explain


def read_scene(path):
    """Read an FBX file as a Scene. Raises DamagedError, without the file's name, and InputError for what is no file
    of motion at all."""
    data = read_bytes(path)
    if data.startswith(container.MAGIC):
        version, root = container.parse_binary(data)
    else:
        version, root = _parse_text(data)
    parse = parse_version_6 if version < 7000 else parse_version_7
    nodes, stacks, settings = parse(root, _ticks_per_second(version, root))
    return Scene(version, nodes, settings, stacks, _ticks_per_second(version, root), len(data))


def _parse_text(data):
    if b"\0" in data[:4096] and not data.startswith(UTF_16):
        raise DamagedError("it does not start as FBX files do")
    text = decode(data)
    if "FBX" not in text[:1000]:
        raise DamagedError(f"it starts with {text[:30].strip()!r}, not as FBX files do")
    root = parse_ascii(text)
    head = root.child("FBXHeaderExtension")
    version = head.child("FBXVersion").number(0, 0) if head and head.child("FBXVersion") else 0
    if not 6000 <= version < 9000:
        raise DamagedError(f"it is of version {version or 'unknown'}; 6100 to 7700 can be read")
    return int(version), root


def _ticks_per_second(version, root):
    head = root.child("FBXHeaderExtension")
    if version >= 8000 or head is None:
        return TICKS_PER_SECOND if version < 8000 else TICKS_PER_SECOND_8
    header_version, flags = head.child("FBXHeaderVersion"), head.child("OtherFlags")
    definition = flags and flags.child("TCDefinition")
    if definition and header_version and header_version.number(0, 0) >= 1004 and definition.number(0, 127) != 127:
        return TICKS_PER_SECOND_8
    return TICKS_PER_SECOND


def transfer_damage(data):
    """What became of the bytes of a binary file that was copied as if it were text, in words; None where nothing
    points to that. To be asked of files that cannot be read."""
    if not data.startswith(container.MAGIC[:18]):
        return None
    if not data.startswith(container.MAGIC):
        return "its zero bytes are gone or have become others"
    lines, returns, pairs = (data.count(mark) for mark in (b"\n", b"\r", b"\r\n"))
    if lines >= ENOUGH and pairs == lines:
        return "every line end in it became two bytes"
    if pairs == 0 and lines >= ENOUGH and (returns == 0 or lines * returns >= ENOUGH * len(data)):
        return "line ends in it became single bytes"
    if data.count("\N{REPLACEMENT CHARACTER}".encode()) >= ENOUGH:
        return "bytes that are no text became question marks"
    return None
