"""The bodies of the example duet: control curves in, a whole take out. `make_example_duet.py` uses it.

A planner sets footsteps under the pelvis path; the pelvis follows the feet that carry weight; legs are solved
from hip to foot; spine, arms and head are turned joint by joint, the far ends a little later than the centre.

Shapes: T frames. Lengths in cm, Y up, angles in degrees; a dancer's left is +X, the front +Z. Controls are
named curves (T,), as NEUTRAL in `example_duet_score.py` lists them.
"""

from common.mocap import Mocap, Skeleton
from common.motion import quaternion

import numpy as np
import torch

FPS = 50

# bodies

# leg: thigh, shin, ankle height; foot: ball of the foot below and in front of the ankle; hip and shoulder:
# half widths; spine: Hips to Spine, Spine1, Spine2, Spine3, Neck, Head; arm: upper arm, forearm
BODIES = {
    "duet_dancer1": dict(
        leg=(45.4, 43.4, 8.4), foot=(6.4, 13.2), hip=8.8, shoulder=17.6,
        spine=(7.5, 10.6, 11.0, 11.4, 14.9, 24.0), arm=(30.4, 27.0),
    ),
    "duet_dancer2": dict(
        leg=(39.2, 39.6, 7.9), foot=(6.0, 11.9), hip=9.3, shoulder=15.6,
        spine=(8.0, 10.2, 10.6, 10.8, 14.6, 23.6), arm=(26.6, 23.6),
    ),
}  # fmt: skip


# footsteps

SIDES = {"l": 1, "r": -1}
STEP_CM, STEP_DEGREES = 16, 34  # a foot this far from where it should be takes a step
SWING, HOLD, GAP = 0.42, 0.24, 0.06  # seconds in the air, looked ahead, and both feet down
TURNOUT, PIVOT = 10, 28  # degrees outward; between pelvis and foot before the foot pivots on its ball
BALL_FRONT = 9  # cm from below the hip to the ball of the foot
FEET_APART = 13  # cm, a swinging foot goes round the other


def minimum_jerk(u):
    """From 0 to 1 as u does, without velocity or acceleration at the ends (Flash & Hogan 1985)."""
    u = np.clip(u, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


def surroundings(values, around):
    """The frames around each frame, (T, ...) -> (T, ..., 2·around + 1); the first and last frames go on."""
    padding = [(around, around)] + [(0, 0)] * (values.ndim - 1)
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, padding, mode="edge"), 2 * around + 1, axis=0)


def blurred(values, sigma, around=None):
    """A Gaussian mean over time of (T, ...), with sigma and reach in frames."""
    around = round(4 * sigma) if around is None else around
    weights = np.exp(-0.5 * (np.arange(-around, around + 1) / sigma) ** 2)
    return surroundings(values, around) @ (weights / weights.sum())


def frames(seconds):
    return round(seconds * FPS)


def forward(yaw):
    """Where a heading points on the floor: (T,) degrees -> (T, 2) x and z."""
    return np.stack((np.sin(np.radians(yaw)), np.cos(np.radians(yaw))), axis=-1)


def soft_excess(x, limit, width=5.0):
    """What x has beyond ±limit, smoothly."""
    return width * (np.logaddexp(0, (x - limit) / width) - np.logaddexp(0, (-x - limit) / width))


def to_room(controls):
    """Pelvis path (T, 2) and heading (T,) in the room, from the frame that orbits its centre."""
    along, left = forward(controls["orbit"]), forward(controls["orbit"] + 90)
    path = controls["x"][:, None] * left + controls["z"][:, None] * along
    return path, controls["turn"] + controls["orbit"]


def resting_places(controls, body):
    """Where the ball of each foot would stand under the pelvis at every frame: foot -> (T, 2)."""
    path, heading = to_room(controls)
    places = {}
    for foot, side in SIDES.items():
        out = side * body["hip"] * controls["width"]
        ahead = BALL_FRONT + 20 * side * controls["stagger"]
        places[foot] = path + out[:, None] * forward(heading + 90) + ahead[:, None] * forward(heading)
    return places


def pivoted(yaw, heading):
    """The yaw of a planted foot as the pelvis turns away above it."""
    return yaw + soft_excess(heading - yaw, PIVOT)


def plan_steps(places, heading, kicks):
    """Footsteps per foot: (lift, land frame, ball (2,), yaw, detour (2,), kick or None), one at a time."""
    last = len(heading) - 1
    steps = {foot: [(0, 0, places[foot][0], heading[0])] for foot in SIDES}
    kicks, frame, previous = [(frames(k[0]), *k[1:]) for k in kicks], 0, "l"
    while frame < last:
        kick = kicks.pop(0) if kicks and frame >= kicks[0][0] else None
        if kick:
            foot, swing = kick[2], frames(kick[1])
        else:
            look = min(frame + frames(SWING), last)
            need = {f: step_need(steps[f][-1], places[f], heading, look) for f in SIDES}
            need[previous] *= 0.8  # feet alternate
            foot = max(need, key=need.get)
            swing = frames(SWING / np.clip(need[foot] / 1.6, 0.9, 1.3))
            if need[foot] < 1 or (kicks and frame + swing + frames(GAP) > kicks[0][0]):
                frame += 1
                continue
        land = min(frame + swing, last)
        ahead = min(land + frames(HOLD), last)
        yaw = heading[land] + np.clip(heading[ahead] - heading[land], -PIVOT, PIVOT)
        other = steps["r" if foot == "l" else "l"][-1][2]
        ball, around = clear_of(other, steps[foot][-1][2], places[foot][ahead])
        steps[foot].append((frame, land, ball, yaw, around, kick and kick[3:]))
        frame, previous = land + frames(GAP), foot
    return steps


def clear_of(other, start, target):
    """Target (2,) moved, and a detour (2,) halfway, so that a step keeps away from the other foot."""
    away = target - other
    target = other + away * max(1, FEET_APART / np.linalg.norm(away))
    path = target - start
    share = np.clip((other - start) @ path / max(path @ path, 1e-9), 0, 1)
    off = start + share * path - other
    apart = np.linalg.norm(off)
    return target, off / apart * max(0, FEET_APART - apart)


def step_need(step, places, heading, look):
    """How badly a planted foot wants to move: 1 is a step."""
    return max(
        np.linalg.norm(places[look] - step[2]) / STEP_CM,
        abs(heading[look] - pivoted(step[3], heading[look])) / STEP_DEGREES,
        abs(heading[look] - step[3]) / (2 * STEP_DEGREES),
    )


def foot_track(steps, heading, outward, leg):
    """Where the steps take a foot whose toes point `outward` (T,) degrees, on a leg of length `leg`: the ball's
    track on the floor (T, 2) and as lifted (T, 3), yaw and pitch (T,), and air (T,), 1 while it swings."""
    time = np.arange(len(heading))
    ground, lifted = np.tile(steps[0][2], (len(time), 1)), np.zeros((len(time), 3))
    yaw, pitch, air = pivoted(steps[0][3], heading), np.zeros(len(time)), np.zeros(len(time))
    for lift, land, ball, plant_yaw, around, kick in steps[1:]:
        span = max(land - lift, 1)
        u = (time - lift) / span
        arch = np.sin(np.pi * np.clip(u, 0, 1)) ** 2
        share = minimum_jerk((u - 0.08) / 0.84)  # off the floor before it travels, and down after
        stride = ball - ground[lift]
        ground += share[:, None] * stride + arch[:, None] * around
        yaw += share * (pivoted(plant_yaw, heading) - yaw)
        air[lift:land] = 1
        # The heel leaves before the toes and comes down after them.
        roll = np.sin(np.pi * np.clip((u * span + frames(0.14)) / (span + frames(0.26)), 0, 1)) ** 2
        if kick:
            out, up, front = leg * np.array(kick)
            hold = minimum_jerk(2.6 * u) * minimum_jerk(2.6 * (1 - u))
            floor = np.sign(outward[0]) * out * forward(heading + 90) + front * forward(heading)
            lifted += hold[:, None] * np.insert(floor, 1, up, axis=1)
            pitch += (46 - 60 * kick[2]) * roll
        else:
            lifted[:, 1] += (3 + 0.06 * np.linalg.norm(stride)) * arch
            pitch += min(9 + 0.35 * np.linalg.norm(stride), 28) * roll
    return dict(ground=ground, ball=lifted + np.insert(ground, 1, 0, axis=1), yaw=yaw + outward, pitch=pitch, air=air)


# the body

REACH = 0.99  # of the leg's length: knees never lock


def smooth(values, seconds):
    return blurred(values, seconds * FPS)


def turned(order, *angles):
    """Quaternions (T, 4) of intrinsic Euler angles in degrees, as turned("YX", yaw, pitch)."""
    stacked = np.stack(np.broadcast_arrays(*angles), axis=-1)
    return quaternion.from_euler(torch.from_numpy(np.radians(stacked)), order)


def between(a, b):
    """The smallest rotation that takes unit vectors a to b, (T, 3) -> (T, 4)."""
    w = 1 + (a * b).sum(-1, keepdim=True)
    return quaternion.normalise(torch.cat((w, torch.linalg.cross(a, b)), dim=-1))


def axis(x, y, z):
    return torch.tensor([[x, y, z]], dtype=torch.float64)


def make_skeleton(name, body):
    """The 23 joints common to Xsens exports, without ends; a T-pose at rest."""
    thigh, shin, _ = body["leg"]
    down, front = body["foot"]
    upper, fore = body["arm"]
    spine = [(0, length, 0) for length in body["spine"]]
    rows = [("Hips", -1, (0, 0, 0))]
    for side, sign in (("Right", -1), ("Left", 1)):
        first = len(rows)
        rows += [
            (f"{side}UpLeg", 0, (sign * body["hip"], 0, 0)), (f"{side}Leg", first, (0, -thigh, 0)),
            (f"{side}Foot", first + 1, (0, -shin, 0)), (f"{side}ToeBase", first + 2, (0, -down, front)),
        ]  # fmt: skip
    names = ("Spine", "Spine1", "Spine2", "Spine3")
    rows += [(n, 0 if i == 0 else 8 + i, spine[i]) for i, n in enumerate(names)]
    for side, sign in (("Right", -1), ("Left", 1)):
        first = len(rows)
        rows += [
            (f"{side}Shoulder", 12, (sign * 2.6, 9.0, 0)),
            (f"{side}Arm", first, (sign * (body["shoulder"] - 2.6), 0, 0)),
            (f"{side}ForeArm", first + 1, (sign * upper, 0, 0)), (f"{side}Hand", first + 2, (sign * fore, 0, 0)),
        ]  # fmt: skip
    rows += [("Neck", 12, spine[4]), ("Head", 21, spine[5])]
    offsets = torch.tensor([row[2] for row in rows], dtype=torch.float64)
    rotations = ("Yrotation", "Xrotation", "Zrotation")
    return Skeleton(
        name=name,
        joint_names=[row[0] for row in rows],
        parents=[row[1] for row in rows],
        offsets=offsets,
        rot_orders=["YXZ"] * len(rows),
        rest_offsets=offsets,
        channels=[("Xposition", "Yposition", "Zposition", *rotations)] + [rotations] * (len(rows) - 1),
        is_end_site=[False] * len(rows),
    )


def carry(controls, feet):
    """Where the feet carry the pelvis: over the floor (T, 2), and its rotation (T, 4)."""
    path, heading = to_room(controls)
    weight = {f: 1.001 - smooth(track["air"], 0.13) for f, track in feet.items()}
    total = weight["l"] + weight["r"]
    carried = sum(
        (weight[f] / total)[:, None] * (track["ground"] - BALL_FRONT * forward(track["yaw"]))
        for f, track in feet.items()
    )
    floor = smooth(0.3 * path + 0.7 * carried, 0.12)
    floor += controls["sway"][:, None] * forward(heading + 90)
    # What bends forward needs the hips behind.
    floor -= (0.32 * controls["hinge"] + 0.12 * controls["curl"])[:, None] * forward(heading)
    roll = 4 * (weight["l"] - weight["r"]) / total - 0.25 * controls["side"]
    return floor, turned("YXZ", heading, controls["hinge"] - 22 * controls["level"], roll)


def pelvis_height(controls, floor, pelvis, legs, body):
    """The height (T,) the score asks for, or as high as both legs reach."""
    length = sum(body["leg"][:2])
    height = body["leg"][2] + length * (0.995 + controls["level"]) + 0.5 * controls["heels"]
    for foot, side in SIDES.items():
        hip = quaternion.rotate(pelvis, side * axis(body["hip"], 0, 0)).numpy()
        apart = np.linalg.norm(legs[foot]["ankle"][:, [0, 2]] - floor - hip[:, [0, 2]], axis=1)
        reach = length * np.sqrt(np.maximum(REACH**2 - (apart / length) ** 2, 0.16))
        height = np.minimum(height, legs[foot]["ankle"][:, 1] + reach - hip[:, 1])
    # The smallest value around, smoothed over no more than that, never exceeds what the legs reach.
    around = frames(0.14)
    return blurred(surroundings(height, around).min(axis=-1), around / 2.5, around)


def set_foot(controls, track, floor, body):
    """Foot pitch, and with the ball where the step has it, the ankle (T, 3) above; foot and toe turns (T, 4)."""
    down, front = body["foot"]
    behind = ((floor - track["ground"]) * forward(track["yaw"])).sum(1) + BALL_FRONT
    spin = np.abs(np.gradient(track["yaw"])) * FPS * (1 - track["air"])
    # The heel rises where the score says, under a body that has moved on, and in a pivot.
    heel = controls["heels"] + 1.5 * np.maximum(soft_excess(behind, 16, 4), 0) + 11 * np.tanh(spin / 90)
    pitch = smooth(track["pitch"] + np.minimum(heel, 45), 0.05)
    foot = turned("YX", smooth(track["yaw"], 0.05), pitch)
    ball = track["ball"] + [0, body["leg"][2] - down, 0]
    ankle = ball - quaternion.rotate(foot, axis(0, -down, front)).numpy()
    toe = turned("X", pitch * (0.5 * smooth(track["air"], 0.08) - 1))  # flat on the floor, half bent in the air
    return dict(ankle=ankle, foot=foot, toe=toe, yaw=smooth(track["yaw"], 0.12))


def bend_leg(leg, hip, pelvis, body):
    """Local rotations of thigh, shin, foot and toes, each (T, 4), that bring the ankle where the foot has it."""
    thigh, shin, _ = body["leg"]
    line = torch.from_numpy(leg["ankle"]) - hip
    distance = torch.linalg.vector_norm(line, dim=-1, keepdim=True).clamp(max=0.9995 * (thigh + shin))
    knee = corner(thigh, shin, distance)
    lean = corner(thigh, distance, shin)
    line = quaternion.normalise(line)
    yaw = turned("Y", leg["yaw"])
    # Knees point over the toes, drawn a little to the front of the pelvis and, in the air, up.
    pole = quaternion.rotate(yaw, axis(0, 0.25, 0.7)) + quaternion.rotate(pelvis, axis(0, 0, 0.3))
    hinge = quaternion.normalise(torch.linalg.cross(pole, line))
    frame = quaternion.mul(between(quaternion.rotate(yaw, axis(0, -1, 0)), line), yaw)
    frame = quaternion.mul(between(quaternion.rotate(frame, axis(1, 0, 0)), hinge), frame)
    upper = quaternion.mul(frame, turned("X", -lean))
    bend = turned("X", 180 - knee)
    lower = quaternion.mul(upper, bend)
    chain = quaternion.mul(quaternion.inv(pelvis), upper), bend, quaternion.mul(quaternion.inv(lower), leg["foot"])
    return [*chain, leg["toe"]]


def corner(a, b, opposite):
    """Degrees between two sides of a triangle, given the third: (T, 1) -> (T,)."""
    cosine = (a**2 + b**2 - opposite**2) / (2 * a * b)
    return np.degrees(np.arccos(cosine.squeeze(-1).numpy()))


def bend_spine(controls, heading):
    """Local rotations of the four spine joints, each (T, 4): curves travel up, the chest leads into a turn."""
    lead = 14 * np.tanh(smooth(np.gradient(heading) * FPS, 0.1) / 120)
    bends = np.stack((controls["twist"] + lead, controls["curl"], -controls["side"]))
    chain = []
    for i, share in enumerate((0.16, 0.24, 0.30, 0.30)):
        late = np.pad(bends, ((0, 0), (2 * i, 0)), mode="edge")[:, : len(heading)]
        chain.append(turned("YXZ", *(share * late)))
    return chain


def raise_arm(controls, side):
    """Local rotations of shoulder, arm, forearm and hand, each (T, 4), as of a left arm; mirrored if right."""
    lift, opened, bend, roll = (controls[f"{side}_{name}"] for name in ("lift", "open", "bend", "roll"))
    a, b = np.radians(lift), np.radians(opened)
    pointing = np.stack((np.cos(a) * np.sin(b), np.sin(a), np.cos(a) * np.cos(b)), axis=-1)
    shoulder = turned("ZY", 0.11 * (lift + 40), 0.12 * (opened - 75) * np.cos(a))
    arm = between(axis(1, 0, 0).expand(len(lift), 3), torch.from_numpy(pointing))
    # Elbows point down when the arm is low or level and to the side when it is overhead.
    arm = quaternion.mul(arm, turned("X", -(30 + 50 * np.sin(a) + roll)))
    # The hand is dragged behind the arm and follows through.
    drag = np.gradient(smooth(lift - 0.6 * bend, 0.08)) * FPS
    wrist = -32 * np.tanh(smooth(drag, 0.06) / 160)
    chain = (
        shoulder,
        quaternion.mul(quaternion.inv(shoulder), arm),
        turned("YX", -np.clip(bend, 3, 140), -0.25 * (lift + 20)),
        turned("ZY", wrist, -0.15 * bend + 6),
    )
    signs = torch.tensor([1.0, 1.0, -1.0, -1.0]) if side == "r" else 1.0
    return [q * signs for q in chain]


def turn_head(controls, path, heading, partner):
    """Local rotations of neck and head, each (T, 4): towards the partner's path (T, 2) as far as they turn."""
    to_partner = partner - path
    off = np.arctan2(to_partner[:, 0], to_partner[:, 1]) - np.radians(heading + controls["twist"])
    yaw = smooth(62 * controls["gaze"] * np.sin(off), 0.12)  # the sine passes smoothly through "behind me"
    nod = controls["nod"] + 0.25 * smooth(controls["curl"], 0.2)
    side = controls["side"]
    return [turned("YXZ", 0.4 * yaw, 0.4 * nod, -0.25 * side), turned("YXZ", 0.6 * yaw, 0.6 * nod, -0.15 * side)]


def dance(controls, kicks, partner, name, body):
    """The whole take, as a Mocap."""
    path, heading = to_room(controls)
    steps = plan_steps(resting_places(controls, body), heading, kicks)
    turnout, leg = TURNOUT + 12 * (controls["width"] - 1), sum(body["leg"][:2])
    feet = {f: foot_track(steps[f], heading, side * turnout, leg) for f, side in SIDES.items()}
    floor, pelvis = carry(controls, feet)
    legs = {f: set_foot(controls, track, floor, body) for f, track in feet.items()}
    root_pos = torch.from_numpy(np.insert(floor, 1, pelvis_height(controls, floor, pelvis, legs, body), axis=1))

    chain = [pelvis]
    for foot in "rl":
        hip = root_pos + quaternion.rotate(pelvis, axis(SIDES[foot] * body["hip"], 0, 0))
        chain += bend_leg(legs[foot], hip, pelvis, body)
    chain += bend_spine(controls, heading)
    chain += raise_arm(controls, "r") + raise_arm(controls, "l")
    chain += turn_head(controls, path, heading, partner)
    return Mocap(make_skeleton(name, body), torch.stack(chain, dim=1), root_pos, float(FPS), "Y", name)
