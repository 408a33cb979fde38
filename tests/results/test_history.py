import csv
import re
import subprocess
import sys

from common.results.history import LOSSES, History
from helpers.project import PROJECT, SCRIPTS

import pytest
from PIL import Image


def test_rows_lines_and_files(tmp_path):
    history = History()
    history.add([2.7454, 0.0836, 24.7882, 0.2582, 2.8813], [2.5641, 0, 0, 0, 0], (9.1, 6.8))
    assert history.log_line(71.69) == (
        "epoch 1 : ae train: 2.7454 ae test: 2.5641 norm 0.0836 pos 24.7882 quat 0.2582 kld 2.8813 time 71.69"
    )
    history.add([2.5, 0.08, 24.0, 0.25, 2.8], [])
    assert re.match(r"epoch 2 : ae train: 2\.5000 ae test: nan norm 0\.0800", history.log_line(1.0))
    history.save(tmp_path, 2)
    rows = list(csv.reader((tmp_path / "history_2.csv").open(newline="")))
    assert rows[0] == [*LOSSES, "held out degrees", "held out cm"]
    assert LOSSES == ("ae train", "ae test", "ae norm", "ae pos", "ae quat", "ae kld")
    expected = [2.7454, 2.5641, 0.0836, 24.7882, 0.2582, 2.8813, 9.1, 6.8]
    assert [float(value) for value in rows[1]] == pytest.approx(expected)
    assert rows[2][-2:] == ["nan", "nan"]
    assert len(rows) == 3
    with Image.open(tmp_path / "history_2.png") as image:
        assert image.width > 800
        assert len(image.convert("RGB").getcolors(10**7)) > 100


def test_a_history_from_before_the_held_out_errors_goes_on(tmp_path):
    history = History([[2.0, 3.0, 0.1, 20.0, 0.3, 3.0]])
    history.add([1.0, 0.1, 20.0, 0.3, 3.0], [2.0], (9.0, 7.0))
    history.save(tmp_path, 2)
    rows = list(csv.reader((tmp_path / "history_2.csv").open(newline="")))
    assert [row[6:] for row in rows[1:]] == [["nan", "nan"], ["9.0", "7.0"]]


def test_showing_without_a_display_returns_at_once():
    code = "from common.results.history import History\nh = History()\nh.add([1] * 5, [1])\nh.show()\nprint('done')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env={"PATH": ""}, capture_output=True, text=True, timeout=60
    )
    if sys.platform == "linux":
        assert done.stdout == "done\n"
        assert done.stderr == ""


@pytest.mark.parametrize("name", SCRIPTS)
def test_training_does_not_wait_for_matplotlib(name):
    """Half a second of every start; the plot is drawn much later."""
    code = f"import sys, {name}\nprint('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n"
