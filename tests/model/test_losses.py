import json

from common.dataset import WindowBatch, load_joint_weights
from common.model import losses
from common.motion import kinematics, quaternion
from common.runtime.errors import InputError

import numpy as np
import pytest
import torch


def target_of(poses, offsets, parents):
    """Poses (B, T, D) and offsets (B, J, 3) as the losses need them."""
    pos = kinematics.joint_positions(poses.unflatten(-1, (-1, 4)), offsets.unsqueeze(1), parents)
    return WindowBatch(poses, pos.flatten(2), offsets, parents)


@pytest.fixture
def recorded(contract):
    """The contract's prediction and target."""
    offsets = torch.from_numpy(contract["offsets"]).float().expand(3, -1, -1)
    target = target_of(torch.from_numpy(contract["target"]), offsets, contract["parents"])
    return torch.from_numpy(contract["prediction"]), target


def test_losses_reproduce_the_contract(contract, recorded):
    prediction, target = recorded
    weights = torch.from_numpy(contract["joint_loss_weights"]).float()
    parts = losses.pose_losses(prediction, target, weights)
    assert parts["norm"].item() == pytest.approx(0, abs=1e-6)
    assert parts["pos"].item() == pytest.approx(float(contract["pos_loss"]), rel=1e-5)
    assert parts["quat"].item() == pytest.approx(float(contract["quat_loss"]), rel=1e-5)
    longer = losses.pose_losses(1.1 * prediction, target, weights)["norm"]
    assert longer.item() == pytest.approx(float(contract["norm_loss_of_prediction_times_1_1"]), rel=1e-5)


def test_kld_cycle_reproduces_the_contract(contract):
    scales = [losses.kld_scale(epoch, 100, 20, 20, 0.0, 0.1) for epoch in range(250)]
    np.testing.assert_allclose(scales, contract["kld_scales_250_epochs"], atol=1e-12)


@pytest.mark.parametrize("consts", [(0, 0), (10, 0), (0, 10), (5, 5), (10, 10)])
def test_kld_cycle_stays_within_its_limits(consts):
    scales = [losses.kld_scale(epoch, 10, *consts, 0.2, 0.7) for epoch in range(30)]
    assert min(scales) >= 0.2
    assert max(scales) <= 0.7
    assert scales[:10] == scales[10:20]


def test_losses_are_blind_to_the_sign_and_length_of_predictions(recorded):
    prediction, target = recorded
    one = losses.pose_losses(prediction, target, torch.ones(23))
    two = losses.pose_losses(-1.7 * prediction, target, torch.ones(23))
    for name in ("pos", "quat"):
        torch.testing.assert_close(one[name], two[name])


def test_gradients_are_finite_where_poses_agree_vanish_or_joints_coincide():
    offsets = torch.zeros(2, 3, 3)
    offsets[0] = 1.0
    poses = quaternion.normalise(torch.randn(2, 4, 3, 4)).flatten(2)
    target = target_of(poses, offsets, np.array([-1, 0, 1]))
    for prediction in (poses.clone(), torch.zeros_like(poses), -poses):
        prediction.requires_grad_(True)
        sum(losses.pose_losses(prediction, target, torch.ones(3)).values()).backward()
        assert torch.isfinite(prediction.grad).all()


def test_gradients_agree_with_differences():
    offsets = torch.randn(1, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    draw = torch.randn(2, 1, 2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([1.0, 2.0, 0.5, 0.0], dtype=torch.float64)
    prediction = draw[0].requires_grad_(True)
    poses = quaternion.normalise(draw[1].unflatten(-1, (-1, 4))).flatten(-2)
    target = target_of(poses, offsets, np.array([-1, 0, 1, 1]))
    assert torch.autograd.gradcheck(lambda p: tuple(losses.pose_losses(p, target, weights).values()), prediction)


def test_a_joint_without_weight_moves_no_loss_of_its_own(recorded):
    target = recorded[1]
    leaf = len(target.parents) - 1
    prediction = target.poses.clone().unflatten(-1, (-1, 4))
    prediction[:, :, leaf] = quaternion.mul(prediction[:, :, leaf], torch.tensor([0.6, 0.8, 0, 0]))
    for weight, at_least, at_most in ((0.0, 0.0, 1e-6), (1.0, 0.01, 1.0)):
        weights = torch.ones(23)
        weights[leaf] = weight
        quat = losses.pose_losses(prediction.flatten(-2), target, weights)["quat"]
        assert at_least <= quat.item() <= at_most


NAMES = ["Hips", "Spine", "Spine_Nub"]


def load(tmp_path, content, names=NAMES):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "weights.json").write_text(text, encoding="utf-8")
    return load_joint_weights("weights.json", tmp_path, names).tolist()


def test_joint_weights_by_list_and_by_name(tmp_path):
    assert load_joint_weights(None, tmp_path, NAMES).tolist() == [1, 1, 1]
    assert load(tmp_path, {"joint_loss_weights": [1, 0.5, 0]}) == [1, 0.5, 0]
    assert load(tmp_path, {"joint_loss_weights": {"Spine_Nub": 0.25}}) == [1, 1, 0.25]
    assert load(tmp_path, {"joint_loss_weights": {"Spine": 0.25}}, ["A:Hips", "A:Spine"]) == [1, 0.25]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"joint_loss_weights": [1, 2]}, "has 2 weights, but the skeleton has 3 joints"),
        ({"joint_loss_weights": {"Tail": 1}}, "'Tail' is no joint"),
        ({"joint_loss_weights": [1, "a", 1]}, "weight of joint 1 is 'a'"),
        ({"joint_loss_weights": {"Spine": -1}}, "'Spine' is -1"),
        ({"joint_loss_weights": {"Spine": True}}, "'Spine' is True"),
        ('{"joint_loss_weights": [NaN, 1, 1]}', "joint 0 is nan"),
        ('{"joint_loss_weights": [1e999, 1, 1]}', "joint 0 is inf"),
        ('{"joint_loss_weights": [1e99, 1, 1]}', "from 0 to 1000000"),
        ('{"joint_loss_weights": [%s, 1, 1]}' % ("9" * 4000), "joint 0 is 9{100}; expected"),
        ('{"joint_loss_weights": [%s, 1, 1]}' % ("9" * 5000), "is no JSON"),
        ('{"joint_loss_weights": {"Hips": 1, "Hips": 2}}', "'Hips' twice"),
        ('{"joint_loss_weights":' + '{"a":' * 100_000, "nest too deep"),
        ({"joint_loss_weights": 3}, "expected"),
        ([1, 1, 1], "expected"),
        ("not json", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_joint_weights_that_do_not_fit_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=f"(?s)weights.json.*{message}"):
        load(tmp_path, content)


def test_the_bundled_weights_name_the_joints_of_their_systems(project):
    qualisys = json.loads((project / "data/configs/qualisys_with_hands_joint_loss_weights.json").read_text())
    weights = qualisys["joint_loss_weights"]
    assert len(weights) == 64
    assert sum(weight == 0.05 for weight in weights.values()) == 40
    assert weights["RightInHandPinky"] == weights["LeftHandThumb3"] == 0.05
    assert weights["LeftHand"] == weights["RightToeBase"] == 1
    zed = json.loads((project / "data/configs/zed_body34_joint_loss_weights.json").read_text())["joint_loss_weights"]
    assert len(zed) == 34
    assert {name for name, weight in zed.items() if weight == 0.1} == {
        *(f"{side} {tip}" for side in ("LEFT", "RIGHT") for tip in ("HANDTIP", "THUMB", "EYE", "EAR")),
        "NOSE",
    }


def test_zero_offsets_have_finite_position_gradients():
    rot = torch.zeros(1, 2, 4, requires_grad=True)
    kinematics.joint_positions(rot, torch.ones(2, 3), [-1, 0]).sum().backward()
    assert torch.isfinite(rot.grad).all()
