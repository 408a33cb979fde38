"""The bundled example duet: reproducible, and bodies that move as bodies can, in a dance for two.

The checks know the files only, not how they are made: what is planted, where the floor is and who answers
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


@pytest.fixture(scope="module")
def takes():
    return {name: load_mocap(FOLDER / f"{name}.bvh") for name in DANCERS}


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
    return 50 * np.linalg.norm(np.diff(track[:, FLOOR], axis=0), axis=1)


def planted(pos, joint, margin=1.0):
    """(T − 1,): the joint is within `margin` cm of its lowest height at both ends of the step in time."""
    low = pos[:, joint, Y] < pos[:, joint, Y].min() + margin
    return low[1:] & low[:-1]


def heading(pos):
    """Where the pelvis faces, (T,) unrolled degrees."""
    left = pos[:, HIPS[1]] - pos[:, HIPS[0]]
    return np.degrees(np.unwrap(np.arctan2(-left[:, Z], left[:, X])))


def test_the_script_makes_these_files(takes, tmp_path):
    spec = importlib.util.spec_from_file_location("make_example_duet", FOLDER / "make_example_duet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, made in module.make_duet().items():
        save_mocap(made, tmp_path / f"{name}.bvh")
        made = load_mocap(tmp_path / f"{name}.bvh")
        np.testing.assert_allclose(made.skeleton.rest_offsets, takes[name].skeleton.rest_offsets)
        np.testing.assert_allclose(made.root_pos, takes[name].root_pos, atol=1e-3)
        apart = 2 * quaternion.half_angle(torch.from_numpy(made.rot_local), torch.from_numpy(takes[name].rot_local))
        assert torch.rad2deg(apart).max() < 1e-3


def test_what_the_files_hold(takes, dancer):
    take = takes[dancer]
    assert take.skeleton.joint_names == JOINTS
    assert take.frame_count == 3000
    assert take.fps == pytest.approx(50)
    assert take.up_axis == "Y"
    assert 160 < kinematics.body_height(take) < 180
    assert take.skeleton.channels[0] == (
        "Xposition", "Yposition", "Zposition", "Yrotation", "Xrotation", "Zrotation",
    )  # fmt: skip
    assert set(take.skeleton.channels[1:]) == {("Yrotation", "Xrotation", "Zrotation")}


def test_the_bodies_differ_in_more_than_size(takes):
    lengths = [np.linalg.norm(takes[name].skeleton.rest_offsets[1:], axis=1) for name in DANCERS]
    ratio = lengths[0] / lengths[1]
    assert np.ptp(ratio) > 0.1


def test_files_are_small():
    assert sum((FOLDER / f"{name}.bvh").stat().st_size for name in DANCERS) < 6e6


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
        for stance in np.split(np.arange(3000), np.flatnonzero(np.diff(lowest)) + 1):
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
    rot = torch.from_numpy(takes[dancer].rot_local)
    step = np.degrees(2 * quaternion.half_angle(rot[1:], rot[:-1]).numpy())
    assert step.max() < 13
    turn = quaternion.mul(quaternion.inv(rot[:-1]), rot[1:])
    turn = np.degrees(2 * (turn[..., 1:] * turn[..., :1].sign()).numpy())
    assert np.linalg.norm(np.diff(turn, axis=0), axis=-1).max() < 6
    assert np.abs(np.diff(takes[dancer].root_pos, n=2, axis=0)).max() < 0.6


def test_knees_bend_the_right_way(takes, dancer):
    """Knee flexion is a turn about the thigh's own X, never backwards and never straight."""
    rot = torch.from_numpy(takes[dancer].rot_local)
    for knee in (2, 6):
        flexion = np.degrees(2 * torch.atan2(rot[:, knee, 1], rot[:, knee, 0]).numpy())
        assert flexion.min() > 5
        assert flexion.max() < 150


def test_partners_keep_apart_and_near(positions):
    first, second = (positions[name] for name in DANCERS)
    hips = np.linalg.norm((first[:, 0] - second[:, 0])[:, FLOOR], axis=1)
    assert hips.min() > 70
    assert hips.max() < 400
    for frame in range(0, 3000, 10):
        assert np.linalg.norm(first[frame, :, None] - second[frame, None], axis=-1).min() > 15


def test_they_travel_turn_and_change_level(positions, dancer):
    pos = positions[dancer]
    assert floor_speed(pos[:, 0]).sum() / 50 > 800
    assert np.ptp(pos[:, 0, Y]) > 20
    facing = heading(pos)
    in_four_seconds = np.abs(facing[200:] - facing[:-200])
    whole_turns = np.flatnonzero(np.diff((in_four_seconds > 330).astype(int)) == 1)
    assert len(whole_turns) >= 2
    hands = np.linalg.norm(np.diff(pos[:, HANDS], axis=0), axis=-1).max(axis=1) * 50
    assert np.percentile(hands, 5) < 30, "stillness"
    assert np.percentile(hands, 95) > 250, "and speed"


def test_dancer2_answers_dancer1(positions):
    """What dancer 1 did in the last 1.5 s predicts dancer 2 in the last 12 s, learnt from the 48 s before, by
    ridge regression. Told about another moment of dancer 1, the same method must fail."""

    def shape(pos):  # hand heights, hips, and how far the hands are apart
        heights = pos[:, [*HANDS, 0], Y]
        return np.column_stack((heights, np.linalg.norm(pos[:, HANDS[0]] - pos[:, HANDS[1]], axis=1)))

    def score(heard, told):
        lags = range(0, 76, 5)
        inputs = np.column_stack([np.roll(heard, lag, axis=0) for lag in lags])[75:]
        told = told[75:]
        train, test = slice(0, 2400 - 75), slice(2400 - 75, None)
        inputs = (inputs - inputs[train].mean(axis=0)) / inputs[train].std(axis=0)
        told = (told - told[train].mean(axis=0)) / told[train].std(axis=0)
        normal = inputs[train].T @ inputs[train] + 300 * np.eye(inputs.shape[1])
        weights = np.linalg.solve(normal, inputs[train].T @ told[train])
        error = ((inputs[test] @ weights - told[test]) ** 2).sum()
        return 1 - error / (told[test] ** 2).sum()

    first, second = (shape(positions[name]) for name in DANCERS)
    assert score(first, second) > 0.4
    assert max(score(np.roll(first, shift, axis=0), second) for shift in (500, 1000, 1500, 2000)) < 0.2
