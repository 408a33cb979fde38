"""FBX in and out, without Autodesk's SDK.

A file is a tree of named nodes with values (`container.py`, `ascii.py`). The tree describes a scene: models in a
hierarchy, properties, takes with layers of curves (`scene.py`, `keys.py`). Evaluating the curves at every frame gives
where each model is (`curves.py`, `evaluate.py`). Of that, one body over one take is read as a Mocap (`bodies.py`,
`timing.py`, `span.py`, `read.py`). Writing is the reverse: from takes to channels (`channels.py`), objects
(`write_scene.py`, `properties.py`), the file's parts (`write.py`) and bytes (`binary_write.py`). Euler angles exist in
here only.
"""

from common.mocap.fbx.read import load_fbx, skeleton_names
from common.mocap.fbx.write import save_fbx

__all__ = ["load_fbx", "save_fbx", "skeleton_names"]
