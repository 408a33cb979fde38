"""The bundled example duet: reproducible, and bodies that move as bodies can, in a dance for two.

Most checks know the files only, not how they are made: what is planted, where the floor is and who answers
whom is measured on joint positions.
"""

import importlib.util
from pathlib import Path

from common.mocap import load_mocap, save_mocap
from common.motion import kinematics, quaternion

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / "data" / "mocap"
DANCERS = ("duet_dancer1", "duet_dancer2")
JOINTS = [
    "Hips", "RightUpLeg", "RightLeg", "RightFoot", "RightToeBase", "LeftUpLeg", "LeftLeg", "LeftFoot",
    "LeftToeBase", "Spine", "Spine1", "Spine2", "Spine3", "RightShoulder", "RightArm", "RightForeArm",
    "RightHand", "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "Neck", "Head",
]  # fmt: skip
TOES, ANKLES, HIPS, HANDS = (4, 8), (3, 7), (1, 5), (16, 20)
X, Y, Z = 0, 1, 2
FLOOR = [X, Z]
FPS, FRAMES = 50, 9000
HELD_OUT = FRAMES * 4 // 5  # where training ends with the scripts' test_percentage


@pytest.fixture(scope="module")
def takes():
    return {name: load_mocap(FOLDER / f"{name}.fbx") for name in DANCERS}


@pytest.fixture(scope="module")
def positions(takes):
    """(T, 23, 3) cm per dancer."""
    return {
        name: kinematics.forward_kinematics(take.rot_local, take.root_pos, take.skeleton).numpy()
        for name, take in takes.items()
    }


@pytest.fixture(params=DANCERS)
def dancer(request):
    return request.param


def floor_speed(track):
    """Horizontal speed, (T, 3) at 50 fps -> (T − 1,) cm/s."""
    return FPS * np.linalg.norm(np.diff(track[:, FLOOR], axis=0), axis=1)


def planted(pos, joint, margin=1.0):
    """(T − 1,): the joint is within `margin` cm of its lowest height at both ends of the step in time."""
    low = pos[:, joint, Y] < pos[:, joint, Y].min() + margin
    return low[1:] & low[:-1]


def heading(pos):
    """Where the pelvis faces, (T,) unrolled degrees."""
    left = pos[:, HIPS[1]] - pos[:, HIPS[0]]
    return np.degrees(np.unwrap(np.arctan2(-left[:, Z], left[:, X])))


@pytest.fixture(scope="module")
def script():
    """make_example_duet.py as a module."""
    spec = importlib.util.spec_from_file_location("make_example_duet", FOLDER / "make_example_duet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(script, tmp_path_factory):
    """A folder with the takes as the script writes them."""
    folder = tmp_path_factory.mktemp("made")
    for name, take in script.make_duet().items():
        save_mocap(take, folder / f"{name}.fbx")
    return folder


def test_the_script_makes_these_files(takes, made, dancer):
    remade = load_mocap(made / f"{dancer}.fbx")
    np.testing.assert_array_equal(remade.skeleton.rest_offsets, takes[dancer].skeleton.rest_offsets)
    np.testing.assert_allclose(remade.root_pos, takes[dancer].root_pos, atol=2e-3)
    angles = 2 * quaternion.half_angle(remade.rot_local, takes[dancer].rot_local)
    assert torch.rad2deg(angles).max() < 5e-3


def test_the_script_writes_bvh_where_it_is_asked_to(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "SECONDS", 4)
    monkeypatch.setattr(script, "__file__", str(tmp_path / "make_example_duet.py"))
    monkeypatch.setattr(script.sys, "argv", ["make_example_duet.py", "bvh"])
    script.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.bvh" for name in DANCERS]
    for name, take in script.make_duet().items():
        read = load_mocap(tmp_path / f"{name}.bvh")
        assert (read.skeleton.joint_names, read.frame_count, read.fps) == (JOINTS, 4 * FPS, pytest.approx(FPS))
        rotations = ("Yrotation", "Xrotation", "Zrotation")
        assert read.skeleton.channels[0] == ("Xposition", "Yposition", "Zposition", *rotations)
        assert set(read.skeleton.channels[1:]) == {rotations}
        np.testing.assert_allclose(read.root_pos, take.root_pos, atol=1e-3)
        assert quaternion.half_angle(read.rot_local, take.rot_local).max() < 1e-4


def test_the_held_out_end_varies_what_was_danced_before(script):
    """Every motif of the score is there, none for the first time and none just as it was before."""
    held_out, before = [], []
    for begin, motif, variation, _ in script.lead():
        ends = begin + script.duration(motif) / variation.get("speed", 1)
        (held_out if ends > HELD_OUT / FPS + script.FLOW else before).append((motif, variation))
    assert {motif for motif, _ in held_out} == script.MOTIFS.keys()
    for motif, variation in held_out:
        assert sum(earlier == motif for earlier, _ in before) >= 3
        assert (motif, variation) not in before


def test_the_dance_ends_before_the_takes_do(script):
    begin, motif, variation, _ = script.answer(script.lead())[-1]
    assert begin + script.duration(motif) / variation.get("speed", 1) < script.SECONDS


def test_what_the_files_hold(takes, dancer):
    take = takes[dancer]
    assert take.skeleton.joint_names == JOINTS
    assert take.frame_count == FRAMES
    assert take.fps == pytest.approx(50)
    assert take.up_axis == "Y"
    assert 160 < kinematics.body_height(take) < 180
    assert set(take.skeleton.rot_orders) == {"YXZ"}


def test_the_bodies_differ_in_more_than_size(takes):
    lengths = [np.linalg.norm(takes[name].skeleton.rest_offsets[1:], axis=1) for name in DANCERS]
    ratio = lengths[0] / lengths[1]
    assert np.ptp(ratio) > 0.1


def test_files_are_small():
    """Two thirds are the times of the keys, the same in both files, so that a Git pack keeps those of one."""
    assert sum((FOLDER / f"{name}.fbx").stat().st_size for name in DANCERS) < 9.5e6


def test_planted_feet_stay(positions, dancer):
    pos = positions[dancer]
    slowest = np.min([floor_speed(pos[:, toe]) for toe in TOES], axis=0)
    assert np.mean(slowest < 1.0) > 0.99, "somebody slides: at nearly every moment one foot stands"
    for toe in TOES:
        stance = planted(pos, toe)
        speed = floor_speed(pos[:, toe])[stance]
        assert np.median(speed) < 0.1
        assert np.mean(speed < 5) > 0.9, "only take-off and landing may move this close to the floor"


def test_stances_do_not_drift(positions, dancer):
    """Ball and ankle over each whole stance; the ankle where the heel is down too, between pivots."""
    pos = positions[dancer]
    for toe, ankle in zip(TOES, ANKLES, strict=True):
        lowest = pos[:, toe, Y] < pos[:, toe, Y].min() + 0.05
        for stance in np.split(np.arange(FRAMES), np.flatnonzero(np.diff(lowest)) + 1):
            if lowest[stance[0]] and len(stance) > 10:
                assert np.ptp(pos[stance[1:-1], toe][:, FLOOR], axis=0).max() < 0.3
        down = planted(pos, ankle, 0.5) & planted(pos, toe, 0.05)
        assert np.median(floor_speed(pos[:, ankle])[down]) < 1.0


def test_no_foot_goes_through_the_floor_and_nobody_floats(takes, positions, dancer):
    pos = positions[dancer]
    rest = kinematics.rest_pose(takes[dancer].skeleton)
    sole = rest[ANKLES[0], Y] - rest[TOES[0], Y]  # the ankle above the ball of a flat foot
    ground = np.median(pos[:, TOES, Y].min(axis=1))
    assert 0 < ground < 5, "the floor is at height 0"
    assert pos[:, TOES, Y].min() > ground - 0.5
    assert pos[:, ANKLES, Y].min() > ground + sole - 0.5
    assert pos[:, TOES, Y].min(axis=1).max() < ground + 0.5


def test_joints_do_not_jump(takes, dancer):
    rot = takes[dancer].rot_local
    step = np.degrees(2 * quaternion.half_angle(rot[1:], rot[:-1]).numpy())
    assert step.max() < 13
    turn = quaternion.mul(quaternion.inv(rot[:-1]), rot[1:])
    turn = np.degrees(2 * (turn[..., 1:] * turn[..., :1].sign()).numpy())
    assert np.linalg.norm(np.diff(turn, axis=0), axis=-1).max() < 6
    assert np.abs(np.diff(takes[dancer].root_pos, n=2, axis=0)).max() < 0.6


def test_knees_bend_the_right_way(takes, dancer):
    """Knee flexion is a turn about the thigh's own X, never backwards and never straight."""
    rot = takes[dancer].rot_local
    for knee in (2, 6):
        flexion = np.degrees(2 * torch.atan2(rot[:, knee, 1], rot[:, knee, 0]).numpy())
        assert flexion.min() > 5
        assert flexion.max() < 150


def test_partners_keep_apart_and_near(positions):
    first, second = (positions[name] for name in DANCERS)
    hips = np.linalg.norm((first[:, 0] - second[:, 0])[:, FLOOR], axis=1)
    assert hips.min() > 70
    assert hips.max() < 400
    for frame in range(0, FRAMES, 10):
        assert np.linalg.norm(first[frame, :, None] - second[frame, None], axis=-1).min() > 15


def test_they_travel_turn_and_change_level(positions, dancer):
    pos = positions[dancer]
    assert floor_speed(pos[:, 0]).sum() / FPS > 2400
    assert np.ptp(pos[:, 0, Y]) > 20
    facing = heading(pos)
    in_four_seconds = np.abs(facing[200:] - facing[:-200])
    whole_turns = np.flatnonzero(np.diff((in_four_seconds > 330).astype(int)) == 1)
    assert len(whole_turns) >= 6
    hands = np.linalg.norm(np.diff(pos[:, HANDS], axis=0), axis=-1).max(axis=1) * FPS
    assert np.percentile(hands, 5) < 30, "stillness"
    assert np.percentile(hands, 95) > 250, "and speed"


def test_dancer2_answers_dancer1(positions):
    """What dancer 1 did in the last 1.5 s predicts dancer 2 in the held-out end, learnt from what comes before, by
    ridge regression. Told about another moment of dancer 1, the same method must fail."""

    def shape(pos):  # hand heights, hips, and how far the hands are apart
        heights = pos[:, [*HANDS, 0], Y]
        return np.column_stack((heights, np.linalg.norm(pos[:, HANDS[0]] - pos[:, HANDS[1]], axis=1)))

    def score(heard, told):
        lags = range(0, 76, 5)
        inputs = np.column_stack([np.roll(heard, lag, axis=0) for lag in lags])[75:]
        told = told[75:]
        train, test = slice(0, HELD_OUT - 75), slice(HELD_OUT - 75, None)
        inputs = (inputs - inputs[train].mean(axis=0)) / inputs[train].std(axis=0)
        told = (told - told[train].mean(axis=0)) / told[train].std(axis=0)
        normal = inputs[train].T @ inputs[train] + 300 * np.eye(inputs.shape[1])
        weights = np.linalg.solve(normal, inputs[train].T @ told[train])
        error = ((inputs[test] @ weights - told[test]) ** 2).sum()
        return 1 - error / (told[test] ** 2).sum()

    first, second = (shape(positions[name]) for name in DANCERS)
    assert score(first, second) > 0.4
    assert max(score(np.roll(first, shift, axis=0), second) for shift in (500, 1000, 1500, 2000)) < 0.2


def test_what_dancer2_answered_before_tells_what_it_will_answer(takes):
    """To each held-out window of dancer 1 the most similar one of the training part, and what dancer 2 did there: less
    than half as far off as dancer 2's mean pose, hips aside."""
    starts = np.arange(0, FRAMES - 64, 8)
    frames = starts[:, None] + np.arange(0, 64, 9)
    first, second = (takes[name].rot_local.numpy()[frames, 1:] for name in DANCERS)  # (N, 8, 22, 4)
    train, test = starts + 64 <= HELD_OUT, starts >= HELD_OUT

    def error(prediction):
        apart = quaternion.half_angle(torch.from_numpy(prediction), torch.from_numpy(second[test]))
        return 2 * torch.rad2deg(apart).mean()

    seen, heard = first[train].reshape(train.sum(), -1), first[test].reshape(test.sum(), -1)
    similar = (heard @ seen.T - (seen**2).sum(axis=1) / 2).argmax(axis=1)
    mean_pose = second[train].mean(axis=(0, 1))
    mean_pose /= np.linalg.norm(mean_pose, axis=-1, keepdims=True)
    assert error(second[train][similar]) < 0.5 * error(np.broadcast_to(mean_pose, second[test].shape).copy())
