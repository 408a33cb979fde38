"""What a user can get wrong, and what the toolkit says to it: the tables that test_bad_input.py walks through.

All messages of the toolkit but those of the readers of BVH and FBX, which have tests of their own, stand here: in
MISTAKES, in NOTES, or in ELSEWHERE with the name of their test. A new one that is missing here fails
slow/test_messages.py.
"""

import json
import os
import pickle
import re

from helpers.project import BODY, PROJECT, write_body

import torch


def edit(path, change):
    path.write_text(change(path.read_text()))


def nan_in_a_frame(duet):
    edit(duet / "one.bvh", lambda text: text.rstrip().rpartition(" ")[0] + " nan\n")


def json_file(duet, text):
    (duet / "joints.json").write_text(text)


class Payload:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickle_payload(duet):
    with (duet / "weights").open("wb") as file:
        pickle.dump(Payload(duet / "executed"), file)


def torch_payload(duet):
    torch.save({"x": torch.zeros(1), "y": Payload(duet / "executed")}, duet / "weights")


def second_pair(duet, body=BODY, fps=50):
    """A take three.bvh of another recording, of which both dancers are read."""
    write_body(duet / "three.bvh", fps=fps, body=body)


def both_bodies(duet, body):
    for name in ("one", "two"):
        write_body(duet / f"{name}.bvh", body=body)


def without_right_leg(body):
    return body[: body.index("  JOINT RightLeg")] + "}\n"


def one_leg_below_the_other(body):
    return body.replace("  }\n  JOINT RightLeg", "  JOINT RightLeg") + "}\n"


def read_only(duet):
    (duet / "results").write_text("a file where the folder would be")


def prepare(case, duet):
    """Do to the folder `duet` what a case of the tables asks for; returns its settings and the words of its message."""
    settings, damage, words = case
    if damage:
        damage(duet)
    in_place = {key: value.replace("{duet}", str(duet)) for key, value in settings.items() if isinstance(value, str)}
    return settings | in_place, words


WEIGHTS = {"load_weights": True, "encoder_weights_file": "{duet}/weights"}

TWO_PAIRS = {
    "mocap_files": [["one.bvh", "two.bvh"], ["three.bvh", "three.bvh"]],
    "mocap_valid_frame_ranges": [[[0, -1]], [[0, -1]]],
}
JOINTS = {"mocap_loss_weights_file": "{duet}/joints.json"}

BUNDLED = ["duet_dancer1.fbx", "duet_dancer2.fbx"]

# name: settings, what is done to the folder, what the message must hold
MISTAKES = {
    "missing file": (
        {"mocap_files": [["one.bvh", "three.bvh"]]},
        None,
        ["three.bvh: no such file", "belong into the folder that mocap_file_path names", *BUNDLED, '"data/mocap"'],
    ),
    "missing file of another format": ({"mocap_files": [["one.fbx", "two.bvh"]]}, None, ["There is one.bvh"]),
    "missing folder": ({"mocap_file_path": "{duet}/nowhere"}, None, ["nowhere", "mocap_file_path"]),
    "a folder for a file": ({"mocap_files": [["one.bvh", "."]]}, None, ["supported: .fbx, .bvh"]),
    "wrong ending": ({"mocap_files": [["one.bvh", "two.c3d"]]}, None, ["two.c3d", "'.c3d'", ".bvh"]),
    "fbx of text": (
        {"mocap_files": [["one.fbx", "two.bvh"]]},
        lambda d: (d / "one.fbx").write_text("hello"),
        ["one.fbx", "FBX"],
    ),
    "fbx truncated": (
        {"mocap_files": [["one.fbx", "two.bvh"]]},
        lambda d: (d / "one.fbx").write_bytes((PROJECT / "data/mocap/duet_dancer1.fbx").read_bytes()[:50_000]),
        ["one.fbx", "Export the recording again"],
    ),
    "no left and right": (
        {"augment_mirror": True},
        lambda d: both_bodies(d, BODY.replace("Left", "Port")),
        ["augment_mirror = True", "PortLeg", "lArm and rArm"],
    ),
    "sides that hang apart": (
        {"augment_mirror": True},
        lambda d: both_bodies(d, one_leg_below_the_other(BODY)),
        ["augment_mirror = True", "LeftLeg", "two sides of one body"],
    ),
    "a body that leans to one side": (
        {"augment_mirror": True},
        lambda d: write_body(
            d / "one.bvh", body=re.sub(r"(LeftLeg.*?OFFSET) \S+", r"\1 60", BODY, flags=re.S, count=1)
        ),
        ["augment_mirror = True", "not its own mirror image"],
    ),
    "no such take": (
        {"mocap_file_path": str(PROJECT / "data/mocap"), "mocap_files": [BUNDLED], "mocap_take": "Take 9"},
        None,
        ["duet_dancer1.fbx", "Take 9"],
    ),
    "no such skeleton in an fbx": (
        {"mocap_file_path": str(PROJECT / "data/mocap"), "mocap_files": [["duet_dancer1.fbx#2", BUNDLED[1]]]},
        None,
        ["duet_dancer1.fbx", "1 skeleton"],
    ),
    "no such skeleton in a bvh": ({"mocap_files": [["one.bvh#Anna", "two.bvh"]]}, None, ["one.bvh", "'Anna'", "Hips"]),
    "skeletons counted from 0": ({"mocap_files": [["one.bvh#0", "two.bvh"]]}, None, ["one.bvh#0", "one.bvh#1"]),
    "no sdk": (
        {"mocap_file_path": str(PROJECT / "data/mocap"), "mocap_files": [BUNDLED], "fbx_backend": "sdk"},
        None,
        ["fbxsdkpy", "builtin"],
    ),
    "empty file": ({}, lambda d: (d / "one.bvh").write_text(""), ["one.bvh", "empty"]),
    "truncated file": ({}, lambda d: edit(d / "two.bvh", lambda t: t[: len(t) // 2]), ["two.bvh, line"]),
    "binary file": ({}, lambda d: (d / "one.bvh").write_bytes(bytes(range(256)) * 9), ["one.bvh", "binary"]),
    "headerless file": ({}, lambda d: edit(d / "one.bvh", lambda t: t.split("MOTION")[1]), ["one.bvh, line 1"]),
    "nan": ({}, nan_in_a_frame, ["one.bvh, line 159", "nan"]),
    "range outside": ({"mocap_valid_frame_ranges": [[[0, 101]]]}, None, ["mocap_valid_frame_ranges", "100 frames"]),
    "range reversed": ({"mocap_valid_frame_ranges": [[[50, 10]]]}, None, ["[50, 10]", "100 frames"]),
    "range shorter than a window": (
        {"mocap_valid_frame_ranges": [[[0, 7]]]},
        None,
        ["mocap_valid_frame_ranges", "[0, 7]", "sequence_length = 8"],
    ),
    "ranges overlapping": ({"mocap_valid_frame_ranges": [[[0, 60], [50, -1]]]}, None, ["share the frames 50 to 59"]),
    "ranges and pairs differ": (
        {"mocap_valid_frame_ranges": [[[0, -1]], [[0, -1]]]},
        None,
        ["mocap_valid_frame_ranges has 2", "mocap_files has 1"],
    ),
    "a level of brackets missing": ({"mocap_valid_frame_ranges": [[0, -1]]}, None, ["[[[0, -1]]]"]),
    "a file name where a pair belongs": ({"mocap_files": ["one.bvh", "two.bvh"]}, None, ["a pair of file names"]),
    "frame rates differ": (
        {},
        lambda d: write_body(d / "two.bvh", fps=60),
        ["has 50 frames", "two.bvh has 59.999", "mocap_fps"],
    ),
    "frame rates of two pairs differ": (
        TWO_PAIRS,
        lambda d: second_pair(d, fps=60),
        ["first pair and another", "has 50 frames", "three.bvh has 59.999", "mocap_fps"],
    ),
    "up axes differ": (
        {},
        lambda d: write_body(d / "two.bvh", body=re.sub(r"OFFSET (\S+) (\S+) (\S+)", r"OFFSET \1 \3 \2", BODY)),
        ["pair 0", "one.bvh has Y up", "two.bvh has Z up", "mocap_up_axis"],
    ),
    "rest poses of two pairs differ": (
        TWO_PAIRS,
        lambda d: second_pair(d, BODY.replace("OFFSET 55 0 0", "OFFSET 0 -55 0")),
        ["mocap_files, dancer 1", "'LeftArm_Nub'", "(1.00, 0.00, 0.00)", "(0.00, -1.00, 0.00)", "90 degrees"],
    ),
    "joints of two pairs differ": (
        TWO_PAIRS,
        lambda d: second_pair(d, BODY.replace("JOINT Head", "JOINT Kopf")),
        ["mocap_files, dancer 1", "joint 6 is 'Head'", "'Kopf'", "three.bvh"],
    ),
    "joints of two pairs are not as many": (
        TWO_PAIRS,
        lambda d: second_pair(d, without_right_leg(BODY)),
        ["has 12 joints", "three.bvh has 10", "'RightLeg'"],
    ),
    "joints of two pairs hang elsewhere": (
        TWO_PAIRS,
        lambda d: second_pair(d, one_leg_below_the_other(BODY)),
        ["'RightLeg' hangs from another parent", "three.bvh"],
    ),
    "weights too few": (
        JOINTS,
        lambda d: json_file(d, json.dumps({"joint_loss_weights": [1, 2]})),
        ["joints.json", "has 2 weights", "12 joints"],
    ),
    "weights not json": (
        JOINTS,
        lambda d: json_file(d, "{'joint_loss_weights'"),
        ["mocap_loss_weights_file", "joints.json", "no JSON"],
    ),
    "weights of a joint that is none": (
        JOINTS,
        lambda d: json_file(d, '{"joint_loss_weights": {"Tail": 1}}'),
        ["joints.json", "'Tail' is no joint", "LeftArm_Nub", "A list of 12 numbers in this order is accepted too"],
    ),
    "weights without a list": (JOINTS, lambda d: json_file(d, "[1, 2]"), ["joints.json", "[one number per joint]"]),
    "weights below 0": (
        JOINTS,
        lambda d: json_file(d, '{"joint_loss_weights": {"Hips": -1}}'),
        ["joints.json", "'Hips' is -1", "a number from 0"],
    ),
    "weights beyond all numbers": (
        JOINTS,
        lambda d: json_file(d, '{"joint_loss_weights": {"Hips": %s}}' % ("9" * 4000)),
        ["joints.json", "'Hips' is 999", "a number from 0"],
    ),
    "weights given twice": (
        JOINTS,
        lambda d: json_file(d, '{"joint_loss_weights": {"Hips": 1, "Hips": 2}}'),
        ["joints.json", "'Hips' twice"],
    ),
    "weights endless": (JOINTS, lambda d: json_file(d, "[" * 900_000), ["joints.json", "nest too deep"]),
    "weights missing": ({"mocap_loss_weights_file": "{duet}/no.json"}, None, ["no.json", "mocap_loss_weights_file"]),
    "model weights missing": (WEIGHTS, None, ["weights", "encoder_weights_file"]),
    "model weights of text": (WEIGHTS, lambda d: (d / "weights").write_text("hello"), ["encoder_weights_file"]),
    "model weights empty": (WEIGHTS, lambda d: (d / "weights").write_text(""), ["encoder_weights_file"]),
    "model weights with a pickle": (WEIGHTS, pickle_payload, ["encoder_weights_file", "safely"]),
    "model weights with a payload": (WEIGHTS, torch_payload, ["encoder_weights_file", "safely"]),
    "model weights of no names": (
        WEIGHTS,
        lambda d: torch.save([torch.zeros(1)], d / "weights"),
        ["encoder_weights_file", "named tensors"],
    ),
    "model weights of another model": (
        WEIGHTS,
        lambda d: torch.save({"fc_mu.weight": torch.zeros(1)}, d / "weights"),
        ["encoder_weights_file", "does not fit the model", "config.json"],
    ),
    "sequence_length 0": ({"sequence_length": 0}, None, ["sequence_length = 0", "at least 1"]),
    "batch_size too large": ({"batch_size": 1000}, None, ["batch_size = 1000", "training set of 37 windows"]),
    "test_percentage too large": ({"test_percentage": 1.2}, None, ["test_percentage = 1.2", "0 to below 1"]),
    "test_percentage negative": ({"test_percentage": -0.1}, None, ["test_percentage = -0.1"]),
    "results not writable": ({}, read_only, ["results_path", "cannot be written"]),
    "nothing to do": ({"epochs": 0}, None, ["epochs = 0", "load_weights"]),
    "no such pair to export": ({"export_seq_index": 1}, None, ["export_seq_index = 1", "1 pair"]),
    "no such device": ({"device": "cuda:99"}, None, ['device = "cuda:99"', '"auto"']),
    "no such setting": ({"epoch": 3}, None, ["'epoch'", "'epochs'"]),
    "a setting without end": ({"mocap_files": "[" * 100_001}, None, ["mocap_files = '[[[", "a pair of file names"]),
    "a path that can be none": ({"results_path": r"'a\0b'"}, None, [r"results_path = 'a\x00b'", "a text"]),
    "a name that drives the terminal": ({"mocap_files": [["\x1b[2J.bvh", "two.bvh"]]}, None, [r"\x1b[2J.bvh"]),
    "an export format that is none": ({"export_formats": ["glb"]}, None, ["export_formats", '["fbx", "bvh"]']),
}


# name: settings, what is done to the folder, what the note must hold
NOTES = {
    "frame rate overruled": ({"mocap_fps": 25}, None, ["one.bvh: mocap_fps = 25 overrules the file's 50 frames"]),
    "lengths differ": ({}, lambda d: write_body(d / "two.bvh", 90), ["100 and 90 frames; using the first 90"]),
    "no person's height": ({"mocap_pos_scale": 0.01}, None, ["body is 1.6 cm high", "Set mocap_pos_scale"]),
    "a joint that moves": (
        {},
        lambda d: write_body(d / "two.bvh", body=BODY.replace("3 Z", "4 Zposition Z", 1)),
        ["two.bvh: Spine moves by", "its mean place"],
    ),
    "nothing to test with": (
        {"mocap_valid_frame_ranges": [[[0, 60], [60, 80]]]},
        None,
        ["pair 0, range [60, 80]: its 4 held-out frames", "sequence_length = 8"],
    ),
    "steps too large for the start": (
        {"initial_weights": "regression", "layerwise_rates": False},
        None,
        ["which it unlearns"],
    ),
    "earlier results": (
        {},
        lambda d: (d / "results/weights").mkdir(parents=True) or (d / "results/config.json").write_text("{}"),
        ["earlier run were moved to", "previous"],
    ),
}

# words of a message that no entry of the tables can have: the test that has it
ELSEWHERE = {
    "has no constant": "test_settings.test_a_constant_that_was_misspelt_or_deleted_is_named",
    "cannot read the argument": "test_a_setting_without_a_value",
    "splitlines()[0]": "test_a_device_that_does_not_start",
    "training in float32": "test_loop.test_bfloat16_falls_back_to_float32_with_a_note",
    "was made by": "test_resume.test_a_checkpoint_of_the_other_script_is_refused",
    "there is no checkpoint": "test_resume.test_what_cannot_go_on_is_refused_and_harms_nothing",
    "is no checkpoint that can be loaded safely": "test_resume.test_no_checkpoint_runs_code",
    "it lacks": "test_resume.test_no_checkpoint_runs_code",
    "cannot change that": "test_resume.test_what_cannot_go_on_is_refused_and_harms_nothing",
    "from here on": "test_resume.test_two_and_two_epochs_equal_four",
    "another run is writing there": "test_resume.test_two_runs_in_one_folder_are_refused",
    "there is no constant": "test_settings.test_a_constant_that_was_misspelt_or_deleted_is_named",
    "Make room, or close other programs": "test_resume.test_a_full_disk_stops_no_training",
    "OMP_NUM_THREADS": "test_loop.test_an_epoch_that_takes_more_than_three_times_the_fastest_is_noted_once",
    "the loss is not finite": "test_loop.test_a_loss_that_is_not_finite_is_named_with_epoch_batch_term_and_window",
    "for a model of your own": "test_warm_start.test_other_models_than_the_shipped_ones_are_refused",
    "is written without the model": "test_report_model.test_a_page_without_the_model_is_said_once",
    "Git LFS pointer": "test_fbx_refusing and test_bvh",
    "is a web page": "test_fbx_refusing and test_bvh",
    "cannot come at": "test_fbx_timing",
    "needs the package onnx": "test_onnx.test_a_missing_package_is_said",
    "frames without these": "test_take_check.test_findings_of_both_dancers_make_one_line",
    "no two seconds are left": "test_take_check.test_a_take_without_two_good_seconds_is_said",
    "{finding.text}": "test_take_check.test_findings_of_both_dancers_make_one_line",
    "more of the kind": "test_take_check.test_many_findings_are_counted",
    "let both start together": "test_pairs.test_files_that_state_when_they_start_are_put_together",
    "count frames at this rate": "test_pairs.test_differing_rates_are_brought_to_one",
    "per second are now": "test_pairs.test_differing_rates_are_brought_to_one",
    "taken to start together": "test_pairs.test_times_that_do_not_fit_are_said",
    "out of step": "test_pairs.test_times_that_do_not_fit_are_said",
    "this one is doubtful": "test_pairs.test_a_doubtful_up_axis_is_said_with_both_candidates",
    "Give a smaller number": "test_pairs.test_offsets_that_cannot_be_are_refused",
    "resampled from": "test_apply.test_another_frame_rate_is_resampled",
    "say who danced": "test_apply.test_what_cannot_be_applied_is_said",
    "the models read movement of dancer": "test_apply.test_what_cannot_be_applied_is_said",
    "check mocap_file_path and apply_files": "test_apply.test_what_cannot_be_applied_is_said",
    "the recording of the training": "test_apply.test_what_cannot_be_applied_is_said",
    "Use a longer recording": "test_apply.test_what_cannot_be_applied_is_said",
    "does not suffice": "test_resume.test_too_little_memory_for_a_step_names_the_batch_size",
    "cannot be recorded here": "test_loop.test_a_step_that_cannot_be_recorded_runs_as_it_is",
    "--nproc_per_node": "test_loop.test_more_processes_than_devices_are_refused",
    "numbers that are not finite": "test_weights_that_are_not_finite_are_refused",
    "one results folder is expected": "test_report.test_a_wrong_results_folder_is_named",
    "no run has left anything there": "test_report.test_a_wrong_results_folder_is_named",
}
