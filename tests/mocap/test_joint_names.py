from common.mocap import joint_names

import pytest

LEFT = [
    "LeftArm",
    "LEFT_KNEE",
    "l_foot",
    "Foot.L",
    "LHipJoint",
    "mixamorig:LeftArm",
    "lShldr",
    "hand_l",
    "leftupleg",
    "LThumb_Nub",
    "Toe_L1",
]
RIGHT = [
    "RightArm",
    "RIGHT_KNEE",
    "r_foot",
    "Foot.R",
    "RHipJoint",
    "mixamorig:RightArm",
    "rShldr",
    "hand_r",
    "rightupleg",
    "RThumb_Nub",
    "Toe_R1",
]
MIDDLE = ["Hips", "Spine1", "LowerBack", "Neck", "Root", "Reference", "Lumbar", "pelvis", "L5", "L3", "", "Rig:Hips"]


@pytest.mark.parametrize(("left", "right"), list(zip(LEFT, RIGHT, strict=True)))
def test_names_tell_the_side_and_the_joint_on_the_other_one(left, right):
    assert (joint_names.side(left), joint_names.side(right)) == ("left", "right")
    assert joint_names.other_side(left) == joint_names.without_namespace(right)
    assert joint_names.other_side(right) == joint_names.without_namespace(left)


@pytest.mark.parametrize("name", [*MIDDLE, "LEFT HIP"[4:], "Bip01 Head"])
def test_joints_of_neither_side(name):
    assert joint_names.side(name) is None
    assert joint_names.other_side(name) is None


def test_names_with_blanks_tell_the_side_too():
    assert joint_names.side("Bip01 L Arm") == joint_names.side("LEFT HIP") == "left"
    assert joint_names.other_side("Bip01 L Arm") == "Bip01 R Arm"
