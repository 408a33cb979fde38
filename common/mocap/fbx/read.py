"""FBX in: one body of a file, over one take, as a Mocap.

Shapes: T frames, J joints. What moves a joint inside its parent, be it a curve, a pivot or a scale, ends up in the
offsets, so that forward kinematics gives the file's own joint positions whatever the file does.
"""

import contextlib
import dataclasses
from pathlib import Path

from common.mocap.fbx import evaluate
from common.mocap.fbx.bodies import describe, find_bodies, hang_below
from common.mocap.fbx.channels import file_angles
from common.mocap.fbx.container import DamagedError
from common.mocap.fbx.frame_rates import CUSTOM
from common.mocap.fbx.joints import AXES, JointSetup, up_axis_name
from common.mocap.fbx.parse import read_scene, transfer_damage
from common.mocap.fbx.timing import choose_stack, frame_clock
from common.mocap.take import Mocap, Skeleton
from common.runtime import console, devices
from common.runtime.errors import InputError

import numpy as np
import torch

STILL = 5e-6  # of the body's size: offsets that move less are taken to be still
SCALED = 1e-3  # a scale that changes by more is reported
MOST_JOINTS = 3000
SCATTERED = 5  # joints without a hierarchy
NAMED, LISTED = 5, 20  # joints that get a message of their own, and skeletons in one
LARGEST = 1e9  # cm from the origin, and a scale: what is beyond is damage
UNITS = (1e-6, 1e6)  # centimetres per unit


def load_fbx(path, skeleton=None, take=None, fps=None):
    """Read one body of an FBX file as a Mocap, lengths in centimetres.

    `skeleton` is its number, from 0, or the name of its root joint, by default the first; `take` the name of a take, by
    default the first in which the body moves; `fps` the rate at which the curves are sampled, by default the file's
    own. A quaternion has the sign that the file's Euler angles give. Raises InputError, with the file's name, for what
    is no whole FBX or holds no body.
    """
    with _naming(path), devices.one_thread():
        scene = read_scene(path)
        body = _choose_body(path, scene, skeleton)
        return _to_mocap(path, scene, body, take, fps)


def skeleton_names(path):
    """The root joints' names of all bodies in an FBX file, in the order of their numbers."""
    with _naming(path):
        return [body.name for body in find_bodies(read_scene(path))]


@contextlib.contextmanager
def _naming(path):
    """Turn what only says what is damaged into a message for the user."""
    try:
        with np.errstate(all="ignore"):  # the results are checked instead
            yield
    except DamagedError as error:
        _refuse_transfer_damage(path)
        raise InputError(f"{path}: cannot be read as FBX: {error}. Export the recording again.") from None
    except InputError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # the fuzzer counts these as failures
        _refuse_transfer_damage(path)
        raise InputError(
            f"{path}: is damaged in a way that was not foreseen ({type(error).__name__}: {error}). Export the "
            f"recording again."
        ) from error
    except MemoryError:
        raise InputError(f"{path}: needs more memory than there is. Export a shorter take.") from None


def _refuse_transfer_damage(path):
    if damage := transfer_damage(Path(path).read_bytes()):
        raise InputError(
            f"{path}: was damaged in transfer, as a binary file is that was copied as text: {damage}. Get it again as "
            f"binary (FTP: binary mode; Git: `*.fbx binary` in .gitattributes)."
        ) from None


def _choose_body(path, scene, skeleton):
    bodies = find_bodies(scene)
    if len(bodies) >= SCATTERED and all(len(body.places) == 1 for body in bodies):
        raise InputError(
            f"{path}: its {len(bodies)} joints stand side by side, {bodies[0].name!r} and others; no joint hangs from "
            f"another, so there is no skeleton. Export joints in a hierarchy."
        )
    if not bodies:
        raise InputError(
            f"{path}: holds no skeleton, and no nodes that move as a body; it holds {describe(scene)}. "
            f"Export the skeleton with its animation."
        )
    names = [body.name for body in bodies]
    if isinstance(skeleton, str):
        below = hang_below(scene, skeleton)  # it may also be the namespace, the name without it, or a node above
        matches = [i for i, name in enumerate(names) if name == skeleton] or [
            i for i, body in enumerate(bodies) if skeleton in body.name.rsplit(":", 1) or body.places[0] in below
        ]
        if len(matches) != 1:
            count = "no skeleton" if not matches else f"{len(matches)} skeletons"
            raise InputError(
                f"{path}: has {count} called {skeleton!r}; it has {_listed(names)}. Pick one by its number, from #1 on."
            )
        return bodies[matches[0]]
    number = 0 if skeleton is None else skeleton
    if not 0 <= number < len(bodies):
        raise InputError(f"{path}: has {len(bodies)} skeleton(s), {_listed(names)}; #{number + 1} is not there.")
    if skeleton is None and len(bodies) > 1:
        others = ", ".join(f"#{number} {name!r}" for number, name in enumerate(names[1:LISTED], 2))
        console.note(f"{Path(path).name}: reading the skeleton {names[0]!r}; it also holds {others}.")
    return bodies[number]


def _listed(names):
    return ", ".join(map(repr, names[:LISTED])) + (f" and {len(names) - LISTED} more" if names[LISTED:] else "")


# ---------------------------------------------------------------------------------------------------------------------
# from scene to take


def _to_mocap(path, scene, body, take, fps):
    name = Path(path).name
    places = [*body.above, *body.places]
    if len(places) > MOST_JOINTS:
        raise DamagedError(f"its skeleton {body.name!r} has {len(places)} joints; a body has at most {MOST_JOINTS}")
    stack = choose_stack(name, scene, places, take)
    clock, fps = frame_clock(name, scene, stack, places, fps)
    unit_cm = float(scene.setting("UnitScaleFactor", 1.0))
    if not UNITS[0] <= unit_cm <= UNITS[1]:
        raise DamagedError(f"its unit is {unit_cm:g} centimetres")
    moving = _place_joints(scene, stack, body, clock, len(clock.ticks))
    resting = _place_joints(scene, None, body, clock, 1)
    rest_offsets = np.concatenate(resting.offsets) * unit_cm
    root_pos = np.broadcast_to(moving.offsets[0] * unit_cm, (len(clock.ticks), 3)).copy()
    offsets = _still_or_moving(moving.offsets, unit_cm)
    _check_sizes(moving.rot_local, root_pos, offsets, rest_offsets)
    offsets[..., 0, :] = rest_offsets[0]
    _report_limits(name, scene, stack, body, moving.scale_changes)
    skeleton = Skeleton(
        name=body.name,
        joint_names=[scene.nodes[place].name for place in body.places],
        parents=_parents(scene, body),
        offsets=torch.from_numpy(offsets),
        rot_orders=[evaluate.rotation_order(scene.nodes[place])[0] for place in body.places],
        rest_offsets=torch.from_numpy(rest_offsets),
        rest_rotations=resting.rot_local[0],
        fbx=_joint_setup(scene, stack, body),
    )
    mocap = Mocap(
        skeleton=skeleton,
        rot_local=moving.rot_local,
        root_pos=torch.from_numpy(root_pos),
        fps=fps,
        up_axis=_up_axis(scene),
        path=str(path),
        unit_cm=unit_cm,
        start_seconds=float(clock.ticks[0] / scene.ticks_per_second) if len(clock.ticks) > 1 else None,
    )
    if body.above:  # an export has nothing above the root: its rest pose is that in the scene
        skeleton.fbx.rest_rotation[0] = file_angles(dataclasses.replace(mocap, rot_local=resting.rot_local))[0, 0]
    return mocap


def _parents(scene, body):
    joints = {place: joint for joint, place in enumerate(body.places)}
    return [-1, *(joints[scene.nodes[place].parent] for place in body.places[1:])]


@dataclasses.dataclass
class _Placed:
    """The joints of a body over time, lengths in file units."""

    rot_local: torch.Tensor  # (T, J, 4), the root's in the scene
    offsets: list  # J times (T, 3) or (1, 3): in the axes of the parent, the root's in the scene
    scale_changes: list  # J numbers


def _place_joints(scene, stack, body, clock, count):
    """All joints of a body at `count` times. A joint's offset is what the parent's stretch makes of its translation."""
    locals_ = evaluate.local_transforms(scene, stack, [*body.above, *body.places], clock)
    world = None
    for place, local in zip([*body.above, body.places[0]], locals_, strict=False):  # up to and with the root
        world = evaluate.compose(world, scene.nodes[place], local)
    rot_local = torch.empty((count, len(body.places), 4), dtype=torch.float64)
    placed = _Placed(rot_local, [world.position], [_change(local.scale)])
    placed.rot_local[:, 0] = world.rotation
    stretches = {body.places[0]: world.stretch}
    for joint, local in enumerate(locals_, 1):
        node = scene.nodes[body.places[joint]]
        parent = stretches[node.parent]
        placed.rot_local[:, joint] = local.rotation
        placed.offsets.append(evaluate.stretched(parent.whole, local.translation))
        placed.scale_changes.append(_change(local.scale))
        stretches[body.places[joint]] = evaluate.stretch_of(parent, node, local)
    return placed


def _change(scale):
    return float(np.ptp(scale, axis=0).max())


def _still_or_moving(offsets, unit_cm):
    """(J, 3) where all offsets but the root's hold still, else (T, J, 3)."""
    size = sum(np.linalg.norm(offset[0]) for offset in offsets[1:])
    if all(len(offset) == 1 or np.ptp(offset, axis=0).max() <= STILL * size for offset in offsets[1:]):
        return np.array([offset[0] for offset in offsets]) * unit_cm
    count = max(map(len, offsets))
    moving = np.stack([np.broadcast_to(offset, (count, 3)) for offset in offsets], axis=1)
    moving *= unit_cm
    return moving


def _check_sizes(rot_local, *lengths):
    if not all(part.min() > -LARGEST and part.max() < LARGEST for part in (rot_local, *lengths)):  # nor NaN
        raise DamagedError("its nodes leave all bounds: scales, offsets or angles are no sensible numbers")


def _up_axis(scene):
    return up_axis_name(scene.setting("UpAxis", 1), scene.setting("UpAxisSign", 1))


def _joint_setup(scene, stack, body):
    nodes = [scene.nodes[place] for place in body.places]
    turns = [evaluate.pre_and_post(node) for node in nodes]
    mode = int(scene.setting("TimeMode", 0))
    return JointSetup(
        pre_rotation=np.array([pre for pre, _ in turns]),
        post_rotation=np.array([post for _, post in turns]),
        inherit_type=np.array([evaluate.inherit_type(node) for node in nodes]),
        kinds=[node.kind for node in nodes],
        axes=_axes(scene),
        time_mode=mode,
        custom_fps=float(scene.setting("CustomFrameRate", -1)) if mode == CUSTOM else -1.0,
        take_name=stack.name if stack else "Take 001",
        rest_rotation=np.array([node.vector("Lcl Rotation", (0, 0, 0)) for node in nodes]),
    )


def _axes(scene):
    """Up, front and side axis with their signs, as the file has them if that makes a system of axes."""
    names = ("UpAxis", "FrontAxis", "CoordAxis")
    axes = [scene.setting(name, default) for name, default in zip(names, (1, 2, 0), strict=True)]
    signs = [scene.setting(f"{name}Sign", 1) for name in names]
    if sorted(axes) != [0, 1, 2] or any(abs(sign) != 1 for sign in signs):
        return AXES[_up_axis(scene)]
    return tuple(int(number) for pair in zip(axes, signs, strict=True) for number in pair)


# ---------------------------------------------------------------------------------------------------------------------
# what a Mocap cannot hold


def _report_limits(name, scene, stack, body, scale_changes):
    scaled = sorted(zip(scale_changes, body.places, strict=True), reverse=True)
    scaled = [(change, place) for change, place in scaled if change > SCALED]
    for change, place in scaled[:NAMED]:
        console.note(
            f"{name}: the scale of {scene.nodes[place].name} changes by {change:.3g}; all that it does here is to move "
            f"the joints below it."
        )
    if scaled[NAMED:]:
        console.note(
            f"{name}: and so do the scales of {len(scaled) - NAMED} more joints, by up to {scaled[NAMED][0]:.3g}."
        )
    driven = [p for p in body.places if scene.nodes[p].constraint and not (stack and stack.curves(p))]
    for place in driven[:NAMED]:
        node = scene.nodes[place]
        console.note(
            f"{name}: {node.name} is driven by a constraint ({node.constraint}) and has no keys of its own: it stands "
            f"still here. Bake the motion to keys before exporting."
        )
    if driven[NAMED:]:
        console.note(f"{name}: and so are {len(driven) - NAMED} more joints.")
