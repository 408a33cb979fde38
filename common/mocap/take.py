"""What a take is: `Skeleton` and `Mocap`, frame ranges, and what two dancers must have in common.

Shapes: T frames, J joints. A take holds float64 tensors on the CPU. Readers make them, writers take them apart: NumPy
stays in `bvh/` and `fbx/`.
"""

import dataclasses

from common.mocap.joint_names import without_namespace
from common.motion import axes, quaternion
from common.runtime.errors import InputError

import torch

SHORT_BONE = 0.01  # of all bones together: what is shorter may point anywhere
MOST_APART = 30  # degrees between equal bones of two rest poses


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """The joints of one body, in file order, parents before children."""

    name: str
    joint_names: list  # J names
    parents: list  # J whole numbers, −1 for the root
    offsets: torch.Tensor  # (J, 3) from the parent; (T, J, 3) where a take moves joints inside their parents
    rot_orders: list  # per joint, as "ZXY": R = Rz·Rx·Ry
    rest_offsets: torch.Tensor  # (J, 3) the offsets of the rest pose, as the file states them
    rest_rotations: torch.Tensor | None = None  # (J, 4) its local rotations, where they are not all identity
    channels: list | None = None  # BVH: per joint its channels in order, as "Xposition"
    is_end_site: list | None = None  # BVH: per joint True where a nameless end stands instead of a joint
    fbx: object = None  # FBX: the common.fbx.joints.JointSetup that an export repeats

    @property
    def joint_count(self):
        return len(self.joint_names)

    @property
    def mean_offsets(self):
        """(J, 3): offsets that hold still, for what learns rotations only."""
        return self.offsets if self.offsets.dim() == 2 else self.offsets.mean(dim=0)

    def moving_joints(self, at_least):
        """{name: distance} of the joints whose offsets move by `at_least` or more, in the unit of the offsets."""
        if self.offsets.dim() == 2:
            return {}
        distances = axes.extent(self.offsets).norm(dim=-1).tolist()
        named = zip(self.joint_names, distances, strict=True)
        return {name: distance for name, distance in named if distance >= at_least}


@dataclasses.dataclass(frozen=True)
class Mocap:
    """One dancer's take. `forward_kinematics(rot_local, root_pos, skeleton)` gives its joint positions."""

    skeleton: Skeleton
    rot_local: torch.Tensor  # (T, J, 4) unit quaternions w x y z, with the sign the file's Euler angles give
    root_pos: torch.Tensor  # (T, 3)
    fps: float
    up_axis: str  # "X", "Y", "Z", or with a minus: "-Y" where Y points down
    path: str  # where it came from
    unit_cm: float = 1.0  # the length of one unit of the file, in the unit of offsets and root_pos
    start_seconds: float | None = None  # the time of the first frame by the file's clock, where it states one: FBX

    @property
    def frame_count(self):
        return len(self.rot_local)


def cut(mocap, start, end, anchor=None):
    """Frames start ≤ f < end. Quaternion signs are continuous over the take, and frame `anchor` (the first
    of the cut, if not given) keeps the sign that the file's own Euler angles give."""
    part = frames(mocap, start, end)
    signs = signs_of(mocap, start, end, start if anchor is None else anchor)
    return dataclasses.replace(part, rot_local=part.rot_local * signs.unsqueeze(-1))


def signs_of(mocap, start, end, anchor):
    """The signs ±1 by which frames start ≤ f < end of a take become continuous, and frame `anchor` stays as it is:
    (end − start, J) of 8 bits."""
    first = min(start, anchor)
    signs = quaternion.continuous_signs(mocap.rot_local[first : max(end, anchor + 1)])
    return signs[start - first : end - first] * signs[anchor - first]


def poses_of(mocap):
    """A take's poses as the models see them: (T, D) float32."""
    return mocap.rot_local.float().flatten(1)


def first_frames(mocap, count):
    """The first `count` frames, signs as they are."""
    return frames(mocap, 0, count)


def frames(mocap, start, end):
    """Frames start ≤ f < end, signs as they are."""
    offsets = mocap.skeleton.offsets
    skeleton = dataclasses.replace(mocap.skeleton, offsets=offsets if offsets.dim() == 2 else offsets[start:end])
    return dataclasses.replace(
        mocap,
        skeleton=skeleton,
        rot_local=mocap.rot_local[start:end],
        root_pos=mocap.root_pos[start:end],
        start_seconds=None if mocap.start_seconds is None else mocap.start_seconds + start / mocap.fps,
    )


def rescale(mocap, scale):
    """The same take with every length multiplied by `scale`; the file's unit is remembered for exports."""
    skeleton = dataclasses.replace(
        mocap.skeleton,
        offsets=mocap.skeleton.offsets * scale,
        rest_offsets=mocap.skeleton.rest_offsets * scale,
    )
    return dataclasses.replace(mocap, skeleton=skeleton, root_pos=mocap.root_pos * scale, unit_cm=mocap.unit_cm * scale)


def frame_range(start, end, frame_count, where):
    """Resolve [start, end) against a take's length; end = −1 means "to the last frame"."""
    stop = frame_count if end == -1 else end
    if not 0 <= start < stop <= frame_count:
        raise InputError(
            f"{where}: the range [{start}, {end}] does not fit a take of {frame_count} frames. Use "
            f"0 <= start < end <= {frame_count}, or end = -1 for the last frame."
        )
    return start, stop


def check_same_joints(first, second, why):
    """Two takes must have the same joints in the same order; namespaces may differ."""
    names, others = first.skeleton.joint_names, second.skeleton.joint_names
    place, other_place = _places(first, second)
    for i, (name, other) in enumerate(zip(names, others, strict=False)):
        if without_namespace(name) != without_namespace(other):
            raise InputError(
                f"{why}: joint {i} is {name!r} in {place} but {other!r} in {other_place}. "
                f"Export both with the same skeleton."
            )
    if len(names) != len(others):
        longer, count = (place, len(others)) if len(names) > len(others) else (other_place, len(names))
        only = max(names, others, key=len)[count]
        raise InputError(
            f"{why}: {place} has {len(names)} joints, {other_place} has {len(others)}; "
            f"{only!r} is the first joint that only {longer} has. Export both with the same skeleton."
        )
    for name, parent, other in zip(names, first.skeleton.parents, second.skeleton.parents, strict=True):
        if parent != other:
            raise InputError(
                f"{why}: joint {name!r} hangs from another parent in {place} than in {other_place}. Export both with "
                f"the same skeleton."
            )


def _places(first, second):
    """Where two takes come from: their files, and of one and the same file the skeletons, as "duet.fbx#Anna"."""
    one_file = first.path == second.path
    return [f"{take.path}#{take.skeleton.name}" if one_file else take.path for take in (first, second)]


def check_same_fps(first, second, why):
    """Two takes must have the same frame rate, to 0.1 %."""
    if abs(first.fps - second.fps) > 1e-3 * first.fps:
        raise InputError(
            f"{why}: {first.path} has {first.fps:.5g} frames per second, {second.path} has "
            f"{second.fps:.5g}. Set mocap_resample_fps = {min(first.fps, second.fps):.5g} to bring all takes to one "
            f"rate, or mocap_fps if a file states a wrong one."
        )


def check_same_up_axis(first, second, why):
    """Two takes must have the same axis up: one view, one floor and one heading are for both."""
    if first.up_axis != second.up_axis:
        place, other_place = _places(first, second)
        raise InputError(
            f"{why}: {place} has {first.up_axis} up, {other_place} has {second.up_axis} up. Export both with the same "
            f'axis up, or set mocap_up_axis, as "{first.up_axis}", if it is the right one of both.'
        )


def check_same_rest_pose(first, second, why, otherwise=""):
    """Two takes of the same joints must have bones that point alike where nothing is turned: else one rotation means
    two poses. People of one suit differ by a few degrees. `otherwise` ends the message: what else to do."""
    bones = [take.skeleton.mean_offsets[1:] for take in (first, second)]
    lengths = [bone.norm(dim=1) for bone in bones]
    long = torch.logical_and(*(length > SHORT_BONE * length.sum() for length in lengths))
    directions = [bone[long] / length[long].unsqueeze(1) for bone, length in zip(bones, lengths, strict=True)]
    angles = torch.rad2deg(2 * torch.atan2(*((directions[0] + sign * directions[1]).norm(dim=1) for sign in (-1, 1))))
    if not (angles > MOST_APART).any():
        return
    place, other_place = _places(first, second)
    worst = int(angles.argmax())
    joint = first.skeleton.joint_names[1 + int(long.nonzero()[worst])]
    vectors = [", ".join(f"{x + 0.0:.2f}" for x in axis[worst].round(decimals=2).tolist()) for axis in directions]
    raise InputError(
        f"{why}: their rest poses differ, so that the same rotations mean other poses. The bone to {joint!r} points to "
        f"({vectors[0]}) in {place} and to ({vectors[1]}) in {other_place}, {angles[worst]:.0f} degrees apart "
        f"({(angles > MOST_APART).sum()} of {len(angles)} bones are more than {MOST_APART} apart). Export both from "
        f"one rig with the same rest pose{otherwise}."
    )
