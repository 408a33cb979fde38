"""Turned and mirrored windows."""

import dataclasses
import itertools

from common.dataset import Duet, Windows, augment
from common.mocap import load_mocap
from common.motion import kinematics, quaternion
from common.runtime.errors import InputError
from common.training.loop import Batch
from helpers.project import BODY, PROJECT, at_rest, write_body

import numpy as np
import pytest
import torch

CPU = torch.device("cpu")


@pytest.fixture
def windows(duet):
    takes = [load_mocap(duet / f"{name}.bvh") for name in ("one", "two")]
    return Windows(Duet([takes], [[(0, 100)]], 0.2), [0, 1], 8, 2, CPU)


def positions(windows, dancer, poses):
    offsets = windows.offsets[dancer][:1].unsqueeze(1)
    return kinematics.joint_positions(poses.unflatten(-1, (-1, 4)), offsets, windows.parents[dancer])


def chances(count, turned=1.0, mirrored=-1.0):
    chance = torch.randn(count, augment.Augmentation.DRAWS, generator=torch.Generator().manual_seed(3))
    chance[:, 2], chance[:, 3] = turned, mirrored
    return chance


@pytest.mark.parametrize("rests", [False, True], ids=["hips are the root", "hips below a resting root"])
def test_both_dancers_are_turned_by_the_same_angle(rests, duet):
    if rests:
        for name in ("one", "two"):
            write_body(duet / f"{name}.bvh", body=at_rest(BODY))
    takes = [dataclasses.replace(load_mocap(duet / f"{name}.bvh"), up_axis="Y") for name in ("one", "two")]
    windows = Windows(Duet([takes], [[(0, 100)]], 0.2), [0, 1], 8, 2, CPU)
    changes = augment.Augmentation(windows, True, False)
    batch = windows.train[:6]
    chance = chances(6)
    angles = 2 * torch.atan2(chance[:, 1], chance[:, 0])
    for dancer in (0, 1):
        poses = windows.gather(dancer, batch)
        before, after = positions(windows, dancer, poses), positions(windows, dancer, changes(dancer, poses, chance))
        hips = kinematics.hips(takes[dancer].skeleton)
        before, after = (pos[..., hips:, :] - pos[..., hips : hips + 1, :] for pos in (before, after))
        cos, sin = (f(angles).view(-1, 1, 1) for f in (torch.cos, torch.sin))
        x, y, z = before.unbind(-1)
        turned = torch.stack((cos * x + sin * z, y, cos * z - sin * x), dim=-1)
        torch.testing.assert_close(after, turned, atol=1e-3, rtol=0)


def test_turns_are_by_every_angle_and_of_either_sign():
    turns = augment.turn_of(torch.randn(4000, 2), torch.tensor((0.0, 1.0, 0.0)))
    torch.testing.assert_close(turns.norm(dim=1), torch.ones(4000))
    assert (turns[:, [1, 3]] == 0).all()
    half = torch.atan2(turns[:, 2], turns[:, 0])
    counts = torch.histc(half, 8, -np.pi, np.pi)
    assert counts.min() > 400  # of 500
    assert augment.turn_of(torch.zeros(1, 2), torch.tensor((0.0, 1.0, 0.0))).isfinite().all()


def test_windows_are_changed_as_their_chances_have_it(windows):
    windows.augmentation = augment.Augmentation(windows, True, True)
    chance = chances(4)
    chance[:, 2] = torch.tensor((-1.0, 1.0, -1.0, 1.0))
    chance[:, 3] = torch.tensor((-1.0, -1.0, 1.0, 1.0))
    batch = windows.train[:4]
    plain, changed = windows.gather(0, batch), windows.gather(0, batch, chance)
    assert torch.equal(changed[0], plain[0])
    assert len({tuple(changed[i, 0].tolist()) for i in range(4)} | {tuple(plain[i, 0].tolist()) for i in range(4)}) == 7
    windows.augmentation = augment.Augmentation(windows, False, False)
    assert torch.equal(windows.gather(0, batch, chance), plain)


@pytest.mark.parametrize("dancer", [0, 1])
def test_the_target_of_a_changed_window_fits_its_poses(dancer, windows):
    windows.augmentation = augment.Augmentation(windows, True, True)
    batch = Batch(windows.train[:6], torch.Generator().manual_seed(5))
    *changed, noise = windows.draw(batch, 3)
    target, recorded = changed[dancer], windows.gather(dancer, windows.train[:6])
    assert noise.shape == (6, 3)
    assert not torch.equal(target.poses, recorded)
    expected = positions(windows, dancer, target.poses)
    torch.testing.assert_close(target.pos.unflatten(-1, (-1, 3)), expected, atol=1e-4, rtol=0)
    assert torch.equal(windows.recorded(batch)[dancer].poses, recorded)


# ---------------------------------------------------------------------------------------------------------------------
# mirroring


BUNDLED = PROJECT / "data" / "mocap" / "duet_dancer1.fbx"
RIGS = ["bvh/boxing_toes_100fps_rowcount_off_by_one.bvh", "bvh/olympe_dancing_mixed_orders_per_joint.bvh"]
RIGS += ["bvh/xsens_style_yxz_crlf.bvh", "fbx/ufbx_maya_character_7500_binary.fbx"]  # the last rests turned


@pytest.mark.parametrize("rig", ["bundled", *RIGS])
def test_a_mirrored_body_stands_where_its_mirror_image_does(rig):
    path = BUNDLED if rig == "bundled" else PROJECT.parent / "shared" / "data" / rig
    if not path.exists():
        pytest.skip("the recordings are not there")
    take = load_mocap(path)
    rotations = take.rot_local[:40].float()
    side = torch.eye(3)[0 if take.up_axis != "X" else 1]
    mirror = augment.Mirror(take.skeleton, side, rotations.mean(dim=0))
    offsets, parents = take.skeleton.mean_offsets.float(), take.skeleton.parents
    before = kinematics.joint_positions(rotations, offsets, parents)
    after = kinematics.joint_positions(mirror(rotations), offsets, parents)
    image = before[:, mirror.partners] * (1 - 2 * side)
    assert (after - image).norm(dim=-1).max() < 0.01 * kinematics.body_height(take)
    twice = mirror(mirror(rotations))
    half = quaternion.half_angle(twice, rotations)
    assert half.max() < 2e-3
    assert ((mirror(rotations).mean(dim=0) * rotations.mean(dim=0)).sum(-1) >= 0).all()  # the signs of the training


STYLES = {
    "LeftArm": "RightArm",
    "L_Arm": "R_Arm",
    "Arm.L": "Arm.R",
    "arm_l": "arm_r",
    "l_arm": "r_arm",
    "lArm": "rArm",
    "LArm": "RArm",
    "Bip01 L Arm": "Bip01 R Arm",
    "Anna:LeftArm": "Anna:RightArm",
    "arm_left": "arm_right",
}


@pytest.mark.parametrize(("left", "right"), STYLES.items())
def test_left_and_right_are_known_by_their_names(left, right, tmp_path):
    body = (
        BODY.replace("LeftArm", left).replace("RightArm", right).replace("LeftLeg", "Tail").replace("RightLeg", "Ear")
    )
    write_body(tmp_path / "take.bvh", body=body)
    take = load_mocap(tmp_path / "take.bvh")
    names, partners = take.skeleton.joint_names, augment.find_partners(take.skeleton)
    paired = {names[joint]: names[partner] for joint, partner in enumerate(partners) if joint != partner}
    assert paired[left] == right
    assert paired[right] == left
    assert not {"Tail", "Ear", "Hips", "Spine", "Head"} & set(paired)
    ends = [joint for joint, parent in enumerate(take.skeleton.parents) if names[parent] in (left, right)]
    assert [partners[end] for end in ends] == ends[::-1]


def test_names_that_only_look_like_sides_are_none(tmp_path):
    body = BODY
    for name, other in {"LeftArm": "Collar", "RightArm": "Lower", "LeftLeg": "Cleft", "RightLeg": "Rear"}.items():
        body = body.replace(name, other)
    write_body(tmp_path / "take.bvh", body=body)
    take = load_mocap(tmp_path / "take.bvh")
    with pytest.raises(InputError, match="no joint's name tells left from right"):
        augment.find_partners(take.skeleton)


def test_mirroring_swaps_what_the_sides_do(windows):
    images = augment.Augmentation(windows, False, True).images
    partners = images[0].partners.tolist()
    assert sum(joint < partner for joint, partner in enumerate(partners)) == 4  # arms and legs, and their ends
    rotations = windows.gather(0, windows.train[:3]).unflatten(-1, (-1, 4))
    mirrored = images[0](rotations)
    for joint, partner in itertools.compress(enumerate(partners), [p > 0 for p in partners]):
        angle = quaternion.half_angle(mirrored[:, :, joint], torch.tensor((1.0, 0, 0, 0)).expand(3, 8, 4))
        other = quaternion.half_angle(rotations[:, :, partner], torch.tensor((1.0, 0, 0, 0)).expand(3, 8, 4))
        torch.testing.assert_close(angle, other, atol=1e-4, rtol=0)
