"""Checks of a recording before training: frames that show errors of tracking, or no dance.

They find a T-pose or a stillness at the ends, frozen stretches, jumps from one frame to the next, half-turns of single
joints and a floor that drifts. They propose, and cut nothing. Shapes: T frames, J joints.
"""

import math
import typing

from common.motion import axes, kinematics

import torch

SECONDS = {"frozen": 0.25, "still": 1.0, "margin": 0.05, "jump": 0.04, "drift": 6.0}
FROZEN = (0.5, 0.002)  # degrees and body heights per second, below which nothing moves
STILL = (2.0, 0.01)  # the same at the ends of a take, where a held pose has nothing to teach
JUMP_DEGREES = (12.0, 360.0)  # in one frame, and per second: a smaller turn is no jump
JUMP_HEIGHTS = (0.02, 0.6)  # of the body's height, the same for the path of the hips
ALONE = 4.0  # times what comes right before and after: a fast movement gets there and away by degrees
BEYOND, USUAL = 2.0, 0.95  # times what a joint turns in one of twenty frames
HALF_TURN = 120.0  # degrees in one frame
SEVERAL = 3  # joints that jump at once: the body does, and not a joint
T_POSE = (10.0, 2.0)  # degrees from the rest pose on average; and times that, which the rest of the take is away
WIDE = 0.8  # of the height: a rest pose with the arms out
BLOCKS, BLOCK_FRAMES = 16, 60  # in which the floor is looked for
DRIFT, STEADY = 0.04, 0.85  # of the height from beginning to end, and how much of all change is that (R²)
BRIEF = 0.25  # of the take, up to which a flipped joint is the exception
FEW, AT_A_TIME = 500, 1000  # frames that tell what is usual, and that are looked at together
MOVES = 3.0  # degrees from the rest pose that a joint is at times, if it moves at all
METRE = 100.0  # the size of what has no height
MOST_RUNS = 1000  # a take with more jumps is past help


class Finding(typing.NamedTuple):
    """What is wrong with frames start ≤ f < end of a take; `cut` says whether leaving them out helps."""

    kind: str  # "T-pose", "still", "frozen", "jump", "half-turn" or "drift"
    start: int
    end: int
    text: str
    cut: bool = True


def check_take(take, start=0, end=None):
    """Findings in frames start ≤ f < end of a take, in their order; frame numbers are those of the take."""
    end = take.frame_count if end is None else end
    if end - start < 3:
        return []
    rotations = take.rot_local[start:end].float().movedim(-1, 0).contiguous()  # (4, T, J)
    height = kinematics.body_height(take) or METRE
    path = _path(take, start, end) / height
    turns = _angles(rotations[:, 1:], rotations[:, :-1])  # (T - 1, J) degrees, from each frame to the next
    steps = (path[1:] - path[:-1]).norm(dim=1)  # (T - 1,) heights
    speeds = turns.amax(dim=1) * take.fps, steps * take.fps
    t_poses = _t_poses(take, rotations)
    findings = [*_ends(end - start, t_poses, speeds, take.fps), *_frozen(speeds, take.fps), *_jumps(turns, steps, take)]
    findings = [finding._replace(start=finding.start + start, end=finding.end + start) for finding in findings]
    return _without_doubles(findings) + _drift(take, start, end, height)


def without(ranges, findings, fps, shortest_seconds):
    """Frame ranges without the frames of findings, {range: findings}, and a margin around them; none shorter than
    `shortest_seconds`."""
    margin, parts = round(SECONDS["margin"] * fps), []
    for start, end in ranges:
        gaps = sorted((finding.start, finding.end) for finding in findings.get((start, end), []) if finding.cut)
        for first, last in gaps:
            if first - margin - start >= shortest_seconds * fps:
                parts.append((start, first - margin))
            start = max(start, last + margin)
        if not gaps or end - start >= shortest_seconds * fps:
            parts.append((start, end))
    return parts


def _path(take, start, end):
    """Where the hips are, (T, 3)."""
    hips, offsets = kinematics.hips(take.skeleton), take.skeleton.offsets
    offsets = offsets[: hips + 1] if offsets.dim() == 2 else offsets[start:end, : hips + 1]
    rotations = take.rot_local[start:end, : hips + 1]
    pos = kinematics.joint_positions(rotations, offsets, take.skeleton.parents[: hips + 1])[:, hips]
    return pos + take.root_pos[start:end]


def _angles(a, b):
    """Between rotations in single precision, (4, ...), (4, ...) -> (...) degrees: 4·asin of half the chord |a − b|,
    which for small angles is exact where a cosine is not. The chord to −b has the square 4 − |a − b|²."""
    square = sum((one - other).square_() for one, other in zip(a, b, strict=True))
    square = torch.minimum(square, 4 - square).clamp_min_(0)
    return square.sqrt_().div_(2).asin_().mul_(4 * 180 / math.pi)


def _runs(condition):
    """The stretches (start, end) in which a series (T,) bool is true."""
    outside = condition.new_zeros(1)
    padded = torch.cat((outside, condition, outside))
    edges = (padded[1:] != padded[:-1]).nonzero().flatten().tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# what does not move


def _t_poses(take, rotations):
    """How many frames at the beginning and at the end are the T-pose in which the skeleton rests, where the rest of the
    take is not; from rotations (4, T, J)."""
    skeleton, count = take.skeleton, rotations.shape[1]
    upright = kinematics.upright_at_rest(skeleton)
    if upright is None:
        return 0, 0
    extent = axes.extent(kinematics.rest_pose(skeleton)[kinematics.hips(skeleton) :])
    height, width = extent[upright.abs().argmax()], extent[torch.arange(3) != upright.abs().argmax()].max()
    if width < WIDE * height:
        return 0, 0
    rest = kinematics.rest_rotations(skeleton).float().T.unsqueeze(1)
    rotations, rest = (part[..., kinematics.hips(skeleton) + 1 :] for part in (rotations, rest))
    angles = _angles(rotations[:, :: max(1, count // FEW)], rest)
    moving = angles.quantile(0.9, dim=0) > MOVES
    if moving.sum() < 3 or angles[:, moving].mean(dim=1).quantile(0.5) < T_POSE[0] * T_POSE[1]:
        return 0, 0
    return tuple(_leading(part[..., moving], rest[..., moving]) for part in (rotations, rotations.flip(1)))


def _leading(rotations, rest):
    """How many frames in a row, from the first on, are is_near the rest pose."""
    count, frames = 0, rotations.shape[1]
    while count < frames:
        is_near = _angles(rotations[:, count : count + AT_A_TIME], rest).mean(dim=1) < T_POSE[0]
        if not is_near.all():
            return count + int(is_near.int().argmin())
        count += len(is_near)
    return count


def _ends(count, t_poses, speeds, fps):
    """A T-pose, or else a stillness, at the beginning and at the end of `count` frames."""
    still = _slower(speeds, STILL)
    if still.all():
        yield Finding("still", 0, count, "nobody moves; there is nothing to learn from it")
        return
    for place, length, moving in (("beginning", t_poses[0], ~still), ("end", t_poses[1], ~still.flip(0))):
        kind, text = "T-pose", f"a T-pose at the {place}, as for calibration; it would be learnt as movement"
        if length == 0:
            length = 1 + int(moving.int().argmax())
            kind, text = "still", f"nobody moves at the {place}; there is nothing to learn from it"
            if length < max(3, SECONDS["still"] * fps):
                continue
        yield Finding(kind, *((0, length) if place == "beginning" else (count - length, count)), text)


def _frozen(speeds, fps):
    text = "the whole body is frozen: most likely its tracking was lost"
    for start, end in _runs(_slower(speeds, FROZEN)):
        if end - start >= max(2, SECONDS["frozen"] * fps):
            yield Finding("frozen", start, end + 1, text)


def _slower(speeds, limits):
    """Whether nothing moves faster from a frame to the next, (T - 1,) bool."""
    return (speeds[0] < limits[0]) & (speeds[1] < limits[1])


# ---------------------------------------------------------------------------------------------------------------------
# what moves too fast


def _jumps(turns, steps, take):
    """Jumps of rotations (T - 1, J) in degrees and of the path of the hips (T - 1,) in heights."""
    names, fps = take.skeleton.joint_names, take.fps
    longest = max(2, round(SECONDS["jump"] * fps))
    sample = turns[:: max(1, len(turns) // FEW)]
    floor = (BEYOND * sample.quantile(USUAL, dim=0)).clamp_min(JUMP_DEGREES[0] + JUMP_DEGREES[1] / fps)
    runs = [
        (*run, names[joint])
        for joint in (turns > floor).any(dim=0).nonzero().flatten().tolist()
        for run in _alone(turns[:, joint], floor[joint], longest)
    ]
    floor = max(JUMP_HEIGHTS[0] + JUMP_HEIGHTS[1] / fps, BEYOND * float(steps.quantile(USUAL)))
    paths = [(start, end, size, None) for start, end, size in _alone(steps, floor, longest)]
    jump_counts = torch.zeros(len(turns), dtype=torch.int)  # how many joints jump at each step
    for start, end, *_ in runs:
        jump_counts[start:end] += 1
    flips, leaps = [], paths
    for run in runs:
        is_flip = run[2] >= HALF_TURN and jump_counts[run[0] : run[1]].max() < SEVERAL
        (flips if is_flip else leaps).append(run)
    yield from _half_turns(flips, len(turns))
    yield from _together(leaps)


def _alone(steps, floor, longest):
    """Runs (start, end, largest step) of large steps that nothing around leads to, of a series (T - 1,)."""
    for start, end in _runs(steps > floor)[:MOST_RUNS]:
        largest = float(steps[start:end].max())
        around = max(float(steps[start - 1]) if start > 0 else 0.0, float(steps[end]) if end < len(steps) else 0.0)
        if end - start <= longest and largest > ALONE * around:
            yield start, end, largest


def _half_turns(flips, count):
    """A joint that flips, and flips back where it does so before long."""
    flips = sorted(flips, key=lambda run: (run[3], run[0]))
    place = 0
    while place < len(flips):
        start, end, size, name = flips[place]
        place += 1
        if place < len(flips) and _flips_back(flips[place - 1], flips[place], BRIEF * count):
            end = flips[place][1]
            place += 1
        back = " and back" if end > start + 1 else ""
        text = f"{name} turns by {size:.0f} degrees from one frame to the next{back}: a joint that flips"
        yield Finding("half-turn", start + 1, max(end, start + 2), text)


def _flips_back(flip, other, longest):
    """Whether two flips of one step are those of a joint there and back, within `longest` frames."""
    of_one_step = flip[1] - flip[0] == other[1] - other[0] == 1
    return of_one_step and flip[3] == other[3] and other[1] - flip[0] <= longest


def _together(runs):
    """One finding of all jumps that share frames."""
    groups, end = [], -1
    for run in sorted(runs, key=lambda run: run[0]):
        if run[0] > end:
            groups.append([])
        groups[-1].append(run)
        end = max(end, run[1])
    for group in groups:
        end = max(run[1] for run in group)
        joints = sorted({(size, name) for _, _, size, name in group if name}, reverse=True)
        distance = max((size for _, _, size, name in group if name is None), default=0.0)
        jumps = [f"the body jumps by {distance:.0%} of its height"] if distance else []
        if joints:
            more = len({name for _, name in joints}) - 1
            others = f" (and {more} more joints less)" if more else ""
            jumps.append(f"{joints[0][1]} jumps by {joints[0][0]:.0f} degrees{others}")
        start, end = (group[0][0] + 1, max(end, group[0][0] + 2)) if group[0][0] > 0 else (0, end)
        text = f"{' and '.join(jumps)} from one frame to the next: an error of tracking, or a splice"
        yield Finding("jump", start, end, text)


def _without_doubles(findings):
    """In order, without what lies inside another finding."""
    outermost, end = [], -1
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        if finding.end > end:
            outermost.append(finding)
        end = max(end, finding.end)
    return outermost


# ---------------------------------------------------------------------------------------------------------------------
# the floor


def _drift(take, start, end, height):
    """The lowest place of the body over time, which a level floor keeps level: a straight line through it."""
    if end - start < max(SECONDS["drift"] * take.fps, BLOCKS):
        return []
    frames, offsets = kinematics.evenly_spaced(start, end, BLOCKS * BLOCK_FRAMES), take.skeleton.offsets
    offsets = (offsets if offsets.dim() == 2 else offsets[frames]).float()
    pos = kinematics.joint_positions(take.rot_local[frames].float(), offsets, take.skeleton.parents)
    pos = pos + take.root_pos[frames].float().unsqueeze(1)
    lowest = axes.heights(pos, take.up_axis).amin(dim=1) / height
    floor = torch.stack([block.min() for block in lowest.tensor_split(BLOCKS)]).double()
    floor = floor - floor.mean()
    places = torch.arange(BLOCKS, dtype=torch.float64) - (BLOCKS - 1) / 2
    slope = (places @ floor) / (places @ places)  # of the line with the smallest sum of squares
    change, residual = float(slope * BLOCKS), floor - slope * places
    if abs(change) < DRIFT or residual.square().sum() > (1 - STEADY) * floor.square().sum():
        return []
    text = (
        f"the floor {'rises' if change > 0 else 'sinks'} by {abs(change):.0%} of the body's height from beginning to "
        f"end: feet will seem to float or to sink; level it in the program that recorded it"
    )
    return [Finding("drift", start, end, text, cut=False)]
