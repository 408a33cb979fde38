"""The report without a browser: what the page holds, and that it holds what the run left."""

import csv
import dataclasses
import json
import runpy
import shutil
import subprocess
import sys
import time

from common import report
from common.dataset import Clip, Duet
from common.dataset.clip import DECODED, OTHER, RANDOM_WALK, RECORDED, TRANSLATED
from common.mocap import bvh, cut, load_mocap, rescale, save_mocap
from common.model import generate
from common.motion import root_path
from common.motion.axes import UP_AXES
from common.report import __main__ as command
from common.report import build, clips, contents, latent, page, presets
from common.report.run_report import _describe
from common.results.clips import note_clip, noted_clip, read_notes
from common.runtime import errors, interrupt
from helpers import plain_bvh
from helpers.made_takes import body_of, turned
from helpers.project import PROJECT, SCRIPTS, load_script, positions, run_here
from helpers.report_page import Page
from helpers.strange_names import NAMES, take_of
from helpers.sweeps import quick

import numpy as np
import pytest
import torch

HOSTILE = ['</script><script>alert("x")</script>', "<!--", "]]>", "'\"`&amp;${1}\\", "\u2028\ud800\0\x1b", "x" * 10_000]


@pytest.fixture
def run_copy(tiny_runs, tmp_path):
    """What a run of the deepfake has left, to be changed."""
    return shutil.copytree(tiny_runs["vae_rnn_deepfake"], tmp_path / "left")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_page_holds_the_positions_of_the_exported_files(name, tiny_runs):
    report_page = Page(tiny_runs[name] / "report.html")
    report_page.check_policy()
    clip_files = sorted((tiny_runs[name] / "anims").glob("*.bvh"))
    assert len(clip_files) == len(report_page.data["motion"]["clips"]) == (7 if name == "vae_rnn" else 6)
    for file in clip_files:
        number = report_page.number(file.stem)
        names, expected = plain_bvh.joint_positions(file.read_text())
        np.testing.assert_allclose(report_page.positions(number), expected, atol=0.01)  # a tenth of a millimetre
        assert np.abs(report_page.positions(number) - expected).max() > 0
        clip = report_page.data["motion"]["clips"][number]
        assert (clip["fps"], clip["step"]) == (50, 1)
        assert len(report_page.data["motion"]["skeletons"][clip["skeleton"]]["names"]) == len(names)
    assert (tiny_runs[name] / "report.html").stat().st_size < 1_500_000


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_page_holds_history_settings_and_the_run(name, tiny_runs):
    data = Page(tiny_runs[name] / "report.html").data
    with (tiny_runs[name] / "histories/history_2.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert data["history"]["epochs"] == [1, 2]
    columns = list(data["history"]["columns"].values())
    expected = [[float(value) for value in row] for row in rows]
    for epoch, row in enumerate(expected):
        assert [column[epoch] for column in columns[:6]] == pytest.approx(row[:6])
    assert list(data["history"]["columns"])[:6] == header[:6]
    assert data["config"]["script"] == f"{name}.py"
    assert data["run"]["state"] == "finished"
    assert data["run"]["seconds"] > 0
    assert data["run"]["takes"][0][1]["file"] == "two.bvh"
    assert data["sentence"].startswith(
        f"{name}.py learnt from one.bvh and two.bvh (2 s of duet at 50 frames per second) for 2 of 2 epochs in "
    )
    assert ["frames of a window", "8", "sequence_length"] in data["settings"]
    assert data["problems"] == []
    assert {"/".join(file["path"]) for file in data["files"]} >= {"config.json", "weights/checkpoint"}


def test_which_clips_belong_together(tiny_runs):
    deepfake = Page(tiny_runs["vae_rnn_deepfake"] / "report.html")
    motion, number = deepfake.data["motion"], deepfake.number
    first, second = number("orig_sequence_dancer1"), number("orig_sequence_dancer2")
    reconstructions = [number("pred_sequence_dancer1_to_dancer1"), number("pred_sequence_dancer2_to_dancer2")]
    crossed = [number("pred_sequence_dancer1_to_dancer2"), number("pred_sequence_dancer2_to_dancer1")]
    shown = [preset["clips"] for preset in motion["presets"]]
    assert shown == [
        *([first, second], [first, crossed[0]], [crossed[0], second], [second, crossed[1]], [crossed[1], first]),
        *([first, reconstructions[0]], [second, reconstructions[1]]),
    ]
    compared = {place: clip["compare"] for place, clip in enumerate(motion["clips"]) if clip["compare"] >= 0}
    assert compared == {reconstructions[0]: first, reconstructions[1]: second}  # nobody danced the others

    translation = Page(tiny_runs["vae_rnn"] / "report.html")
    motion, number = translation.data["motion"], translation.number
    first, second, answer = (number(name) for name in ("orig_sequence_dancer1", "orig_sequence_dancer2", "pred"))
    assert [preset["clips"] for preset in motion["presets"]][:3] == [[first, second], [first, answer], [second, answer]]
    assert motion["clips"][answer]["compare"] == second
    assert len(motion["presets"][3]["clips"]) == 4


def test_clips_of_other_frames_are_not_compared(body):
    recorded = [Clip(f"recorded {start}", body, RECORDED, 1, 1, stretch=(0, start, 40)) for start in (0, 10)]
    translated = [Clip(f"made {start}", body, TRANSLATED, 0, 1, 2, (0, start, 40)) for start in (10, 20)]
    of_another_pair = Clip("of another pair", body, TRANSLATED, 0, 1, 2, (1, 10, 40))
    titles = presets.titles([*recorded, *translated, of_another_pair])
    assert [title["compare"] for title in titles] == [-1, -1, 1, -1, -1]


def test_what_was_learnt_last_is_shown_first(body):
    """A run that was stopped after 100 epochs, and went on, has left clips of both."""
    recorded = [Clip(f"recorded {dancer}", body, RECORDED, dancer, dancer) for dancer in (0, 1)]
    made = [
        Clip(f"{kind} {epoch}", body, kind, 0, 1, epoch)
        for epoch in (100, 90, 600)
        for kind in (TRANSLATED, DECODED, RANDOM_WALK)
    ]
    motion = packed(recorded + made)
    names = [[motion["clips"][place]["name"] for place in preset["clips"]] for preset in motion["presets"]]
    assert names[1] == ["recorded 0", "translated 600"]
    assert names[-1] == ["decoded 600", "random walk 600"]
    abouts = {clip["name"]: clip["about"] for clip in motion["clips"]}
    assert abouts["translated 600"] == "as the model answers dancer 1, after 600 epochs"
    assert abouts["recorded 0"] == "recorded"
    alone = packed([recorded[0], made[0]])["clips"]
    assert alone[1]["about"] == "as the model answers dancer 1"


def test_dancers_in_place_do_not_stand_inside_each_other(body):
    for take, beside in ((root_path.stand(body), [True] * 3), (walking(body), [False, False, True])):
        clips = [Clip(f"recorded {dancer}", take, RECORDED, dancer, dancer) for dancer in (0, 1)]
        shown = packed([*clips, Clip("translated", take, TRANSLATED, 0, 1, 1)])["presets"]
        assert [preset["beside"] for preset in shown] == [preset["in_place"] for preset in shown] == beside


NOTE = {"kind": "translated", "source": 0, "dancer": 1, "epoch": 3, "stretch": [0, 5, 9], "recording": ""}
NOTE |= {"unit_cm": 2.0, "up_axis": "Y"}
BAD_NOTES = [
    None, 3, [], {}, NOTE | {"kind": "x"}, NOTE | {"source": 2}, NOTE | {"epoch": "1"}, NOTE | {"stretch": 3},
    NOTE | {"unit_cm": 0}, NOTE | {"unit_cm": "nan"}, NOTE | {"up_axis": "y"}, NOTE | {"more": 1}, NOTE | {"name": "x"},
    NOTE | {"recording": 3}, NOTE | {"source": []}, {**NOTE, "kind": []},
]  # fmt: skip


def test_a_motion_file_is_what_the_run_has_noted(body):
    body = dataclasses.replace(body, path="x.bvh", up_axis="Z")
    clip = noted_clip("name", body, NOTE)
    assert (clip.name, clip.kind, clip.source, clip.dancer, clip.epoch) == ("name", "translated", 0, 1, 3)
    assert clip.stretch == (0, 5, 9)
    assert (clip.motion.up_axis, float(clip.motion.root_pos[3, 1])) == ("Y", 2 * float(body.root_pos[3, 1]))
    in_cm = noted_clip("name", dataclasses.replace(body, path="x.fbx"), NOTE).motion  # an FBX states its unit
    assert float(in_cm.root_pos[3, 1]) == float(body.root_pos[3, 1])


@pytest.mark.parametrize("content", ["{", "[7]", "7"])
def test_notes_that_are_damaged_are_written_anew(content, body, tmp_path):
    path = tmp_path / "clips.json"
    path.write_text(content)
    note_clip(Clip("name", body, RECORDED, 1, 1, stretch=(0, 5, 9)), path)
    (note,) = read_notes(path).values()
    assert (note["kind"], note["dancer"], note["stretch"]) == ("recorded", 1, [0, 5, 9])


@pytest.mark.parametrize("note", BAD_NOTES)
def test_a_note_that_is_none_leaves_a_motion_file_as_it_is(note, body):
    clip = noted_clip("name", body, note)
    assert (clip.kind, clip.epoch) == ("other", 0)
    assert clip.motion is body


def walking(body):
    path = torch.from_numpy(np.linspace([0, 90, 0], [200, 90, 100], body.frame_count))
    return dataclasses.replace(body, root_pos=path)


def packed(shown_clips):
    problems = []
    motion = clips.packed(PROJECT / "nowhere", shown_clips, problems)
    assert problems == []
    return motion


def shown(tmp_path, take):
    """The page of a clip that is handed over."""
    return Page(report.save(tmp_path, clips=[Clip("a clip", take, OTHER, 0, 0)]))


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_every_up_axis_is_shown_upright(up_axis, body, tmp_path):
    """A body that was turned with its axes stands upright again."""
    upright = positions(body)
    page_positions = shown(tmp_path, turned(body, up_axis, rest_too=False)).positions(0)
    np.testing.assert_allclose(page_positions[..., 1], upright[..., 1], atol=0.01)
    distances = [np.linalg.norm(p[:, :, None] - p[:, None], axis=-1) for p in (page_positions, upright)]
    np.testing.assert_allclose(*distances, atol=0.02)
    volumes = [np.linalg.det(p[:, 2:5] - p[:, :1]) for p in (page_positions, upright)]
    np.testing.assert_allclose(*volumes, rtol=1e-2, atol=5)  # no mirror image


def test_the_path_may_be_long_and_stays_exact(body, tmp_path):
    path = torch.linspace(0, 90_000, 40, dtype=torch.float64)[:, None] * torch.tensor((1, 0, -1))
    far = dataclasses.replace(body, root_pos=body.root_pos + path)
    page_positions = shown(tmp_path, far).positions(0)
    np.testing.assert_allclose(page_positions, positions(far), atol=0.01)


def test_eight_default_clips_of_a_real_body_are_small(tmp_path):
    takes = [body_of(57, 1000, 50.0)] * 8
    path = report.save(tmp_path, clips=[Clip(f"clip {n}", take, OTHER, 0, 0) for n, take in enumerate(takes)])
    assert path.stat().st_size < 5_000_000
    report_page = Page(path)
    np.testing.assert_allclose(report_page.positions(3), positions(takes[3]), atol=0.01)


@pytest.mark.parametrize(("fps", "frames", "step"), [(50.0, 100, 1), (59.94, 100, 1), (120.0, 100, 2), (240.0, 100, 4)])
def test_no_more_frames_than_a_screen_shows(fps, frames, step, tmp_path):
    take = body_of(5, frames, fps)
    report_page = shown(tmp_path, take)
    clip = report_page.data["motion"]["clips"][0]
    assert (clip["step"], clip["fps"]) == (step, pytest.approx(fps / step))
    np.testing.assert_allclose(report_page.positions(0), positions(take)[::step], atol=0.01)


def test_long_clips_are_thinned_and_then_cut(monkeypatch, tmp_path):
    take = body_of(5, 400, 100.0)
    monkeypatch.setattr(clips, "LARGEST", 100 * (6 * 5 + 12))
    motion = shown(tmp_path, take).data["motion"]
    assert (motion["thinned"], motion["cut"], motion["clips"][0]["frames"]) == (4, False, 100)
    monkeypatch.setattr(clips, "LARGEST", 40 * (6 * 5 + 12))
    motion = shown(tmp_path, take).data["motion"]
    assert (motion["thinned"], motion["cut"], motion["clips"][0]["frames"]) == (4, True, 40)


@pytest.mark.parametrize(
    ("input_ending", "formats_out"),
    quick(
        [(".bvh", ["bvh"]), (".bvh", ["fbx"]), (".fbx", ["bvh"]), (".fbx", ["fbx", "bvh"])],
        (".bvh", ["fbx"]),
        (".fbx", ["fbx", "bvh"]),
    ),
)
def test_any_format_is_read_once_and_in_centimetres(input_ending, formats_out, tiny, duet, monkeypatch):
    """Exports are in their recording's unit: here 2 cm, so that what is read wrongly is half or twice as large."""
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    for take, name in zip(takes, ("one", "two"), strict=True):
        small = rescale(take, 0.5)
        save_mocap(dataclasses.replace(small, unit_cm=1.0), duet / f"{name}{input_ending}")
    settings = {
        "mocap_files": [[f"one{input_ending}", f"two{input_ending}"]],
        "mocap_pos_scale": 2,
        "export_formats": formats_out,
        "epochs": 1,
    }
    assert run_here("vae_rnn", tiny | settings, monkeypatch) == 0
    report_page = Page(duet / "results/report.html")
    assert len(report_page.data["motion"]["clips"]) == 7
    for dancer, take in enumerate(takes, 1):
        number = report_page.number(f"orig_sequence_dancer{dancer}")
        np.testing.assert_allclose(report_page.positions(number), positions(take)[10:50], atol=0.02)


def test_marks_are_found_by_name_and_else_left_out(body):
    described = clips.describe(body.skeleton)
    names = described["names"]
    marks = {kind: [names[joint] for joint in joints] for kind, joints in described["marks"].items()}
    assert marks == {
        "hands": ["LeftArm_Nub", "RightArm_Nub"],
        "feet": ["LeftLeg_Nub", "RightLeg_Nub"],
        "hips": ["Hips"],
    }
    assert names[described["head"]] == "Head"
    duet = clips.describe(load_mocap(PROJECT / "data/mocap/duet_dancer1.fbx").skeleton)
    assert [duet["names"][joint] for joint in (*duet["marks"]["hands"], *duet["marks"]["feet"])] == [
        *("LeftHand", "RightHand", "LeftFoot", "RightFoot")
    ]
    plain = clips.describe(body_of(7, 2, 50.0).skeleton)
    assert (plain["marks"]["hands"], plain["marks"]["feet"], plain["head"]) == ([], [], -1)


# ---------------------------------------------------------------------------------------------------------------------
# names that anybody may have made


def test_hostile_names_stay_text(run_copy, tmp_path):
    take = take_of(NAMES)
    config = json.loads((run_copy / "config.json").read_text())
    config |= {"mocap_files": [HOSTILE[:2], HOSTILE[2:4]], "sequence_length": HOSTILE[0], "script": HOSTILE[0]}
    (run_copy / "config.json").write_text(json.dumps(config))
    (run_copy / "anims" / "<img src=x onerror=alert(1)> & 'x'.gif").write_bytes(b"")
    metrics = {"rows": [{"conversion": HOSTILE[0], "figures": [{"name": HOSTILE[1], "unit": HOSTILE[2]}]}]}
    (run_copy / "histories" / "metrics_2.json").write_text(json.dumps(metrics | {"summary": HOSTILE}))
    path = report.save(run_copy, clips=[Clip(name, take, OTHER, 0, 0) for name in HOSTILE])
    report_page = Page(path)
    report_page.check_policy()
    assert report_page.data["motion"]["skeletons"][0]["names"] == take.skeleton.joint_names
    assert {clip["name"] for clip in report_page.data["motion"]["clips"]} == set(HOSTILE)
    assert report_page.data["metrics"]["rows"][0]["conversion"] == HOSTILE[0]
    text = path.read_text(encoding="utf-8")
    data = text[text.index('id="data"') :].split("</script>")[0]
    assert "<" not in data.split(">", 1)[1]
    assert "alert" not in " ".join(report_page.words)
    assert len(report_page.data["sentence"]) < 4000


def test_json_in_a_page():
    value = {"a": [1, 2.5, float("nan"), float("-inf"), None, True, "é腕\u2028</script>&"], 3: ()}
    text = page.as_json(value)
    assert text.isascii()
    assert not set("<>&\n") & set(text)
    assert json.loads(text) == {"a": [1, 2.5, None, None, None, True, "é腕\u2028</script>&"], "3": []}


def test_nothing_in_our_own_scripts_ends_them():
    for name in page.SCRIPTS:
        text = (page.WEB / name).read_text(encoding="utf-8").lower()
        assert "</script" not in text
        assert "<!--" not in text
        assert name == "three.js" or not {"innerHTML", "outerHTML", "insertAdjacentHTML", "eval("} & set(text.split())


def test_the_library_states_its_version_and_licence():
    text = (page.WEB / "three.js").read_text(encoding="utf-8")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert text.startswith("/*\nthree.js r187 (npm: three 0.187.0")
    assert "MIT License" in text[:600]
    assert "npx esbuild three_entry.js" in text[:900]
    assert "Permission is hereby granted, free of charge" in (page.WEB / "three_LICENSE.txt").read_text(
        encoding="utf-8"
    )
    assert "three.js r187" in readme


# ---------------------------------------------------------------------------------------------------------------------
# runs of which not everything is there


def remove(*names):
    def change(folder):
        for name in names:
            for path in folder.glob(name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def write(name, content):
    def change(folder):
        path = folder / name
        path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content, encoding="utf-8")

    return change


ORIG = "anims/orig_sequence_dancer1_index_0_seq_start_10_length_40.bvh"
PARTS = {
    "an earlier run": (remove("histories/run.json", "histories/latent_2.npz", "report.html"), 0),
    "no history": (remove("histories"), 0),
    "no clips": (remove("anims"), 0),
    "GIFs alone": (remove("anims/*.bvh"), 0),
    "no config": (remove("config.json"), 0),
    "config alone": (remove("anims", "histories", "weights"), 0),
    "a broken clip": (write(ORIG, "HIERARCHY\nROOT x\n{"), 1),
    "a clip of nothing": (write(ORIG, b""), 1),
    "a config that is none": (write("config.json", "[1]"), 1),
    "a config of another world": (write("config.json", '{"script": 3, "mocap_files": 7, "epochs": "x"}'), 0),
    "a scale of another world": (write("config.json", '{"mocap_pos_scale": [], "mocap_up_axis": {}}'), 0),
    "a run of another world": (write("histories/run.json", '{"takes": 3, "seconds": "x", "state": {}}'), 0),
    "half a run of another world": (write("histories/run.json", '{"epochs_done": [], "machine": []}'), 0),
    "notes of clips that are none": (write("histories/clips.json", "{"), 1),
    "notes of clips of another world": (write("histories/clips.json", "[7]"), 1),
    "takes of another world": (write("histories/run.json", '{"takes": [[{"unit_cm": "x", "fps": null}, 3], 4]}'), 0),
    "a damaged map": (write("histories/latent_2.npz", b"PK\3\4 no"), 1),
    "an empty history": (write("histories/history_2.csv", ""), 1),
    "a history of words": (write("histories/history_2.csv", "a,b\nx,y\n"), 1),
    "a history of a binary file": (write("histories/history_2.csv", bytes(range(256))), 1),
    "a history of NaN": (write("histories/history_2.csv", "ae train,ae test\nnan,nan\ninf,1\n1,2\n3\n"), 0),
    "metrics that are none": (write("histories/metrics_2.json", "{"), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_incomplete_results_are_shown_as_far_as_they_go(name, run_copy):
    change, problems = PARTS[name]
    change(run_copy)
    report_page = Page(report.save(run_copy))
    report_page.check_policy()
    assert len(report_page.data["problems"]) == problems
    assert (report_page.data["motion"] is None) == (not list(run_copy.glob("anims/*.bvh")))
    assert report_page.data["sentence"].endswith(".")
    if name == "a history of NaN":
        assert report_page.data["history"] == {
            "columns": {"ae train": [None, None, 1], "ae test": [None, 1, 2]}, "epochs": [1, 2, 3],
        }  # fmt: skip


def test_the_longest_history_and_the_newest_metrics_count(run_copy):
    (run_copy / "histories/history_300.csv").write_text("ae train\n1\n")
    (run_copy / "histories/history_9.csv").write_text("ae train\n1\n2\n3\n")
    for epoch in (9, 10):
        (run_copy / f"histories/metrics_{epoch}.json").write_text(json.dumps({"epoch": epoch}))
    data = contents.read(run_copy)
    assert data["history"] == {"columns": {"ae train": [1, 2, 3]}, "epochs": [1, 2, 3]}
    assert data["metrics"] == {"epoch": 10}


def test_a_long_history_keeps_its_ends(run_copy):
    rows = "\n".join(str(epoch) for epoch in range(1, 5002))
    (run_copy / "histories/history_5001.csv").write_text(f"ae train\n{rows}\n")
    history = contents.read(run_copy)["history"]
    assert history["columns"]["ae train"] == history["epochs"]
    assert (history["epochs"][0], history["epochs"][-1]) == (1, 5001)
    assert len(history["epochs"]) < 2100


TIMES = {0.2: "0 s", 59.4: "59 s", 61: "1 min 1 s", 120: "2 min", 3599: "59 min", 7260: "2 h 1 min"}


@pytest.mark.parametrize(("seconds", "words"), TIMES.items())
def test_times_in_words(seconds, words):
    assert contents.duration(seconds) == words


# ---------------------------------------------------------------------------------------------------------------------
# the command, and opening


def test_the_command_makes_the_page_again(run_copy, monkeypatch, capsys):
    before = Page(run_copy / "report.html").data
    (run_copy / "report.html").unlink()
    monkeypatch.setattr(sys, "argv", ["report", str(run_copy)])
    monkeypatch.delitem(sys.modules, "common.report.__main__")
    runpy.run_module("common.report", run_name="__main__")  # as `python -m common.report` does
    output = capsys.readouterr()
    assert (output.err, output.out.strip()) == ("", f"The report is {run_copy / 'report.html'}")
    after = Page(run_copy / "report.html").data
    for section in ("config", "run", "sentence", "history", "metrics", "latent"):
        assert after[section] == before[section], section
    assert after["motion"] == before["motion"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one results folder is expected, not 0"),
        (["a", "b"], "not 2"),
        (["nowhere"], "'nowhere': no run has left anything there"),
        (["."], "Name the folder that results_path names"),
    ],
)
def test_a_wrong_results_folder_is_named(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report", *arguments])

    with pytest.raises(SystemExit) as stop:
        errors.run(command.main)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def started(monkeypatch):
    """The commands of processes that would have been started."""
    commands = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: commands.append((command, options)))
    return commands


@pytest.mark.parametrize(
    ("name", "display", "asked_for"),
    [(SCRIPTS[0], True, True), (SCRIPTS[1], True, True), (SCRIPTS[0], False, True), (SCRIPTS[1], True, False)],
)
def test_the_page_is_opened_where_there_is_a_display(name, display, asked_for, tiny, duet, started, monkeypatch):
    monkeypatch.setattr("common.runtime.console.has_display", lambda: display)
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    assert run_here(name, tiny | {"epochs": 1, "open_report": asked_for}, monkeypatch) == 0
    assert len(started) == (display and asked_for)
    for program, options in started:
        assert program[1:] == ["-m", "webbrowser", (duet / "results/report.html").as_uri()]
        assert {options[stream] for stream in ("stdin", "stdout", "stderr")} == {subprocess.DEVNULL}


def test_a_stopped_run_opens_nothing_but_leaves_a_report(tiny, duet, started, monkeypatch):

    monkeypatch.setattr("common.runtime.console.has_display", lambda: True)
    stops = interrupt.Stop()
    monkeypatch.setattr(interrupt, "Stop", lambda: stops)
    stops.asked = True
    assert run_here("vae_rnn", tiny | {"epochs": 2, "open_report": True}, monkeypatch) == 130
    assert not started
    data = Page(duet / "results/report.html").data
    assert data["run"]["state"] == "stopped"
    assert "for 0 of 2 epochs, where it was stopped," in data["sentence"]


# ---------------------------------------------------------------------------------------------------------------------
# while it trains


@pytest.mark.parametrize("name", quick(SCRIPTS, "vae_rnn_deepfake"))
def test_while_it_trains_the_page_shows_what_is_held_out(name, tiny, duet, monkeypatch):
    pages = []
    save = build.save

    def keep(*arguments):
        pages.append(Page(save(*arguments)))
        return duet / "results/report.html"

    monkeypatch.setattr(build, "save", keep)
    assert run_here(name, tiny | {"model_save_interval": 1}, monkeypatch) == 0
    assert len(pages) == 2  # after the first of two epochs, and at the end
    during, after = (report_page.data for report_page in pages)
    assert (during["run"]["state"], during["run"]["epochs_done"]) == ("training", 1)
    assert "for 1 of 2 epochs so far in " in during["sentence"]
    names = [clip["name"] for clip in during["motion"]["clips"]]
    pairs = [(1, 2)] if name == "vae_rnn" else [(1, 1), (1, 2), (2, 1), (2, 2)]
    recorded = [f"orig_sequence_dancer{dancer}_index_0_seq_start_80_length_20" for dancer in (1, 2)]
    assert names == [*recorded, *(f"pred_sequence_dancer{a}_to_dancer{b}_epoch_1" for a, b in pairs)]
    take = load_mocap(duet / "two.bvh")
    np.testing.assert_allclose(pages[0].positions(1), positions(take)[80:100], atol=0.01)
    assert during["motion"]["presets"][0]["clips"] == [0, 1]
    assert len(after["motion"]["clips"]) > 5
    assert during["latent"]["count"] == after["latent"]["count"] > 0


def test_a_run_that_goes_on_adds_up_its_time(tiny, copy_run, monkeypatch):
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    path = copy_run("vae_rnn") / "histories/run.json"
    before = json.loads(path.read_text())
    path.write_text(json.dumps(before | {"started": "before", "seconds": 1000.0}))
    assert run_here("vae_rnn", tiny | {"resume": True, "epochs": 3}, monkeypatch) == 0
    after = json.loads(path.read_text())
    assert after["started"] == "before"
    assert 1000 < after["seconds"] < 1060
    assert after["epochs_done"] == 3
    path.unlink()
    assert run_here("vae_rnn", tiny | {"resume": True, "epochs": 4}, monkeypatch) == 0
    assert json.loads(path.read_text())["seconds"] < 60


def test_without_a_history_the_page_holds_all_the_same(tiny, duet, monkeypatch):
    assert run_here("vae_rnn_deepfake", tiny | {"save_history": False, "test_percentage": 0}, monkeypatch) == 0
    data = Page(duet / "results/report.html").data
    assert data["latent"]["count"] > 0
    assert data["run"]["state"] == "finished"
    assert data["history"]["epochs"] == []


# ---------------------------------------------------------------------------------------------------------------------
# the latent map


@pytest.fixture
def nets():
    torch.manual_seed(0)
    script = load_script("vae_rnn_deepfake")
    script.ae_rnn_layer_size, script.ae_dense_layer_sizes, script.latent_dim, script.sequence_length = 5, [7], 6, 8
    return script.conversions(script.make_models([48, 48]))


@pytest.fixture
def pair(duet):
    return tuple(load_mocap(duet / f"{name}.bvh") for name in ("one", "two"))


def test_the_map_holds_the_codes_of_windows(nets, pair):
    code_map = latent.make(nets, Duet([pair], [[(5, 95)]], 0.2), 8)
    encoder = nets[0].encoder
    assert {*code_map.dancer} == {0, 1}
    for point in range(0, len(code_map.codes), 7):
        dancer, frame = code_map.dancer[point], code_map.frame[point]
        take = cut(pair[dancer], frame, frame + 8, anchor=5)
        code = generate.encode(encoder, take.rot_local.float().flatten(1), 8)
        np.testing.assert_allclose(code_map.codes[point], code[0], atol=1e-5)
        assert code_map.held_out[point] == (frame >= 77)
        assert frame >= 77 or frame + 8 <= 77
        assert code_map.takes[code_map.take[point]] == ("one.bvh", "two.bvh")[dancer]
        motion = (code_map.motion1, code_map.motion2)[dancer][code_map.first[point] :][: code_map.lengths[1]]
        frames = np.arange(frame, frame + 8, 3)  # 50 frames per second, of which 20 are enough
        expected = positions(pair[dancer])[frames]
        np.testing.assert_allclose(motion * code_map.scales[dancer], expected - expected[:, :1], atol=0.05)
    assert code_map.fps == pytest.approx([50, 50 / 3])


def test_principal_components_are_those_of_the_covariance():
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.normal(size=(5, 5)))[0]
    codes = (random.normal(size=(200, 5)) * (3, 2, 1, 0.5, 0.1)).astype(np.float32) @ axes
    places, explained = latent.principal_components(codes)
    values, vectors = np.linalg.eigh(np.cov(codes.T))
    expected = (codes - codes.mean(axis=0)) @ vectors[:, [-1, -2]]
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-4)
    np.testing.assert_allclose(explained, values[[-1, -2]] / values.sum(), rtol=1e-4)
    np.testing.assert_allclose(latent.principal_components(codes + 7)[0], places, atol=1e-4)


@pytest.mark.parametrize("codes", [np.zeros((0, 2)), np.ones((1, 4)), np.ones((5, 3)), np.arange(4.0)[:, None]])
def test_a_latent_map_of_few_codes(codes):
    places, explained = latent.principal_components(codes.astype(np.float32))
    assert places.shape == (len(codes), 2)
    assert np.isfinite(places).all()
    assert np.isfinite(explained).all()


def test_a_long_recording_takes_no_more_room(nets, pair, tmp_path, monkeypatch):
    monkeypatch.setattr(latent, "MOST_BYTES", 20_000)
    monkeypatch.setattr(latent, "MOST_POINTS", 30)
    long = tuple(
        dataclasses.replace(take, rot_local=take.rot_local.repeat(30, 1, 1), root_pos=take.root_pos.repeat(30, 1))
        for take in pair
    )
    code_map = latent.make(nets, Duet([long], [[(0, 1000), (1000, 3000)]], 0.2), 8)
    assert code_map.motion1.nbytes <= 20_000
    assert 20 <= (code_map.dancer == 0).sum() <= 30
    assert code_map.frame.min() < 100
    assert code_map.frame.max() > 2800
    assert 0.1 < code_map.held_out.mean() < 0.3


def test_a_map_is_read_as_it_was_written(nets, pair, tmp_path):
    code_map = latent.make(nets, Duet([pair], [[(0, 100)]], 0.2), 8)
    latent.save(code_map, tmp_path, 3)
    loaded = latent.load(tmp_path / "latent_3.npz")
    for field in dataclasses.fields(latent.Map):
        np.testing.assert_array_equal(getattr(code_map, field.name), getattr(loaded, field.name))
    assert [path.name for path in tmp_path.glob("latent*")] == ["latent_3.npz"]


WRONG = {
    "a pickle": {"codes": np.array([{}], dtype=object)},
    "an array that is no map's": {"other": np.zeros(3)},
    "a map without codes": {"codes": None},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_damaged_latent_map_is_refused(name, nets, pair, tmp_path):
    arrays = dict(vars(latent.make(nets, Duet([pair], [[(0, 100)]], 0.2), 8)))
    for key, value in WRONG[name].items():
        arrays[key] = value
    np.savez(tmp_path / "latent_1.npz", **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=r"it is no latent map|allow_pickle"):
        latent.load(tmp_path / "latent_1.npz")


def test_the_map_is_quick(nets, pair):
    start = time.perf_counter()
    latent.make(nets, Duet([pair], [[(0, 100)]], 0.2), 8)
    assert time.perf_counter() - start < 5


def test_names_that_numpy_cannot_keep(nets, pair, tmp_path):
    takes = [dataclasses.replace(take, path="a\0" * 300) for take in pair]
    code_map = latent.make(nets, Duet([takes], [[(0, 100)]], 0.2), 8)
    latent.save(code_map, tmp_path, 1)
    assert latent.load(tmp_path / "latent_1.npz").takes.tolist() == code_map.takes.tolist()


def test_running_says_what_it_ran_on(tiny_runs):
    run = json.loads((tiny_runs["vae_rnn"] / "histories/run.json").read_text())
    assert run["torch"] == torch.__version__
    assert run["device"].startswith("cpu")
    take = bvh.load_bvh(tiny_runs["vae_rnn"].parent / "one.bvh")
    assert run["takes"][0][0] == _describe(take)
