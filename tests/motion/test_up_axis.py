"""Which axis is up: the rule's score over made takes of every kind, and real ones."""

import dataclasses

from common.mocap import load_mocap
from common.motion import kinematics
from common.motion.up_axis import find_up_axis
from helpers.made_takes import bone_aligned, made, movements, turned, walk
from helpers.project import positions

import numpy as np
import pytest

REAL = {  # what their feet stand on, by looking at them
    "bvh": {
        "boxing_toes_100fps_rowcount_off_by_one": "Y",
        "bvhio_no_endsites_6ch": "Y",
        "classic_wisconsin_example_tabs_2frames": "Y",
        "cmu_cgspeed_motionbuilder_zyx_mixed_crlf": "Y",
        "mixed_orders_60joints_trailing_space_names": "Z",  # rests with Y up
        "motionbuilder_walk01_3digit_exponent": "Y",
        "olympe_dancing_mixed_orders_per_joint": "Y",
        "xsens_style_yxz_crlf": "Y",
    },
    "duets": {f"cmu_salsa_{dancer}_{take}": "Y" for dancer in (60, 61) for take in ("01", "02", "12")},
    "cases": {
        "f2_arms_out_tpose": "Y",
        "f2_arms_out_bone_aligned": "Y",
        "f4_dancer1_tpose": "Y",
        "f4_dancer2_bone_aligned": "Y",
    },
}
# of 20 movements: how many are right, and at most how many of these are doubted
SCORES = {
    "as made": (20, 2),
    "bone-aligned": (19, 6),
    "Z": (20, 2),
    "-Y": (20, 2),
    "-X": (20, 2),
    "Z, resting with Y up": (17, 8),
    "-Y, resting with Y up": (18, 8),
}


def variant(take, name):
    if name == "as made":
        return take
    if name == "bone-aligned":
        return bone_aligned(take)
    return turned(take, name.partition(",")[0], rest_too="resting" not in name)


@pytest.mark.parametrize("name", SCORES)
def test_the_score_over_movements_of_every_kind(name):
    """Lying, jumping, on the hands, arms out, crawling, upstairs: see movements()."""
    right, doubted = [], []
    for movement, take in movements().items():
        take = variant(take, name)
        axis, other, doubtful = find_up_axis(take)
        right += [movement] if axis == take.up_axis else []
        doubted += [movement] if doubtful else []
        if doubtful and name in ("as made", "bone-aligned", "Z", "-Y"):
            assert take.up_axis in (axis, other)  # what is doubted names the right one
    assert len(right) >= SCORES[name][0], f"right only: {right}"
    assert len(doubted) <= SCORES[name][1], f"doubted: {doubted}"
    assert {"walking", "turning", "arms out", "arms up", "jumping"} <= {*right}
    if "resting" not in name:
        assert not {"walking", "turning", "arms out", "arms up", "jumping", "jumping forwards"} & {*doubted}


@pytest.mark.parametrize("folder", REAL)
def test_the_score_over_real_takes(folder, recordings):
    for name, up in REAL[folder].items():
        assert load_mocap(recordings / folder / f"{name}.bvh").up_axis == up, name


def test_bone_aligned_takes_have_the_same_positions():
    for take in (walk(), made({"Hips": (180, 0, 0)})):
        other = bone_aligned(take)
        np.testing.assert_allclose(positions(other), positions(take), atol=1e-9)
        assert (other.skeleton.offsets - take.skeleton.offsets).abs().max() > 40
        assert kinematics.upright_at_rest(other.skeleton) is None


@pytest.mark.parametrize("name", SCORES)
def test_the_height_of_a_body_is_that_of_its_rest_pose_or_of_its_motion(name):
    for movement, take in movements().items():
        take = variant(take, name)
        # arms over the head count where no rest pose shows a body
        high = 230 if name == "bone-aligned" and movement in ("arms up", "handstand", "cartwheels") else 190
        low = 120 if name == "bone-aligned" else 176  # and bent knees do
        assert low < kinematics.body_height(take) < high, movement


def test_the_height_of_a_body_whose_rest_pose_lies_on_its_back():
    """The file states Z up, but rests along Y: its most lopsided axis is neither."""
    take = turned(walk(), "Z", rest_too=False)
    assert kinematics.body_height(take) == pytest.approx(177)
    offsets = take.skeleton.rest_offsets.clone()
    offsets[:, 2] += 30 * (offsets[:, 1] < 0)  # feet far in front
    body = dataclasses.replace(take.skeleton, offsets=offsets, rest_offsets=offsets)
    assert kinematics.body_height(dataclasses.replace(take, skeleton=body)) == pytest.approx(177)
