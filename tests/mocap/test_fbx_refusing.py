import re
import subprocess
import sys

from common.mocap import fbx
from common.mocap.fbx import container
from common.runtime.errors import InputError
from helpers.plain_fbx_text import CHAIN, CUBIC, curve, edited, layer, node, read, swaying, write
from slow import fuzz_motion_files

import numpy as np
import pytest

HEAD = "; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 7400\n}\n"
BROKEN = {
    "empty": b"",
    "another format": b"HIERARCHY\nROOT Hips\n{\n",
    "zeros": bytes(4000),
    "header only": container.MAGIC + b"\x1a\0",
    "version 5": container.MAGIC + b"\x1a\0" + (5000).to_bytes(4, "little") + bytes(100),
    "a record that ends outside": container.MAGIC + b"\x1a\0" + (7400).to_bytes(4, "little") + b"\xff" * 13 + bytes(40),
    "no objects": HEAD.encode(),
    "a brace missing": (HEAD + "Objects: {\n").encode(),
    "a brace too many": (HEAD + "}\n").encode(),
    "nested without end": (HEAD + "A: {\n" * 100_000).encode(),
    "blanks without end": (HEAD + "A: " + " \n" * 500_000 + "{").encode(),
    "commas without end": (HEAD + "A: " + "," * 500_000 + "{").encode(),
    "quotes without end": (HEAD + 'A: "' * 200_000).encode(),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_with_their_name(tmp_path, data):
    (tmp_path / "broken.fbx").write_bytes(data)
    with pytest.raises(InputError, match=r"broken\.fbx: "):
        fbx.load_fbx(tmp_path / "broken.fbx")


def test_keys_that_mean_nothing_are_refused(tmp_path):
    for given in (
        curve([0, 1], ["nan", 1]),
        curve([0, 1], ["inf", 1]),
        curve([1, 0], [0, 1]),
        curve([0, 1], [0, 1, 2]),
        curve([0, 1], [0, 1], CUBIC, (float("nan"), 0, 0, 0)),
    ):
        with pytest.raises(InputError, match=r"made\.fbx"):
            read(tmp_path, [node("a")], {"t": [layer({("a", "R", "X"): given})]})


def test_arrays_that_unpack_to_more_than_they_say_are_refused(tmp_path):
    array = fuzz_motion_files.packed(np.zeros(20_000_000), "<f8")
    array.count = 10
    store = container.Store(1000)
    for count, message in ((10, "holds more"), (2**31, "cannot fit"), (20_000_000, None)):
        bomb = container.PackedArray(array.data, array.dtype, count, True, store)
        if message:
            with pytest.raises(container.DamagedError, match=message):
                bomb.unpack()
        else:
            assert len(bomb.unpack()) == count
    with pytest.raises(container.DamagedError, match="far more"):  # the file's share is used up
        container.PackedArray(array.data, array.dtype, 20_000_001, True, store).unpack()


def test_damaged_files_end_in_a_take_or_a_message(project):
    command = [sys.executable, str(project / "tests" / "slow" / "fuzz_motion_files.py"), "--cases", "50", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------------------------------------------------------------
# copied as text


TRANSFERS = {
    "zero bytes as blanks": (lambda data: data.replace(b"\0", b" "), "zero bytes are gone or have become others"),
    "without zero bytes": (lambda data: data.replace(b"\0", b""), "zero bytes are gone or have become others"),
    "line ends of Windows": (lambda data: data.replace(b"\n", b"\r\n"), "every line end in it became two bytes"),
    "line ends of Unix": (lambda data: data.replace(b"\r\n", b"\n"), "became single bytes"),
    "all line ends alike": (lambda data: data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), "became single bytes"),
    "as UTF-8": (lambda data: data.decode("utf-8", "replace").encode(), "became question marks"),
}


@pytest.mark.parametrize(("change", "said"), TRANSFERS.values(), ids=TRANSFERS.keys())
def test_a_binary_file_that_was_copied_as_text_is_known(project, tmp_path, change, said):
    data = (project / "data" / "mocap" / "duet_dancer1.fbx").read_bytes() + bytes(1 << 20)
    assert change(data) != data
    (tmp_path / "take.fbx").write_bytes(change(data))
    with pytest.raises(InputError, match=r"take\.fbx: was damaged in transfer.*Get it again as binary") as error:
        fbx.load_fbx(tmp_path / "take.fbx")
    assert said in str(error.value)


def test_other_damage_is_not_laid_on_the_transfer(project, tmp_path):
    data = (project / "data" / "mocap" / "duet_dancer1.fbx").read_bytes()
    (tmp_path / "take.fbx").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot be read as FBX: it is cut off"):
        fbx.load_fbx(tmp_path / "take.fbx")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n", "is a Git LFS pointer.*git lfs pull"),
        ("<!doctype html>\n<html></html>", "is a web page.*Download the file itself"),
    ],
)
def test_what_stands_for_a_recording_is_named(tmp_path, text, said):
    (tmp_path / "take.fbx").write_text(text)
    with pytest.raises(InputError, match=rf"take\.fbx: {said}"):
        fbx.load_fbx(tmp_path / "take.fbx")


# ---------------------------------------------------------------------------------------------------------------------
# found by trying to break it


def test_counts_whose_sum_wraps_around_are_refused(tmp_path):
    def change(text):
        text = re.sub(r"KeyAttrFlags: \*5 \{\s*a: [^}]*\}", "KeyAttrFlags: *3 {\n a: 4,4,4\n}", text)
        text = re.sub(
            r"KeyAttrDataFloat: \*20 \{\s*a: [^}]*\}", "KeyAttrDataFloat: *12 {\n a: 0" + ",0" * 11 + "\n}", text
        )
        runs = "9223372036854775807,9223372036854775807,7"
        return re.sub(r"KeyAttrRefCount: \*5 \{\s*a: [^}]*\}", "KeyAttrRefCount: *3 {\n a: " + runs + "\n}", text)

    with pytest.raises(InputError, match="does not say for which of the keys"):
        fbx.load_fbx(edited(tmp_path, change))


@pytest.mark.parametrize("value", ["9" * 401, "nan", "-inf", "1e999"])
def test_numbers_beyond_all_measure_are_foreseen(tmp_path, value):
    with pytest.raises(InputError) as error:
        fbx.load_fbx(edited(tmp_path, lambda text: text.replace("4321", value), UnitScaleFactor=4321))
    assert "foreseen" not in str(error.value)
    repeated = swaying(30, 5)
    repeated["a", "R", "X"]["Post"] = ("R", value)
    fbx.load_fbx(write(tmp_path / "repeated.fbx", CHAIN, {"t": [layer(repeated)]}))


@pytest.mark.parametrize(
    "settings", [{"UpAxis": 5}, {"FrontAxis": 10**12}, {"UpAxis": 2, "FrontAxis": 2}, {"UpAxisSign": 7}]
)
def test_axes_that_are_none_do_not_reach_an_export(tmp_path, settings):
    take = read(tmp_path, CHAIN, {"t": [layer(swaying(30, 5))]}, **settings)
    fbx.save_fbx(take, tmp_path / "again.fbx")
    assert fbx.load_fbx(tmp_path / "again.fbx").up_axis == take.up_axis
