"""What ufbx, an independent FBX reader, says of a file: `python ufbx_child.py file.fbx out.npz`.

A process of its own, since ufbx 0.0.5 hands out objects that it does not own: every object is fetched once, all are
kept, nothing is ever freed, and the process leaves without cleaning up.

out.npz has `names`, `parents` (node 0 is the root of the scene, its parent −1), `bone`, `fps`, `frame_count`, `unit_m`,
`axes`, `take`, and `positions` (T, N, 3): world positions in file units at every frame of the first take.
"""

import gc
import os
import sys

import numpy as np
import ufbx


def matrix(transform):
    """(4, 4) of a translation, a quaternion x y z w and a scale."""
    x, y, z, w = (getattr(transform.rotation, name) for name in "xyzw")
    turn = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    result = np.eye(4)
    result[:3, :3] = np.array(turn) * [transform.scale.x, transform.scale.y, transform.scale.z]
    result[:3, 3] = [transform.translation.x, transform.translation.y, transform.translation.z]
    return result


def main(path, out):
    gc.disable()
    objects = [scene := ufbx.load_file(path)]
    objects.append(nodes := list(scene.nodes))
    objects.append(stacks := list(scene.anim_stacks))
    objects.append(settings := scene.settings)
    objects.append(axes := settings.axes)
    objects.append(parent_nodes := [node.parent for node in nodes])
    objects.append(anim := stacks[0].anim)
    ids = {node.element_id: i for i, node in enumerate(nodes)}
    parents = [-1 if parent is None else ids[parent.element_id] for parent in parent_nodes]
    fps, start, end = settings.frames_per_second, stacks[0].time_begin, stacks[0].time_end
    frame_count = round((end - start) * fps) + 1
    positions = np.empty((frame_count, len(nodes), 3))
    for frame in range(frame_count):
        worlds = []
        for i, node in enumerate(nodes):  # parents come first
            local = matrix(ufbx.evaluate_transform(anim, node, start + frame / fps))
            worlds.append(local if parents[i] < 0 else worlds[parents[i]] @ local)
            positions[frame, i] = worlds[i][:3, 3]
    np.savez(
        out,
        names=np.array([node.name for node in nodes]),
        parents=parents,
        bone=[node.attrib_type == ufbx.ElementType.BONE for node in nodes],
        fps=fps,
        frame_count=frame_count,
        unit_m=settings.unit_meters,
        axes=[str(int(axis)) for axis in (axes.right, axes.up, axes.front)],
        take=stacks[0].name,
        positions=positions,
    )
    os._exit(0)


main(*sys.argv[1:])
