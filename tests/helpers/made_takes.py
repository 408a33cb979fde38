"""Takes made from numbers, each of a kind of movement: a body of 13 joints and 177 cm whose feet, hands or back touch
the floor at height 0, Y up, resting in a T-pose.

Shapes: T frames, J joints.
"""

import dataclasses

from common.mocap import Mocap, Skeleton
from common.motion import kinematics, quaternion

import numpy as np
import torch

FPS = 30
SECONDS = 6
JOINTS = {  # name: (parent, offset in cm)
    "Hips": (None, (0, 0, 0)),
    "Chest": ("Hips", (0, 50, 0)),
    "Head": ("Chest", (0, 17, 0)),
    "HeadTop": ("Head", (0, 18, 0)),
    "LArm": ("Chest", (17, 0, 0)),
    "LFore": ("LArm", (28, 0, 0)),
    "LHand": ("LFore", (40, 0, 0)),
    "RArm": ("Chest", (-17, 0, 0)),
    "RFore": ("RArm", (-28, 0, 0)),
    "RHand": ("RFore", (-40, 0, 0)),
    "LLeg": ("Hips", (9, -4, 0)),
    "LShin": ("LLeg", (0, -42, 0)),
    "LFoot": ("LShin", (0, -46, 0)),
    "LToes": ("LFoot", (0, 0, 20)),
    "RLeg": ("Hips", (-9, -4, 0)),
    "RShin": ("RLeg", (0, -42, 0)),
    "RFoot": ("RShin", (0, -46, 0)),
    "RToes": ("RFoot", (0, 0, 20)),
}
NAMES = list(JOINTS)


def skeleton():
    offsets = torch.tensor([offset for _, offset in JOINTS.values()], dtype=torch.float64)
    return Skeleton(
        name="Hips",
        joint_names=NAMES,
        parents=[-1 if parent is None else NAMES.index(parent) for parent, _ in JOINTS.values()],
        offsets=offsets,
        rot_orders=["ZXY"] * len(NAMES),
        rest_offsets=offsets,
    )


def made(turns, path=(0, 0), lift=0.0, on_the_floor=True, seconds=SECONDS):
    """A take of Euler angles (degrees, "ZXY", numbers or (T,)) by joint over a small sway of every joint.

    The hips go along `path` (x, z), and the lowest joint is `lift` above the floor; without `on_the_floor` the hips
    stay at the origin.
    """
    time = np.arange(seconds * FPS) / FPS
    angles = np.stack([[np.sin(time * (1.3 + 0.1 * j) + j + k) * 4 for k in range(3)] for j in range(len(NAMES))])
    for name, turn in turns.items():
        for k, angle in enumerate(turn):
            angles[NAMES.index(name), k] += angle
    rot_local = quaternion.from_euler(torch.from_numpy(np.radians(angles)).permute(2, 0, 1), "ZXY")
    root_pos = torch.zeros(len(time), 3, dtype=torch.float64)
    body = Mocap(skeleton(), rot_local, root_pos, float(FPS), "Y", "made.bvh")
    if on_the_floor:
        root_pos[:, 1] = torch.as_tensor(lift) - kinematics.positions_of(body)[..., 1].amin(dim=1)
        root_pos[:, 0], root_pos[:, 2] = map(torch.as_tensor, path)
    return body


def wave(hertz, degrees, phase=0.0, seconds=SECONDS):
    return degrees * np.sin(2 * np.pi * hertz * np.arange(seconds * FPS) / FPS + phase)


def ramp(per_second, seconds=SECONDS):
    return per_second * np.arange(seconds * FPS) / FPS


ARMS_DOWN = {"LArm": (-75, 0, 0), "RArm": (75, 0, 0)}


def walk(**how):
    legs = {"LLeg": (0, wave(1, 30), 0), "RLeg": (0, -wave(1, 30), 0), "LShin": (0, 20, 0), "RShin": (0, 20, 0)}
    return made(ARMS_DOWN | legs, **({"path": (30, ramp(120))} | how))


def movements():
    """{name: take}, all Y up."""
    lying = {"Hips": (0, -90, 0), "LArm": (wave(0.4, 50), 0, 0), "RLeg": (0, wave(0.3, 40) - 40, 0)}
    jumps = np.maximum(0, wave(0.8, 45))
    heading = np.cumsum(wave(0.1, 8))
    return {
        "walking": walk(),
        "walking in place": walk(path=(0, 0)),
        "walking, hips at the origin": walk(on_the_floor=False),
        "walking upstairs": walk(lift=ramp(12)),
        "turning": made(ARMS_DOWN | {"Hips": (0, 0, ramp(90)), "LLeg": (wave(0.5, 25), 0, 0)}),
        "arms out": made({}),
        "arms up": made({"LArm": (80, 0, 0), "RArm": (-80, 0, 0), "Hips": (0, 0, wave(0.3, 60))}),
        "jumping": made(ARMS_DOWN, path=(wave(0.1, 20), 0), lift=jumps),
        "jumping forwards": walk(lift=jumps),
        "lying on the back": made(lying, path=(40, 60)),
        "lying, hips at the origin": made(lying, on_the_floor=False),
        "lying still": made({"Hips": (0, -90, 0)}, path=(40, 60)),
        "lying on the side": made(ARMS_DOWN | {"Hips": (90, 0, 0), "LLeg": (wave(0.3, 30) + 30, 0, 0)}, path=(40, 60)),
        "rolling": made(ARMS_DOWN | {"Hips": (90, ramp(60), 0)}, path=(0, ramp(40))),
        "handstand": made(
            {"Hips": (180, 0, 0), "LArm": (90, 0, 0), "RArm": (-90, 0, 0), "LLeg": (wave(0.3, 30), 0, 0)}
        ),
        "cartwheels": made({"Hips": (ramp(180), 0, 0), "LArm": (40, 0, 0), "RArm": (-40, 0, 0)}, path=(ramp(60), 0)),
        "sitting": made(ARMS_DOWN | {"LLeg": (0, -85, 0), "RLeg": (0, -85, 0), "Chest": (0, wave(0.3, 25), 0)}),
        "crawling": made(
            {"Hips": (0, 75, heading), "LLeg": (0, -75, 0), "RLeg": (0, -75, 0), "LShin": (0, 90, 0)}
            | {"RShin": (0, 90, 0), "LArm": (0, 0, -75 + wave(0.5, 20)), "RArm": (0, 0, 75)},
            path=(0, ramp(30)),
        ),
        "bent forward": made(
            ARMS_DOWN | {"Chest": (0, 100, 0), "LLeg": (0, wave(0.3, 15), 0)}, path=(0, wave(0.2, 40))
        ),
        "standing up from the floor": made(ARMS_DOWN | {"Hips": (0, -90 + ramp(15), 0)}, path=(0, 20)),
    }


def bone_aligned(take):
    """The same motion by joints whose X axis lies along their bone: no position changes.

    With A the turn of each joint's new axes in its old ones, offsets become A_parent⁻¹·offset and local rotations
    A_parent⁻¹·rotation·A.
    """
    offsets, parents = take.skeleton.offsets, take.skeleton.parents
    turns = torch.zeros(len(parents), 4, dtype=torch.float64)
    turns[:, 0] = 1
    for joint in reversed(range(1, len(parents))):
        to = offsets[joint] / offsets[joint].norm()
        turn = torch.cat((1 + to[:1], torch.stack((to[0] * 0, -to[2], to[1]))))
        turn = turn if turn.norm() > 1e-6 else torch.tensor([0.0, 0, 1, 0], dtype=torch.float64)
        turns[parents[joint]] = quaternion.normalise(turn)
    above = quaternion.inv(turns[parents])
    above[0] = torch.tensor([1.0, 0, 0, 0])
    offsets = quaternion.rotate(above, offsets)
    rotations = quaternion.mul(quaternion.mul(above, take.rot_local), turns)
    body = dataclasses.replace(take.skeleton, offsets=offsets, rest_offsets=offsets)
    return dataclasses.replace(take, skeleton=body, rot_local=rotations)


UPRIGHT = {"X": (0, 0, -90), "Y": (0, 0, 0), "Z": (90, 0, 0), "-X": (0, 0, 90), "-Y": (180, 0, 0), "-Z": (-90, 0, 0)}


def turned(take, up_axis, rest_too=True):
    """A take with Y up turned so that another axis is up; its rest pose turns with it or stays as it is."""
    turn = quaternion.from_euler(torch.deg2rad(torch.tensor(UPRIGHT[up_axis], dtype=torch.float64)), "XYZ")
    root_pos = quaternion.rotate(turn, take.root_pos)
    rotations, body = take.rot_local.clone(), take.skeleton
    if rest_too:  # turn·rotation·turn⁻¹ of every joint, and turned offsets
        rotations = quaternion.mul(quaternion.mul(turn, rotations), quaternion.inv(turn))
        offsets = quaternion.rotate(turn, body.offsets)
        body = dataclasses.replace(body, offsets=offsets, rest_offsets=offsets)
    else:
        rotations[:, 0] = quaternion.mul(turn, rotations[:, 0])
    return dataclasses.replace(take, skeleton=body, rot_local=rotations, root_pos=root_pos, up_axis=up_axis)


def body_of(joints, frames, fps):
    """A take of so many joints, two below every other, that turn at random."""
    random = np.random.default_rng(3)
    parents = [-1, *(joint // 2 for joint in range(joints - 1))]
    offsets = torch.from_numpy(random.uniform(-9, 9, (joints, 3)))
    names = [f"joint {joint}" for joint in range(joints)]
    skeleton = Skeleton("body", names, parents, offsets, ["ZXY"] * joints, offsets)
    rot_local = quaternion.normalise(torch.from_numpy(random.normal(size=(frames, joints, 4))))
    root_pos = torch.from_numpy(random.uniform(-300, 300, (frames, 3)))
    return Mocap(skeleton, rot_local, root_pos, fps, "Y", "body")
