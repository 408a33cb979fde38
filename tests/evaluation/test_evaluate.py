"""Evaluation of models whose errors are known, and the sentences about them."""

import csv
import dataclasses
import json
import random
import re
import types

from common.dataset import Duet, Windows, load_pairs
from common.dataset.duet import HELD_OUT, REPORTED, TRAINING
from common.evaluation import baselines, dancer_classifier, evaluate, metrics, summary
from common.evaluation.baselines import prediction_errors, recorded_windows
from common.mocap import cut, poses_of
from common.model import generate
from common.motion import kinematics, quaternion
from common.motion.feet import foot_slides
from helpers.project import BODY, SCRIPTS, run_here, write_body

import numpy as np
import pytest
import torch
from torch import nn

LENGTH = 8
RIG = BODY.replace("OFFSET 0 -90 5\n", "OFFSET 0 -82 0\n").replace(  # with toes
    "End Site\n    {\n      OFFSET 0 -82 0\n    }",
    "JOINT Foot\n    {\n      OFFSET 0 -82 0\n      CHANNELS 3 Zrotation Xrotation Yrotation\n"
    "      End Site\n      {\n        OFFSET 0 -6 15\n      }\n    }",
)


class Copying(nn.Module):
    """An encoder whose code is the window itself, half as large, so that it stays within what tanh can give."""

    def __init__(self):
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, poses):
        return torch.atanh(poses.flatten(1) / 2), torch.zeros_like(poses.flatten(1))


class Turning(nn.Module):
    """The decoder to it. It can turn every joint but the end sites, or give one pose whatever it gets."""

    sequence_length = LENGTH

    def __init__(self, names, degrees=0.0, pose=None):
        super().__init__()
        turns = [0.0 if name.endswith("_Nub") else degrees for name in names]
        self.turn = quaternion.from_euler(torch.deg2rad(torch.tensor(turns))[:, None], "X")
        self.pose = pose

    def forward(self, z):
        rotations = (2 * z).unflatten(-1, (LENGTH, -1, 4))
        decoded = quaternion.mul(rotations, self.turn.expand_as(rotations))
        decoded = decoded if self.pose is None else self.pose.expand_as(decoded)
        return 1.3 * decoded.flatten(2)  # no unit length, as decoders give it


def load(folder, ranges=((0, -1),)):
    return load_pairs(folder, [["one.bvh", "two.bvh"]], [ranges], 1.0, None, None, None)


@pytest.fixture
def pair(tmp_path):
    for name, phase in (("one", 0.0), ("two", 0.7)):
        channels = 3 + 3 * RIG.count("CHANNELS")
        time, several = np.arange(200)[:, None] / 50, np.arange(channels)
        rows = 12 * np.sin(time * np.linspace(1, 3, channels) + several + phase) + 8 * np.sin(0.5 * several + 2 * phase)
        rows[:, :3] = (0, 90, 0) + rows[:, :3] / 5
        write_take(tmp_path / f"{name}.bvh", rows)
    return load(tmp_path)


def write_take(path, rows):
    """Channel values (T, C) of the RIG, at 50 frames per second."""
    text = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows)
    path.write_text(f"{RIG}MOTION\nFrames: {len(rows)}\nFrame Time: 0.02\n{text}\n")


def evaluation_of(pair, test_percentage=0.2):
    return evaluate.Evaluation(Duet(*pair, test_percentage), LENGTH)


def conversions_of(evaluation, ends, **decoder):
    names = evaluation.dancers[0].skeleton.joint_names
    path = 1 if ends == TRANSLATION else 0  # 0 or 1, the source or the target: whose path a conversion takes
    return [generate.Conversion(*dancers, Copying(), Turning(names, **decoder), dancers[path]) for dancers in ends]


DEEPFAKE, TRANSLATION = ((0, 0), (1, 1), (0, 1), (1, 0)), ((0, 1),)


def figures_of(row):
    return {figure["name"]: figure for figure in row["figures"]}


# ---------------------------------------------------------------------------------------------------------------------
# figures


def test_a_model_without_errors_has_none(pair):
    evaluation = evaluation_of(pair)
    assert evaluation.errors(conversions_of(evaluation, DEEPFAKE)) == pytest.approx((0, 0), abs=1e-3)
    measures = evaluation.measure(conversions_of(evaluation, DEEPFAKE), 7)
    for row, dancer in zip(measures["rows"][:2], (1, 2), strict=True):
        assert (row["source"], row["target"], row["joints"]) == (dancer, dancer, {"moving": 9, "all": 14})
        figures = figures_of(row)
        for name in list(figures)[:7]:
            assert figures[name]["model"] == pytest.approx(0, abs=2e-3)
            assert list(figures[name]["baselines"]) == [f"mean pose of dancer {dancer}"]
            assert figures[name]["baselines"][f"mean pose of dancer {dancer}"] > 0.5
        assert row["training"]["degrees"] == pytest.approx(0, abs=1e-3)
    for row in measures["rows"]:
        figures = figures_of(row)
        assert figures["jitter"]["model"] == pytest.approx(figures["jitter"]["recording"], rel=0.01)
        assert figures["jitter"]["model"] > 20
        if row["source"] == row["target"]:
            assert figures["foot skate"]["model"] == pytest.approx(figures["foot skate"]["recording"], abs=1)
            take = cut(pair[0][0][row["target"] - 1], 160, 200)
            slides = foot_slides(kinematics.positions_of(take), evaluation.dancers[row["target"] - 1].feet, "Y", 50)
            assert figures["foot skate"]["recording"] == pytest.approx(100 * float(slides.float().mean()))
    assert [set(row) >= {"per_joint"} for row in measures["rows"]] == [True, True, False, False]
    both = {figure["name"]: figure for figure in measures["conversion"]}
    for name, figure in both.items():
        if "energy" in name:
            assert figure["model"] == pytest.approx(1, abs=1e-3)
            assert max(figure["baselines"].values()) < 0.99
        if "to 1 to" in name or "to 2 to" in name:
            assert figure["model"] == pytest.approx(0, abs=2e-3), name
        if "taken for" in name:  # it is the source's movement, unchanged
            assert [figure["model"]] == list(figure["baselines"].values())
    assert measures["latent"]["dimensions"] == LENGTH * 4 * 14
    assert measures["duet"]["figures"][0]["model"] == pytest.approx(0, abs=1e-2)
    assert measures["duet"]["recorded"]["facing"] == pytest.approx(measures["duet"]["generated"]["facing"], abs=1e-2)
    assert (measures["epoch"], measures["held_out_seconds"], measures["training_seconds"]) == (7, 0.8, 3.2)
    assert measures["advice"][:-1] == []  # there is nothing poor but that it does not convert


def test_errors_are_those_of_the_model(pair):
    evaluation = evaluation_of(pair)
    turned = conversions_of(evaluation, DEEPFAKE, degrees=10.0)
    degrees, centimetres = evaluation.errors(turned)
    assert degrees == pytest.approx(10, abs=1e-3)
    row = evaluation.measure(turned, 1)["rows"][1]
    figures = figures_of(row)
    assert figures["rotation error, moving joints"]["model"] == pytest.approx(10, abs=1e-3)
    assert figures["rotation error, moving joints, 95th percentile"]["model"] == pytest.approx(10, abs=1e-3)
    assert figures["rotation error, all joints"]["model"] == pytest.approx(10 * 9 / 14, abs=1e-3)
    still = {name for name, joint in row["per_joint"].items() if not joint["moving"]}
    assert still == {name for name in row["per_joint"] if "_Nub" in name}
    assert row["per_joint"]["LeftArm"]["degrees"] == pytest.approx(10, abs=1e-3)
    assert row["per_joint"]["LeftArm_Nub"]["degrees"] == pytest.approx(0, abs=1e-3)
    moving = [joint["centimetres"] for joint in row["per_joint"].values() if joint["moving"]]
    assert figures["position error, moving joints"]["model"] == pytest.approx(np.mean(moving), rel=1e-4)
    all_errors = [joint["centimetres"] for joint in row["per_joint"].values()]
    assert figures["position error, all joints"]["model"] == pytest.approx(np.mean(all_errors), rel=1e-4)
    assert np.mean(all_errors) > np.mean(moving) > 3
    means = [
        figures_of(row)["position error, moving joints"]["model"] for row in evaluation.measure(turned, 1)["rows"][:2]
    ]
    assert centimetres == pytest.approx(np.mean(means), rel=1e-4)
    there_and_back = [f for f in evaluation.measure(turned, 1)["conversion"] if "1 to 2 to 1: rotation" in f["name"]]
    assert there_and_back[0]["model"] == pytest.approx(20, abs=0.01)
    assert there_and_back[0]["baselines"]["dancer 1 to dancer 1"] == pytest.approx(10, abs=0.01)


def test_a_heading_that_is_off_is_seen_apart(pair):
    evaluation = evaluation_of(pair)
    windows, turn = evaluation.held_out, quaternion.from_euler(torch.tensor([1.2]), "Y")
    rotations = windows.rotations(0).clone()
    rotations[..., 0, :] = quaternion.mul(turn.expand_as(rotations[..., 0, :]), rotations[..., 0, :])
    errors = prediction_errors(rotations, windows, 0, evaluation.dancers[0])
    all_joints = torch.ones(14, dtype=torch.bool)
    assert errors.centimetres(all_joints) > 10
    assert errors.centimetres_aligned(all_joints) < 1e-3
    assert errors.degrees(all_joints) == pytest.approx(np.degrees(1.2) / 14, rel=1e-3)


def test_a_body_turns_about_its_hips_also_below_a_resting_root(pair, tmp_path):
    channels = "CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation"
    hips = RIG.removeprefix("HIERARCHY").replace("ROOT", "JOINT")
    body = f"HIERARCHY\nROOT Reference\n{{\nOFFSET 0 0 0\n{channels}\n{hips}}}\n"
    for name in ("one", "two"):
        write_body(tmp_path / f"{name}.bvh", 100, body=body)
    evaluation = evaluation_of(load(tmp_path))
    assert evaluation.dancers[0].hips == 1
    windows, turn = evaluation.held_out, quaternion.from_euler(torch.tensor([1.2]), "Y")
    rotations = windows.rotations(0).clone()
    rotations[..., 0, :] = torch.tensor([1.0, 0, 0, 0])
    windows.poses = lambda dancer: rotations.flatten(2)
    turned = rotations.clone()
    turned[..., 1, :] = quaternion.mul(turn.expand_as(turned[..., 1, :]), turned[..., 1, :])
    errors, body_only = prediction_errors(turned, windows, 0, evaluation.dancers[0]), torch.arange(15) > 0
    assert errors.centimetres(body_only) > 10
    assert errors.centimetres_aligned(body_only) < 1e-3


def test_a_model_that_stands_still_equals_the_mean_pose(pair):
    evaluation = evaluation_of(pair)
    for ends in (TRANSLATION, DEEPFAKE):
        rows = evaluation.measure(conversions_of(evaluation, ends, pose=evaluation.dancers[1].mean_pose), 1)["rows"]
        row = next(row for row in rows if row["target"] == 2)
        for figure in row["figures"][:7]:
            assert figure["model"] == pytest.approx(figure["baselines"]["mean pose of dancer 2"], rel=1e-3)
        assert figures_of(row)["jitter"]["model"] < 1


def test_copying_dancer_1_is_a_baseline_where_the_joints_agree(pair):
    evaluation = evaluation_of(pair)
    row = evaluation.measure(conversions_of(evaluation, TRANSLATION), 1)["rows"][0]
    for figure in row["figures"][:7]:  # the model copies
        assert figure["model"] == pytest.approx(figure["baselines"]["copy dancer 1"], rel=1e-3)
    assert row["figures"][0]["model"] > 5
    (one, two), ranges = pair[0][0], pair[1]
    renamed = dataclasses.replace(two.skeleton, joint_names=["A", *two.skeleton.joint_names[1:]])
    other = evaluate.Evaluation(Duet([(one, dataclasses.replace(two, skeleton=renamed))], ranges, 0.2), LENGTH)
    row = other.measure(conversions_of(other, TRANSLATION), 1)["rows"][0]
    assert list(row["figures"][0]["baselines"]) == ["mean pose of dancer 2"]


def test_windows_are_those_that_the_training_sees(tmp_path):
    for name, speed in (("one", 5.0), ("two", -8.0)):  # past half a turn the angles start anew, and the signs with them
        rows = np.zeros((400, 3 + 3 * RIG.count("CHANNELS")))
        rows[:, 3] = (speed * np.arange(400) + 180) % 360 - 180
        rows[:, 7] = 0.1 * np.arange(400)  # so that no two windows are alike
        write_take(tmp_path / f"{name}.bvh", rows)
    duet = Duet(*load(tmp_path, ((3, 153), (160, 400))), 0.3)
    held_out, training = (recorded_windows(duet, LENGTH, part) for part in (HELD_OUT, TRAINING))
    windows = Windows(duet, [0, 1], LENGTH, 1, torch.device("cpu"))
    for dancer in (0, 1):
        for recorded, starts in ((held_out, windows.test), (training, windows.train)):
            expected = windows.gather(dancer, starts).flatten(1)
            poses, exactly = recorded.poses(dancer).flatten(1), "donot_use_mm_for_euclid_dist"
            nearest = torch.cdist(poses, expected, compute_mode=exactly).min(dim=1)
            assert nearest.values.max() < 1e-6
            assert 0 in nearest.indices
            assert len(expected) - 1 in nearest.indices  # to the end of the last stretch
            assert len(nearest.indices.unique()) == len(recorded)
    assert len(held_out) == 10 + 1 + 17  # the first stretch, its end, the second one
    assert len(training) > 3 * len(held_out)


def test_the_latent_is_that_of_the_windows_that_were_learnt_from(pair, monkeypatch):
    evaluation, codes_seen = evaluation_of(pair, 0), []
    monkeypatch.setattr(metrics, "active_dimensions", lambda codes: codes_seen.append(2 * codes) or 3)
    for ends in (DEEPFAKE, TRANSLATION):
        measures = evaluation.measure(conversions_of(evaluation, ends), 1)
        assert measures["latent"] == {"dimensions": LENGTH * 56, "active": 3}
    poses = [evaluation.training.poses(dancer).flatten(1) for dancer in (0, 1)]
    torch.testing.assert_close(codes_seen[0], torch.cat(poses), atol=1e-5, rtol=0)
    torch.testing.assert_close(codes_seen[1], poses[0], atol=1e-5, rtol=0)


def test_figures_are_of_the_half_that_did_not_choose_the_weights(pair):
    duet = Duet(*pair, 0.5)
    evaluation = evaluate.Evaluation(duet, LENGTH, keep_best=True)
    windows = [recorded_windows(duet, LENGTH, part).poses(0) for part in (HELD_OUT, REPORTED)]
    assert torch.equal(evaluation.held_out.poses(0), windows[0])
    assert torch.equal(evaluation.reported.poses(0), windows[1])
    expected = poses_of(cut(pair[0][0][0], 150, 200, 0))[:LENGTH]  # 100 to 150 choose
    torch.testing.assert_close(windows[1][0], expected)
    whole = evaluate.Evaluation(duet, LENGTH)
    assert torch.equal(whole.reported.poses(0), windows[0])
    few = evaluate.Evaluation(Duet(*pair, 0.1), LENGTH, keep_best=True)  # no windows enough for halves
    assert torch.equal(few.reported.poses(0), few.held_out.poses(0))


def test_many_windows_are_thinned_evenly(pair, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_WINDOWS", 5)
    evaluation = evaluation_of(pair)
    assert len(evaluation.held_out) == len(evaluation.training) == 5
    last = poses_of(pair[0][0][0])[-LENGTH:]
    torch.testing.assert_close(evaluation.held_out.poses(0)[-1].abs(), last.abs())


def test_nothing_held_out_is_said_and_stops_nothing(pair, tmp_path):
    for test_percentage in (0.0, 0.03):  # none, and a stretch of 6 frames
        evaluation = evaluation_of(pair, test_percentage)
        conversions = conversions_of(evaluation, DEEPFAKE)
        assert all(np.isnan(evaluation.errors(conversions)))
        measures = evaluation.measure(conversions, 3)
        assert measures["rows"] == []
        assert not {"duet", "conversion"} & set(measures)
        assert measures["latent"]["dimensions"] == LENGTH * 4 * 14
        assert summary.NOTHING_HELD_OUT in measures["summary"]
        evaluate.save(measures, tmp_path, 3)
        assert json.loads((tmp_path / "metrics_3.json").read_text())["rows"] == []


def test_a_body_that_never_moves_has_no_figures_to_be_proud_of(tmp_path):
    for name in ("one", "two"):
        write_body(tmp_path / f"{name}.bvh", 100)
        lines = (tmp_path / f"{name}.bvh").read_text().splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("Frame Time")) + 1
        (tmp_path / f"{name}.bvh").write_text("\n".join([*lines[:start], *[lines[start]] * 100]) + "\n")
    evaluation = evaluation_of(load(tmp_path))
    for ends in (DEEPFAKE, TRANSLATION):
        measures = evaluation.measure(conversions_of(evaluation, ends), 1)
        evaluate.save(measures, tmp_path, 1)
        assert measures["rows"][0]["figures"][0]["model"] is None
        assert "nan" not in " ".join((tmp_path / "metrics_1.json").read_text().lower().split('"')[::2])
        assert len(measures["summary"]) == 1


def test_nothing_random_is_touched(pair):
    evaluation = evaluation_of(pair)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first = evaluation.measure(conversions_of(evaluation, DEEPFAKE), 1)
    evaluation.errors(conversions_of(evaluation, DEEPFAKE))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]  # noqa: NPY002
    torch.manual_seed(5)
    assert evaluation.measure(conversions_of(evaluation, DEEPFAKE), 1) == first


def test_the_salsa_couples_mean_pose(recordings):
    """Known figures: 7.1° over all 57 joints, 24.0° over the 17 that move, and 41.8 cm over all of them."""
    files = [[f"cmu_salsa_{leads}_{take}.bvh" for leads in (60, 61)] for take in ("01", "02", "12")]
    pairs = load_pairs(recordings / "duets", files, [[[10, -1]]] * 3, 150, None, None, None)
    evaluation = evaluate.Evaluation(Duet(*pairs, 0.2), 64)
    dancer, all_joints = evaluation.dancers[0], torch.ones(57, dtype=torch.bool)
    assert int(dancer.moving.sum()) == 17
    (errors,) = evaluation._baselines(0, 0).values()
    assert errors.degrees(all_joints) == pytest.approx(7.1, abs=0.2)
    assert errors.degrees(dancer.moving) == pytest.approx(24.0, abs=0.3)
    assert errors.centimetres(all_joints) == pytest.approx(41.8, abs=1)
    assert [[dancer.names[joint] for joint in foot] for foot in dancer.feet] == [
        ["rFoot_Nub", "rFoot"],
        ["lFoot_Nub", "lFoot"],
    ]


# ---------------------------------------------------------------------------------------------------------------------
# identity


def looks(rotations, joints=(1, 2, 3)):
    return dancer_classifier.features(rotations, list(joints), [0], "Y", 50)


def test_features_know_no_heading(pair):
    rotations = evaluation_of(pair).held_out.rotations(0)
    turn = quaternion.from_euler(torch.tensor([2.1]), "Y")
    turned = rotations.clone()
    turned[..., 0, :] = quaternion.mul(turn.expand_as(turned[..., 0, :]), turned[..., 0, :])
    torch.testing.assert_close(looks(turned), looks(rotations), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(looks(-rotations), looks(rotations))
    for joint in (0, 1, 2, 3):
        other = rotations.clone()
        tilt = quaternion.from_euler(torch.tensor([0.5]), "X")
        other[..., joint, :] = quaternion.mul(tilt.expand_as(other[..., joint, :]), other[..., joint, :])
        assert (looks(other) - looks(rotations)).abs().max() > 0.05
    faster = rotations[:, ::2]
    assert (looks(faster) - looks(rotations)).abs().max() > 0.3


@pytest.mark.parametrize("hidden", [0, dancer_classifier.HIDDEN])
def test_a_classifier_tells_apart_what_differs(hidden):
    numbers = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 400, 6))).float()
    shift = torch.tensor([1.5, 0, 0, 0, 0, 0]) * 2
    differ = dancer_classifier.Classifier(numbers[0], numbers[1, :100] + shift, hidden)
    assert differ.accuracy(numbers[2], numbers[3] + shift) == pytest.approx(0.91, abs=0.03)  # 0.93 is possible
    assert differ.share_taken_for(1, numbers[2] + shift) > 0.85
    assert differ.share_taken_for(0, numbers[2]) > 0.85
    assert dancer_classifier.Classifier(numbers[0], numbers[1], hidden).accuracy(*numbers[2:]) == pytest.approx(
        0.5, abs=0.06
    )
    if hidden:
        rings = [
            torch.nn.functional.normalize(part, dim=1) * size for part, size in zip(numbers, (1, 3, 1, 3), strict=True)
        ]
        assert dancer_classifier.Classifier(*rings[:2]).accuracy(*rings[2:]) > 0.95


def test_features_are_those_of_joints_that_both_move_without_the_hips(pair):
    evaluation = evaluation_of(pair)
    evaluation.dancers[1].moving[4] = False
    names = [evaluation.dancers[0].names[joint] for joint in dancer_classifier._joints(evaluation.dancers)]
    assert names == ["Spine", "LeftArm", "Head", "LeftLeg", "Foot", "RightLeg", "Foot"]


def test_a_linear_probe_learns_on_the_one_part_and_is_asked_on_the_other(pair):
    evaluation = evaluation_of(pair)
    nets = {conversion[:2]: conversion for conversion in conversions_of(evaluation, DEEPFAKE)}
    low, high = torch.full((20, LENGTH, 56), 0.2), torch.full((20, LENGTH, 56), 0.6)
    mixed = torch.cat((low[:10], high[:10]))
    parts = [types.SimpleNamespace(poses=poses.__getitem__) for poses in ([low, mixed], [low, high])]
    probe = dancer_classifier._probe(*parts, nets)
    assert probe["model"] == 75


def test_a_perfect_deepfake_is_taken_for_the_other(pair):
    """Each decoder gives what the other dancer danced at that time."""
    evaluation = evaluation_of(pair)
    windows = evaluation.held_out

    class Knowing(Turning):
        def __init__(self, source, target):
            super().__init__(evaluation.dancers[0].names)
            self.source, self.target = source, target

        def forward(self, z):
            given = (2 * z).unflatten(-1, (LENGTH, -1))
            nearest = torch.cdist(given.flatten(1), windows.poses(self.source).flatten(1)).argmin(dim=1)
            return windows.poses(self.target)[nearest]

    conversions = [generate.Conversion(*dancers, Copying(), Knowing(*dancers), dancers[0]) for dancers in DEEPFAKE]
    for figure in evaluation.measure(conversions, 1)["conversion"]:
        if "taken for" in figure["name"]:
            assert figure["model"] == figure["recording"]
            assert figure["model"] >= 75
        if "rotation error" in figure["name"]:
            assert figure["model"] == pytest.approx(0, abs=1e-3)


def test_signs_that_a_decoder_flips_do_not_spoil_the_way_back(pair):
    evaluation = evaluation_of(pair)
    rotations = evaluation.held_out.rotations(1)
    flipped = rotations * torch.where(torch.rand(rotations[..., :1].shape) < 0.5, -1.0, 1.0)
    again = dancer_classifier._as_recorded(flipped, evaluation.held_out, 1)
    torch.testing.assert_close(again.abs(), rotations.abs())
    assert ((again * rotations).sum(-1) > 0).double().mean() > 0.95


# ---------------------------------------------------------------------------------------------------------------------
# the duet


def test_distance_and_facing_are_those_of_the_room(tmp_path, monkeypatch):
    """Dancer 2 stands 2 m behind dancer 1 and turns once; dancer 1 faces along z."""
    one = np.zeros((100, 3 + 3 * RIG.count("CHANNELS")))
    one[:, :3] = (0, 90, 200)
    two = one.copy()
    two[:, 2], two[:, 4] = 0, 3.6 * np.arange(100)
    write_take(tmp_path / "one.bvh", one)
    write_take(tmp_path / "two.bvh", two)
    evaluation = evaluation_of(load(tmp_path), 0.5)
    measures = evaluation.measure(conversions_of(evaluation, TRANSLATION), 1)
    duet = measures["duet"]
    assert duet["seconds"] == pytest.approx(np.arange(50) * 0.02)
    assert duet["recorded"]["distance"] == pytest.approx([200] * 50)
    assert duet["generated"]["distance"] == pytest.approx([200] * 50)
    assert duet["recorded"]["facing"] == pytest.approx([180 - 3.6 * frame for frame in range(50)], abs=1e-2)
    assert duet["generated"]["facing"] == pytest.approx([0] * 50, abs=1e-2)  # as dancer 1, who does not turn
    assert duet["figures"][0]["model"] == pytest.approx(np.mean([180 - 3.6 * frame for frame in range(50)]), abs=0.01)
    several = evaluate.Evaluation(Duet(evaluation.duet.pairs, [[(0, 30), (30, 80), (80, 100)]], 0.5), LENGTH)
    assert len(several.measure(conversions_of(evaluation, TRANSLATION), 1)["duet"]["seconds"]) == 25  # the longest
    monkeypatch.setattr("common.evaluation.partners.MOST_POINTS", 20)
    short = evaluation.measure(conversions_of(evaluation, TRANSLATION), 1)["duet"]
    assert short["seconds"] == pytest.approx(np.arange(0, 50, 3) * 0.02)
    assert len(short["recorded"]["facing"]) == len(short["generated"]["distance"]) == 17


# ---------------------------------------------------------------------------------------------------------------------
# files and words


def test_files_hold_every_figure(pair, tmp_path):
    (one, two), ranges = pair[0][0], pair[1]
    names = ["=1+1", "a\ud800", "腕", *one.skeleton.joint_names[3:-1], "腕"]
    takes = [dataclasses.replace(t, skeleton=dataclasses.replace(t.skeleton, joint_names=names)) for t in (one, two)]
    evaluation = evaluate.Evaluation(Duet([tuple(takes)], ranges, 0.2), LENGTH)
    measures = evaluation.measure(conversions_of(evaluation, DEEPFAKE, degrees=3.0), 5)
    evaluate.save(measures, tmp_path, 5)
    assert json.loads((tmp_path / "metrics_5.json").read_text()) == measures
    assert len(measures["rows"][0]["per_joint"]) == 14
    rows = list(csv.DictReader((tmp_path / "metrics_5.csv").open(newline="", encoding="utf-8")))
    assert not [row for row in rows for value in row.values() if value[:1] in ("=", "@", "\t")]
    figures = {(row["conversion"], row["figure"]): row for row in rows}
    main = figures["dancer 2 to dancer 2", "rotation error, moving joints"]
    assert float(main["model"]) == pytest.approx(3, abs=1e-3)
    assert (
        float(main["mean pose of dancer 2"]) == measures["rows"][1]["figures"][0]["baselines"]["mean pose of dancer 2"]
    )
    assert main["mean pose of dancer 1"] == main["recording"] == ""
    assert float(figures["dancer 1 to dancer 2", "jitter"]["recording"]) > 0
    assert float(figures["both directions", measures["conversion"][0]["name"]]["guessing"]) == 50
    assert float(figures["dancer 1 to dancer 1", "rotation error of RightArm"]["model"]) == pytest.approx(3, abs=1e-3)
    assert figures["latent", "active"]["model"] == str(measures["latent"]["active"])


def measures_of(model, mean_pose=24.0, training=8.0, seconds=3600.0, active=12, shares=None):
    figures = [
        metrics.figure("rotation error, moving joints", "°", model, {"mean pose of dancer 2": mean_pose}),
        metrics.figure("position error, moving joints", "cm", 6.84, {"mean pose of dancer 2": 41.79}),
    ]
    row = {"conversion": "dancer 2 to dancer 2", "target": 2, "joints": {"moving": 17}, "per_joint": {}}
    row |= {"figures": figures, "training": {"degrees": training}}
    measures = {"epoch": 20, "training_seconds": seconds, "held_out_seconds": 9.6, "rows": [row]}
    measures["latent"] = {"dimensions": 32, "active": active}
    if shares:
        measures["conversion"] = [{"model": share} for share in shares]
    return measures


def test_the_summary_is_a_plain_sentence():
    sentences = summary.sentences(measures_of(9.12, shares=(98.0, 71.0, 34.0, 0.9, 60.0)))
    assert sentences == [
        "20 epochs of training on 60.0 minutes of the duet; 10 s at the ends of the frame ranges were held out.",
        "On held-out motion the moving joints of dancer 2 are off by 9.1° and 6.8 cm on average; the mean pose of "
        "dancer 2 is off by 24.0° and 41.8 cm.",
        "A classifier that tells the recorded dancers apart in 98 % takes 71 % of dancer 1's converted windows for "
        "dancer 2, and 34 % of dancer 2's for dancer 1.",
    ]
    assert summary.sentences(measures_of(9.1) | {"epoch": 1})[0].startswith("1 epoch of")
    assert "the weights with which the run began" in summary.sentences(measures_of(9.1) | {"epoch": 0})[0]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"model": 9.1, "training": 2.0, "seconds": 10.0, "active": 1}, []),  # good enough
        ({"model": 18.0, "training": 12.0}, ["More epochs may help"]),
        (
            {"model": 18.0, "training": 8.9},
            ["overfitting: the error on the training part is far smaller", "8.9° and 18.0°"],
        ),
        ({"model": 18.0, "training": 12.0, "seconds": 48.0}, ["only 48 s", "at least 5 minutes"]),
        ({"model": 18.0, "training": 12.0, "active": 3}, ["active, 3 of 32", "max_kld_scale"]),
        ({"model": 18.0, "training": 2.0, "active": 3, "seconds": 2.0}, ["overfitting", "3 of 32", "only 2 s"]),
        (
            {"model": 9.1, "shares": (90.0, 70.0, 30.0, 0.9, 60.0)},
            ["of dancer 2's movement looks", "smaller latent_dim"],
        ),
        (
            {"model": 9.1, "shares": (90.0, 70.0, 30.0, 0.9, 90.0)},
            ["of dancer 2's movement looks", "90 % right by a linear"],
        ),
        ({"model": 9.1, "shares": (60.0, 70.0, 30.0, 0.9, 90.0)}, []),  # nobody can tell
        ({"model": 9.1, "shares": (90.0, 70.0, 60.0, 0.9, 90.0)}, []),
        ({"model": 18.0, "training": 12.0, "shares": (90.0, 7.0, 3.0, 0.9, 90.0)}, ["More epochs may help"]),
        ({"model": 0.0, "mean_pose": 0.0}, []),
    ],
)
def test_advice_is_given_where_figures_are_poor(figures, words):
    advice = " ".join(summary.advice(measures_of(**figures)))
    assert bool(advice) == bool(words)
    assert all(word in advice for word in words)
    assert ("More epochs may help" in advice) == (words == ["More epochs may help"])


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (9.123, "9.12"), (24.04, "24.0"), (310.4, "310"), (-0.5, "-0.50")]
)
def test_numbers_have_the_digits_that_mean_something(value, text):
    assert summary.number(value) == text


# ---------------------------------------------------------------------------------------------------------------------
# in the scripts


@pytest.fixture
def without_clips(monkeypatch):
    """Runs export no clips."""
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_run_ends_with_its_figures(name, tiny, duet, without_clips, monkeypatch, capsys):
    assert run_here(name, tiny, monkeypatch) == 0
    output = capsys.readouterr().out
    assert "On held-out motion the moving joints of dancer 2 are off by" in output
    assert re.search(r"^active latent dimensions: \d of 4$", output, re.MULTILINE)
    assert re.search(r"^rotation error, moving joints +\d+(\.\d+)? +\d+\.\d+", output, re.MULTILINE)
    assert output.index("--- export: done") < output.index("rotation error, moving joints") < output.index("epochs of")
    assert ("A classifier that" in output) == (name == "vae_rnn_deepfake")
    measures = json.loads((duet / "results/histories/metrics_2.json").read_text())
    assert [(row["source"], row["target"]) for row in measures["rows"]] == [
        (source + 1, target + 1) for source, target in (DEEPFAKE if name == "vae_rnn_deepfake" else TRANSLATION)
    ]
    assert ("conversion" in measures) == (name == "vae_rnn_deepfake")
    assert ("copy dancer 1" in output) == (name == "vae_rnn")
    assert measures["summary"][1] in output
    last = next(csv.reader(reversed((duet / "results/histories/history_2.csv").read_text().splitlines())))
    rows = [row for row in measures["rows"] if "per_joint" in row]
    for column, figure in ((6, "rotation error, moving joints"), (7, "position error, moving joints")):
        mean = np.mean([figures_of(row)[figure]["model"] for row in rows])
        assert float(last[column]) == pytest.approx(mean, rel=1e-4)
    weights = {f"{path.name.split('_')[0]}_weights_file": str(path) for path in (duet / "results/weights").glob("*_2")}
    exporting = {"epochs": 0, "load_weights": True, "results_path": str(duet / "again")}
    assert run_here(name, tiny | exporting | weights, monkeypatch) == 0
    again = json.loads((duet / "again/histories/metrics_0.json").read_text())
    assert again["rows"] == measures["rows"]
    assert again["epoch"] == 0


def test_figures_that_cannot_be_written_cost_no_clips(tiny, duet, monkeypatch, capsys):
    write_text = evaluate.files.write_text

    def full(path, text):
        if "metrics" in str(path):
            raise OSError(28, "No space left on device", str(path))
        write_text(path, text)

    monkeypatch.setattr(evaluate.files, "write_text", full)
    assert run_here("vae_rnn", tiny | {"export_formats": ["fbx"]}, monkeypatch) == 2
    output = capsys.readouterr()
    assert "metrics_2.json: No space left on device" in output.err
    assert "On held-out motion the moving joints" in output.out  # nobody should have to train again to know
    assert len(list((duet / "results/anims").glob("*.fbx"))) == 7


def test_a_run_that_holds_out_nothing_says_so(tiny, duet, without_clips, monkeypatch, capsys):
    assert run_here("vae_rnn", tiny | {"test_percentage": 0}, monkeypatch) == 0
    assert summary.NOTHING_HELD_OUT in capsys.readouterr().out
    rows = (duet / "results/histories/history_2.csv").read_text().splitlines()
    assert all(row.endswith(",nan,nan") for row in rows[1:])
