"""An independent, slow and obvious BVH reader to judge ours by: SciPy's rotations, matrix by matrix."""

import numpy as np
from scipy.spatial.transform import Rotation


def joint_positions(text):
    """Names and positions (T, J, 3) of well-behaved BVH text: one keyword or brace a line."""
    header, motion = text.replace("\r", "").split("MOTION")
    joints, stack = [], []
    for line in filter(None, map(str.strip, header.splitlines())):
        keyword, *words = line.split()
        if keyword in ("ROOT", "JOINT", "End"):
            joints.append(
                {"name": line[len(keyword) :].strip(), "parent": stack[-1] if stack else None, "channels": []}
            )
        elif keyword == "{":
            stack.append(len(joints) - 1)
        elif keyword == "}":
            stack.pop()
        elif keyword == "OFFSET":
            joints[stack[-1]]["offset"] = np.array(words, dtype=float)
        elif keyword == "CHANNELS":
            joints[stack[-1]]["channels"] = words[1:]
    channel_count = sum(len(joint["channels"]) for joint in joints)
    values = np.array([word for row in motion.strip().splitlines()[2:] for word in row.split()], dtype=float)
    frames = values[: len(values) // channel_count * channel_count].reshape(-1, channel_count)
    return [joint["name"] for joint in joints], np.array([_pose(joints, frame) for frame in frames])


def _pose(joints, frame):
    worlds, at = [], 0
    for joint in joints:
        local = np.eye(4)
        local[:3, 3] = joint["offset"]
        for channel in joint["channels"]:
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                local[axis, 3] = frame[at]
            else:
                local[:3, :3] = local[:3, :3] @ Rotation.from_euler(channel[0], frame[at], degrees=True).as_matrix()
            at += 1
        worlds.append(local if joint["parent"] is None else worlds[joint["parent"]] @ local)
    return [world[:3, 3] for world in worlds]
