"""Feeds damaged motion files to both readers: each has to end in a Mocap or in one InputError, in time and memory.

    python tests/helpers/fuzzing.py --cases 2000

Damages real recordings, where they are there, and generated files: cut, bits flipped, pieces swapped, numbers replaced
by absurd ones, trees with lying counts, cycles, bombs. A case is made from the seed and its own number, so
`--only 17` repeats case 17, and `--keep folder` writes the files that failed. Needs Linux or macOS.
"""

import argparse
import collections
import contextlib
import faulthandler
import io
import itertools
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (2, 1)]  # it may be started from any folder

from common.mocap import bvh, fbx, load_mocap
from common.mocap.fbx import container
from common.mocap.fbx.container import Node, PackedArray
from common.runtime.errors import InputError
from helpers import plain_fbx_text, project
from helpers.fbx_bytes import packed, to_bytes, walk

import numpy as np

OTHER_RATE = 47.0  # frames per second, asked of every second case: curves are sampled between their keys
SECONDS = 5  # that a case may take
MEMORY = 1 << 30  # bytes that a worker may take beyond what it starts with
LARGEST_SEED = 700_000  # bytes
ABSURD = [0, 1, -1, 2, 14, 99, 255, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**53, 2**62, 2**63 - 1, -(2**63)]
ABSURD_FLOATS = [0.0, -1.0, 1e-300, 1e-9, 1e9, 1e18, 1e300, -1e300, np.nan, np.inf, -np.inf]
WORDS = [
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "99999999999999999999",
    "x",
    "",
    "{",
    "}",
    '"',
    "*9999999999",
    "1e-320",
]


# ---------------------------------------------------------------------------------------------------------------------
# undamaged files


def seeds(folder):
    """{name: bytes}: real recordings and files made here."""
    files = {}
    if project.RECORDINGS.is_dir():
        for path in sorted(project.RECORDINGS.glob("*/*.[bf][vb][hx]")):
            if path.stat().st_size < LARGEST_SEED and path.parent.name in ("bvh", "fbx"):
                files[path.name] = path.read_bytes()
    project.write_body(folder / "made.bvh", 30)
    files["made.bvh"] = (folder / "made.bvh").read_bytes()
    with contextlib.redirect_stdout(io.StringIO()):
        fbx.save_fbx(bvh.load_bvh(folder / "made.bvh"), folder / "made.fbx")
    files["made.fbx"] = (folder / "made.fbx").read_bytes()
    files |= dialects(folder)
    for name, data in list(files.items()):
        (folder / name).write_bytes(data)
        if read(folder / name) != "mocap":  # the readers stop early at what is refused anyway
            del files[name]
    return files


def dialects(folder):
    """{name: bytes}: files as some producers write them, made here."""
    text = (folder / "made.bvh").read_text(encoding="utf-8")
    header, motion = text.split("MOTION")
    flat = re.sub(r"\s+", " ", header)
    scaled = re.sub(r"CHANNELS 3 (.*)", r"CHANNELS 6 \1 Xscale Yscale Zscale", header)
    channels = scaled.count("rotation") + scaled.count("position") + scaled.count("scale")
    rows = "\n".join(" ".join(["1.0"] * channels) for _ in range(30))
    swaying = plain_fbx_text.swaying(30, 120)
    wrapped = plain_fbx_text.write_6(folder / "wrapped_6.fbx", plain_fbx_text.CHAIN, swaying, TimeMode=6).read_text()
    wrapped = re.sub(r"L,(\d)", r"L\n\t\t\1", wrapped)
    takes, spans = {"t": [plain_fbx_text.layer(swaying)]}, {"t": (20, 30)}
    beyond = plain_fbx_text.write(folder / "beyond.fbx", plain_fbx_text.CHAIN, takes, spans, UpAxisSign=-1)
    return {
        "one_line.bvh": f"{flat}\nMOTION{motion}".encode(),
        "comments.bvh": text.replace("\n", " # 1\n// 2\n").encode(),
        "utf_16.bvh": text.encode("utf-16"),
        "scaled.bvh": f"{scaled}MOTION\nFrames: 30\nFrame Time: 0.02\n{rows}\n".encode(),
        "commas.bvh": text.replace(".", ",").encode(),
        "rate.bvh": re.sub("Frame Time: .*", "Frame Time: 50", text).encode(),
        "wrapped_6.fbx": wrapped.encode(),
        "beyond.fbx": beyond.read_bytes(),
    }


# ---------------------------------------------------------------------------------------------------------------------
# damage to bytes


def cut(data, others, rng):
    return data[: rng.integers(len(data))]


def flip_bits(data, others, rng):
    data = bytearray(data)
    for place in rng.integers(len(data), size=2 ** rng.integers(0, 8)):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def overwrite(data, others, rng):
    """Absurd numbers over lengths, counts and whatever else stands there."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        number = ABSURD[rng.integers(len(ABSURD))] & (2**64 - 1)
        raw = struct.pack("<Q", number)[: 4 + 4 * rng.integers(2)]
        place = rng.integers(len(data)) if rng.integers(3) else rng.integers(min(len(data), 2000))
        data[place : place + len(raw)] = raw
    return bytes(data)


def splice(data, others, rng):
    other = others[rng.integers(len(others))]
    start, stop = sorted(rng.integers(len(other), size=2))
    place = rng.integers(len(data))
    return data[:place] + other[start:stop] + data[place + rng.integers(2) * (stop - start) :]


def repeat_piece(data, others, rng):
    start, stop = sorted(rng.integers(len(data), size=2))
    stop = min(stop, start + 5000)
    return data[:start] + data[start:stop] * int(rng.integers(2, 50)) + data[stop:]


def replace_words(data, others, rng):
    words = data.split(b" " if b" " in data else b",")
    mark = b" " if b" " in data else b","
    for _ in range(rng.integers(1, 10)):
        words[rng.integers(len(words))] = WORDS[rng.integers(len(WORDS))].encode()
    return mark.join(words)


def replace_numbers(data, others, rng):
    """Absurd words in place of numbers of a text file, between commas, blanks and line ends."""
    pieces = data.replace(b",", b" , ").split(b" ")
    numbers = [i for i, piece in enumerate(pieces) if piece.strip()[:1].isdigit() or piece.strip()[:1] == b"-"]
    for _ in range(rng.integers(1, 20) if numbers else 0):
        pieces[numbers[rng.integers(len(numbers))]] = WORDS[rng.integers(len(WORDS))].encode()
    return b" ".join(pieces)


def nest_text(data, others, rng):
    depth = int(10 ** rng.integers(1, 6))
    place = data.find(b"\n", rng.integers(len(data)))
    return data[:place] + b"\nA: {" * depth + b"}" * (depth if rng.integers(2) else 0) + data[place:]


# ---------------------------------------------------------------------------------------------------------------------
# damage to the tree of an FBX file


def pick(nodes, rng):
    nodes = list(nodes)
    return nodes[rng.integers(len(nodes))] if nodes else Node("", [], [])


def lie_in_arrays(root, rng):
    arrays = [node for node in walk(root) if node.values and isinstance(node.values[0], PackedArray)]
    for _ in range(rng.integers(1, 5)):
        node = pick([a for a in arrays if a.name.startswith("Key")] or arrays, rng)
        if not node.values:
            return
        old = node.values[0]
        kind = rng.integers(6)
        if kind == 0:
            old.count = int(rng.choice([0, 1, old.count + 1, old.count * 2, 2**31, 2**32 - 1]))
        elif kind == 1:  # a bomb that says so, and one that does not
            node.values[0] = packed(np.zeros(int(10 ** rng.uniform(4, 7.3))), old.dtype.str)
            if rng.integers(2):
                node.values[0].count = 10
        else:
            numbers = np.array(unpacked(old), copy=True)
            damage_numbers(numbers, rng)
            node.values[0] = packed(numbers, old.dtype.str)


def unpacked(array):
    data = zlib.decompress(array.data) if array.deflated else bytes(array.data)
    return np.frombuffer(data, array.dtype)


def damage_numbers(numbers, rng):
    if not len(numbers):
        return
    places = rng.integers(len(numbers), size=rng.integers(1, 4))
    if numbers.dtype.kind == "f":
        numbers[places] = rng.choice([0, -1, 1e9, 1e30, np.nan, np.inf, -np.inf])
    elif rng.integers(2):
        limits = np.iinfo(numbers.dtype)
        numbers[places] = np.clip(rng.choice(np.array(ABSURD[:-3])), limits.min, limits.max)
    else:
        rng.shuffle(numbers)


def stretch_takes(root, rng):
    """±166,666 seconds, 10^9 frames, and the like."""
    second = 46186158000
    for node in walk(root):
        if node.name in ("P", "Property") and node.text(0) in ("LocalStart", "LocalStop") and rng.integers(4):
            node.values[-1] = int(
                rng.choice([-166666 * second, 166666 * second, 10**9 * second // 30, 2**62, -(2**62)])
            )
        if node.name == "LocalTime" and rng.integers(2):
            node.values = [int(-166666 * second), int(rng.choice([166666 * second, 2**62]))]
        if node.name == "KeyTime" and rng.integers(4) == 0 and isinstance(node.values[0], PackedArray):
            times = np.linspace(-166666 * second, 166666 * second, node.values[0].count % 10**6)
            node.values[0] = packed(times.astype("<i8"), "<i8")


def change_properties(root, rng):
    rows = [node for node in walk(root) if node.name in ("P", "Property") and len(node.values) > 3]
    wanted = ("Lcl", "Rotation", "Pivot", "Offset", "Scal", "Time", "Rate", "Unit", "Axis", "Inherit", "Weight", "Mode")
    chosen = [row for row in rows if any(word in row.text(0) for word in wanted)]
    for _ in range(rng.integers(1, 8)):
        row = pick(chosen, rng)
        if row.values:
            place = int(rng.integers(3, len(row.values)))
            row.values[place] = [float(rng.choice(ABSURD_FLOATS)), int(rng.choice(ABSURD[:12])), "word", b"raw"][
                rng.integers(4)
            ]


def tangle(root, rng):
    """Connections that run in circles, twice, to themselves, or to what is not there."""
    links = root.child("Connections")
    rows = links.children if links else []
    for _ in range(rng.integers(1, 10) if rows else 0):
        row, other = pick(rows, rng), pick(rows, rng)
        kind = rng.integers(6)
        if kind == 0:
            row.values[1:3] = row.values[2:0:-1]
        elif kind == 1 and len(row.values) > 2:
            row.values[2] = row.values[1]
        elif kind == 2:
            rows += [Node(row.name, list(row.values), [])] * int(10 ** rng.integers(0, 4))
        elif kind == 3 and len(row.values) > 2 and len(other.values) > 2:
            row.values[2] = other.values[1]
        elif kind == 4:
            rng.shuffle(rows)
        elif kind == 5:
            row.values = row.values[: rng.integers(len(row.values) + 1)]


def nest(root, rng):
    node = pick(walk(root), rng)
    for _ in range(int(10 ** rng.integers(1, 3))):
        inner = Node("A", [], [])
        node.children.append(inner)
        node = inner


def shuffle_tree(root, rng):
    nodes = list(walk(root))[1:]
    for _ in range(rng.integers(1, 12)):
        node, other = pick(nodes, rng), pick(nodes, rng)
        kind = rng.integers(5)
        if kind == 0:
            node.values = list(other.values)
        elif kind == 1:
            node.name = other.name
        elif kind == 2 and node.children:
            node.children.pop(int(rng.integers(len(node.children))))
        elif kind == 3:
            node.values = node.values[::-1]
        elif node.children:
            node.children += [node.children[rng.integers(len(node.children))]] * int(rng.integers(1, 4))


def damage_tree(data, others, rng):
    try:
        version, root = container.parse_binary(data)
    except container.DamagedError:
        return cut(data, others, rng)
    for node in walk(root):
        for value in node.values:
            if isinstance(value, PackedArray):  # little endian, whatever it was
                value.data = bytes(value.data)
                if value.dtype.byteorder == ">":
                    value.data, value.deflated = unpacked(value).astype(value.dtype.newbyteorder("<")).tobytes(), False
                    value.dtype = value.dtype.newbyteorder("<")
    damages = (lie_in_arrays, stretch_takes, change_properties, tangle, nest, shuffle_tree)
    for damage in rng.choice(len(damages), size=rng.integers(1, 4)):
        damages[damage](root, rng)
    return to_bytes(root, version)


BYTE_DAMAGE = (cut, flip_bits, overwrite, splice, repeat_piece)
TEXT_DAMAGE = (*BYTE_DAMAGE, replace_words, replace_numbers, replace_numbers, nest_text)
TREE_DAMAGE = (*BYTE_DAMAGE, *[damage_tree] * 6)


def make_case(number, seed, files):
    """(name of the undamaged file, kind of damage, bytes)."""
    rng = np.random.default_rng((seed, number))
    name = list(files)[rng.integers(len(files))]
    data = files[name]
    damages = TREE_DAMAGE if data.startswith(container.MAGIC) else TEXT_DAMAGE
    damage = damages[rng.integers(len(damages))]
    return name, damage.__name__, damage(data, list(files.values()), rng)


# ---------------------------------------------------------------------------------------------------------------------
# running


class TooSlowError(BaseException):
    pass


def _too_slow(*_):
    raise TooSlowError


def read(path, fps=None):
    """What became of a file: "mocap", "refused", or what should not have happened."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            take = load_mocap(path, fps=fps)
    except InputError as error:
        if "more memory" in str(error) or "not foreseen" in str(error):
            return f"FAILED: {error}"
        return "refused" if str(path) in str(error) or path.name in str(error) else f"FAILED: nameless: {error}"
    if not (take.rot_local.isfinite().all() and take.root_pos.isfinite().all() and take.fps > 0):
        return "FAILED: a Mocap that is not finite"
    return "mocap"


def work(first, last, seed, keep):
    """Cases first ≤ n < last, a line of output each."""
    signal.signal(signal.SIGALRM, _too_slow)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        files = seeds(folder)
        for path in (folder / "made.bvh", folder / "made.fbx"):
            read(path)  # so that all code is loaded before memory is counted
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if _linux() else 0
        if size:
            resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        for number in range(first, last):
            name, damage, data = make_case(number, seed, files)
            path = folder / f"case{number}{Path(name).suffix}"
            path.write_bytes(data)
            print(f"start\t{number}\t{name}\t{damage}", flush=True)
            start = time.perf_counter()
            signal.alarm(SECONDS)
            faulthandler.dump_traceback_later(2 * SECONDS, exit=True)  # for what no signal can interrupt
            try:
                result = read(path, fps=OTHER_RATE if number % 2 else None)
            except TooSlowError:
                result = "FAILED: too slow"
            except BaseException as error:
                result = f"FAILED: {type(error).__name__}: {error} {traceback.extract_tb(error.__traceback__)[-1]}"
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()
            if result.startswith("FAILED") and keep:
                (Path(keep) / path.name).write_bytes(data)
            line = (result.replace("\n", " ").replace("\t", " "), f"{time.perf_counter() - start:.3f}", _peak())
            print("end", number, name, damage, *line, sep="\t", flush=True)
            path.unlink()


def _linux():
    return sys.platform.startswith("linux")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if _linux() else 1024**2)


def run_cases(first, last, seed, keep=None):
    """All cases, in workers that are replaced when they die: [(number, name, damage, result, seconds, peak MB)]."""
    results = []
    while first < last:
        command = [sys.executable, __file__, "--work", str(first), str(last), "--seed", str(seed)]
        command += ["--keep", keep] if keep else []
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        running = None
        for line in worker.stdout:
            kind, number, name, damage, *rest = line.rstrip("\n").split("\t")
            running = (int(number), name, damage) if kind == "start" else None
            if kind == "end":
                results.append((int(number), name, damage, rest[0], float(rest[1]), int(rest[2])))
                first = int(number) + 1
        code = worker.wait()
        if running:
            results.append((*running, f"FAILED: the worker died ({code})", float(SECONDS), 0))
            first = running[0] + 1
        elif first < last and code:
            raise RuntimeError(f"the worker ended with {code} before case {first}")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", help="a folder for the files that failed")
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options.seed, options.keep)
        return 0
    span = (0, options.cases) if options.only is None else (options.only, options.only + 1)
    started = time.perf_counter()
    results = run_cases(*span, options.seed, options.keep)
    for ending in (".fbx", ".bvh"):
        of_kind = [result for result in results if result[1].endswith(ending)]
        counts = collections.Counter(result[3].split(":")[0] for result in of_kind)
        slowest = max((result[4] for result in of_kind), default=0)
        print(f"{ending}: {len(of_kind)} cases, {dict(counts)}, slowest {slowest:.2f} s")
    damages = collections.Counter(itertools.chain(result[2] for result in results))
    print(f"damage: {dict(damages)}")
    print(f"largest worker {max(result[5] for result in results)} MB, all in {time.perf_counter() - started:.0f} s")
    failed = [result for result in results if result[3].startswith("FAILED")]
    for result in failed[:40]:
        print(*result, sep="  ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
