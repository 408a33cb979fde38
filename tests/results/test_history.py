import csv
import re
import sys

from common.results.history import ERRORS, History

import pytest
from PIL import Image


def losses(*values):
    return dict(zip(("total", "norm", "pos", "quat", "kld"), values, strict=True))


def test_rows_lines_and_files(tmp_path):
    history = History()
    history.add(losses(2.7454, 0.0836, 24.7882, 0.2582, 2.8813), losses(2.5641, 0, 0, 0, 0), (9.1, 6.8))
    assert history.log_line(71.69) == (
        "epoch 1 : ae train: 2.7454 ae test: 2.5641 norm 0.0836 pos 24.7882 quat 0.2582 kld 2.8813 time 71.69"
    )
    history.add(losses(2.5, 0.08, 24.0, 0.25, 2.8), {})
    assert re.match(r"epoch 2 : ae train: 2\.5000 ae test: nan norm 0\.0800", history.log_line(1.0))
    history.save(tmp_path, 2)
    rows = list(csv.reader((tmp_path / "history_2.csv").open(newline="")))
    assert rows[0] == ["ae train", "ae test", "ae norm", "ae pos", "ae quat", "ae kld", *ERRORS]
    expected = [2.7454, 2.5641, 0.0836, 24.7882, 0.2582, 2.8813, 9.1, 6.8]
    assert [float(value) for value in rows[1]] == pytest.approx(expected)
    assert rows[2][-2:] == ["nan", "nan"]
    assert len(rows) == 3
    with Image.open(tmp_path / "history_2.png") as image:
        assert image.width > 800
        assert len(image.convert("RGB").getcolors(10**7)) > 100


def test_a_part_that_a_script_adds_to_its_loss_is_shown_too(tmp_path):
    history = History()
    history.add({"total": 2.0, "pos": 1.0, "foot": 0.5}, {"total": 3.0}, (9.0, 7.0))
    assert "pos 1.0000 foot 0.5000 time" in history.log_line(1.0)
    goes_on = History(history.rows)  # as a checkpoint has them
    goes_on.add({"total": 1.0, "pos": 0.5, "foot": 0.25}, {"total": 2.0}, (8.0, 6.0))
    goes_on.save(tmp_path, 2)
    rows = list(csv.DictReader((tmp_path / "history_2.csv").open(newline="")))
    assert [float(row["ae foot"]) for row in rows] == [0.5, 0.25]
    assert [float(row["held out cm"]) for row in rows] == [7.0, 6.0]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_showing_without_a_display_returns_at_once(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # which would look for a display
    history = History([{"ae train": 1.0, "ae test": 1.0}])
    history.show()
    monkeypatch.setenv("DISPLAY", ":9")
    with pytest.raises(ImportError):
        history.show()
