"""What a run lets its user see while it trains."""

import csv
import itertools

from common.dataset import Duet
from common.mocap import cut, first_frames, load_mocap, rescale
from common.model import generate
from common.results import preview, run, stick_figure, weights
from common.results.history import History
from helpers.killing import compare
from helpers.project import SCRIPTS, load_script, run_here
from helpers.sweeps import quick

import numpy as np
import pytest
import torch
from PIL import Image

EVERY_EPOCH = {"model_save_interval": 1}
VIEW = (90.0, -90.0, 1.0, 4.0)


def load_takes(folder):
    return tuple(load_mocap(folder / f"{take}.bvh") for take in ("one", "two"))


@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn_deepfake"))
def test_what_can_be_seen_is_refreshed_at_every_interval(name, tiny, duet, monkeypatch, capsys):
    """The history, and a preview that is as large as its figures and takes as long as what it shows."""
    histories, log_line, folder = [], History.log_line, duet / "results/histories"

    def read_files(history, seconds):
        if histories or len(history.rows) > 1:
            rows = list(csv.reader((folder / "history_3.csv").open(newline="")))
            histories.append((len(rows) - 1, (folder / "history_3.png").read_bytes()))
        return log_line(history, seconds)

    monkeypatch.setattr(History, "log_line", read_files)
    assert run_here(name, tiny | EVERY_EPOCH | {"epochs": 3}, monkeypatch) == 0
    assert [rows for rows, _ in histories] == [1, 2]
    assert len({picture for _, picture in histories}) == 2
    hints = [line for line in capsys.readouterr().out.splitlines() if line.startswith("see how it goes")]
    places = ["histories/history_3.png", "anims/preview_epoch_<n>.gif", "report.html"]
    assert hints == ["see how it goes, anew every epoch: " + ", ".join(str(duet / "results" / file) for file in places)]
    for epoch in range(1, 4):
        with Image.open(duet / f"results/anims/preview_epoch_{epoch}.gif") as image:
            assert image.size == ((150, 75) if name == "vae_rnn" else (150, 150))
            delays = []
            for frame in range(image.n_frames):
                image.seek(frame)
                delays.append(image.info["duration"])
    assert sum(delays) == pytest.approx(20 / 50 * 1000, abs=20)  # 20 frames are held out
    assert min(delays) >= 40


def test_a_short_run_is_not_told_where_to_look_before_its_end(tiny, duet, monkeypatch, capsys):
    assert run_here("vae_rnn", tiny | {"save_history": False}, monkeypatch) == 0
    assert "see how it goes" not in capsys.readouterr().out
    assert [path.name for path in (duet / "results/anims").glob("preview*")] == ["preview_epoch_2.gif"]


@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn"))
def test_previews_leave_no_trace_in_what_is_learnt(name, tiny, duet, monkeypatch):
    for interval, folder in ((1, "often"), (9, "once")):
        changes = {"model_save_interval": interval, "results_path": str(duet / folder), "epochs": 3}
        assert run_here(name, tiny | changes, monkeypatch) == 0
    compare(duet / "often", duet / "once", 3)
    states_often, states_once = (
        weights.read(duet / folder / "weights/checkpoint")["random"] for folder in ("often", "once")
    )
    assert torch.equal(states_often["torch"], states_once["torch"])
    assert torch.equal(states_often["numpy"][1], states_once["numpy"][1])
    assert states_often["python"] == states_once["python"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_preview_shows_the_recording_and_what_the_models_make_of_it(name, duet, monkeypatch):
    takes = load_takes(duet)
    script = load_script(name)
    sizes = {"sequence_length": 8, "ae_rnn_layer_size": 6, "ae_dense_layer_sizes": [10], "latent_dim": 4}
    vars(script).update(sizes | {"export_hold_feet": False})  # so that legs are as the models have them
    nets = script.make_models([48, 48])
    pictures = []
    monkeypatch.setattr(stick_figure, "save_side_by_side", lambda *arguments: pictures.append(arguments))
    monkeypatch.setattr(preview, "SECONDS", 0.5)
    previews = preview.Preview(Duet([takes], [[(0, 10), (20, 80), (80, 100)]], 0.5), 8, VIEW, duet)
    previews.save(script.conversions(nets), 7)
    rows, title, path, *view = pictures[0]
    assert (title, path, view) == ("epoch 7, held out", duet / "preview_epoch_7.gif", [90.0, -90.0, 1.0, 3.0, 0.04])
    recorded = [cut(take, 50, 75, anchor=20) for take in takes]  # with the signs that training sees
    clips = {
        (conversion.source, conversion.target): generate.convert(conversion, recorded[conversion.source], 8)
        for conversion in script.conversions(nets)
    }
    if name == "vae_rnn":
        expected = [[("dancer 2, recorded", recorded[1].rot_local), ("dancer 2, predicted", clips[0, 1])]]
    else:
        expected = [
            [("dancer 1, recorded", recorded[0].rot_local), ("dancer 1 as dancer 2", clips[0, 1])],
            [("dancer 2, recorded", recorded[1].rot_local), ("dancer 2 as dancer 1", clips[1, 0])],
        ]
    for row, expected_row in zip(rows, expected, strict=True):
        for (caption, take), (words, rot_local) in zip(row, expected_row, strict=True):
            assert caption == words
            assert caption.isascii()  # which Pillow's own letters have
            np.testing.assert_allclose(take.rot_local, rot_local, atol=1e-6)


STRETCHES = {
    "held out": ([[(0, 100)]], 0.2, 8, 15, (0, 80, 95, True)),
    "as long as there is": ([[(0, 100)]], 0.2, 8, 50, (0, 80, 100, True)),
    "the first with room for a window": ([[(0, 40)], [(5, 30), (30, 90)]], 0.25, 12, 50, (1, 75, 90, True)),
    "nothing held out": ([[(10, 100)]], 0.0, 8, 15, (0, 85, 100, False)),
    "less than a window held out": ([[(10, 60)]], 0.1, 8, 15, (0, 40, 55, False)),
    "less than asked for": ([[(10, 20)]], 0.0, 8, 15, (0, 10, 20, False)),
}


@pytest.mark.parametrize("case", STRETCHES)
def test_previews_show_what_is_not_trained_on_where_there_is_such(case, duet):
    ranges, held_out_share, sequence_length, length, expected = STRETCHES[case]
    pairs = [load_takes(duet)] * len(ranges)
    assert Duet(pairs, ranges, held_out_share).preview(sequence_length, length) == expected


def test_a_preview_says_that_nothing_was_held_out(duet, monkeypatch):
    titles = []
    monkeypatch.setattr(stick_figure, "save_side_by_side", lambda rows, title, *_: titles.append(title))
    preview.Preview(Duet([load_takes(duet)], [[(0, 100)]], 0.0), 8, VIEW, duet).save([], 50)
    assert titles == ["epoch 50, trained on"]


def fill_the_disk(monkeypatch, name):
    """No room for one GIF."""
    write = stick_figure._write_gif

    def full(path, *rest):
        if path.name == name:
            raise OSError(28, "No space left on device", str(path))
        write(path, *rest)

    monkeypatch.setattr(stick_figure, "_write_gif", full)


def test_a_preview_that_fails_stops_no_training(tiny, duet, monkeypatch, capsys):
    fill_the_disk(monkeypatch, "preview_epoch_1.gif")
    assert run_here("vae_rnn", tiny | EVERY_EPOCH, monkeypatch) == 0
    assert "preview_epoch_1.gif: cannot be written (No space left on device). The training" in capsys.readouterr().out
    assert (duet / "results/anims/preview_epoch_2.gif").exists()


def test_a_last_preview_that_fails_costs_no_clips(tiny, duet, monkeypatch, capsys):
    fill_the_disk(monkeypatch, "preview_epoch_2.gif")
    assert run_here("vae_rnn", tiny, monkeypatch) == 0
    output = capsys.readouterr().out
    assert "preview_epoch_2.gif: cannot be written (No space left on device). Make room" in output
    assert f"You find the report, {duet / 'results/report.html'}, the numbers in" in output
    assert len(list((duet / "results/anims").glob("*_length_*.gif"))) == 7


def fail_until_the_export(words, monkeypatch):
    def fail(*_):
        raise RuntimeError(words)

    def export(*arguments):
        monkeypatch.setattr(generate, "decode", decode)
        return export_clips(*arguments)

    decode, export_clips = generate.decode, run.export_clips
    monkeypatch.setattr(generate, "decode", fail)
    monkeypatch.setattr(run, "export_clips", export)


def test_a_lack_of_memory_for_previews_stops_no_training(tiny, duet, monkeypatch, capsys):
    fail_until_the_export("CUDA out of memory", monkeypatch)
    assert run_here("vae_rnn", tiny | EVERY_EPOCH, monkeypatch) == 0
    output = capsys.readouterr().out
    words = "there is not enough memory for a look at the training."
    assert output.count(words) == 3  # two previews, and a report in between
    assert output.count(f"{words} The training goes on") == 2
    assert (duet / "results/report.html").exists()


def test_a_fault_in_a_preview_is_no_lack_of_memory(tiny, duet, monkeypatch, capsys):
    fail_until_the_export("a fault", monkeypatch)
    assert run_here("vae_rnn", tiny, monkeypatch) == 1
    assert "not enough memory" not in capsys.readouterr().out


def ink_rows(picture):
    """The first and last row with the ink of limbs."""
    colours = [stick_figure.INKS[side] for side in (stick_figure.LEFT, stick_figure.RIGHT)]
    limbs = np.any([(np.abs(picture.astype(int) - colour).max(-1) < 12) for colour in colours], axis=0)
    rows = np.flatnonzero(limbs[40:].any(axis=1))  # below the legend
    return np.ptp(rows)


def test_figures_side_by_side_have_one_scale(duet):
    take = first_frames(load_mocap(duet / "one.bvh"), 3)
    half = rescale(take, 0.5)
    stick_figure.save_side_by_side([[("whole", take), ("half", half)]], "title", duet / "two.gif", 90, -90, 1.0, 4.0)
    with Image.open(duet / "two.gif") as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape == (400, 800, 3)
    assert ink_rows(picture[:370, :400]) == pytest.approx(2 * ink_rows(picture[:370, 400:]), abs=12)
    words = np.abs(picture.astype(int) - stick_figure.INKS[stick_figure.MIDDLE]).max(-1) < 60
    assert words[385:, :400].sum() > words[385:, 400:].sum() > 5  # captions: "whole" is longer than "half"
    assert words[:25, 300:500].sum() > 5  # the title


def test_figures_of_every_size_can_be_drawn(duet):
    take = first_frames(load_mocap(duet / "one.bvh"), 2)
    for size, rows in itertools.product((0.375, 0.5, 7.5), (1, 2)):
        panels = [[("dancer 1, recorded", take)] * 2] * rows
        stick_figure.save_side_by_side(panels, "epoch 100000, trained on", duet / "any.gif", 90, -90, 1.0, size)
        with Image.open(duet / "any.gif") as image:
            assert image.size == (2 * round(100 * size), rows * round(100 * size))
