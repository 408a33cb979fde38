"""Joint loss weights: how much each joint counts in the losses, from a JSON file that the user may give."""

from pathlib import Path

from common.mocap import without_namespace
from common.runtime import files
from common.runtime.errors import InputError

import torch

LARGEST_WEIGHT = 1_000_000  # of a joint


def load_joint_weights(file, folder, joint_names):
    """Joint loss weights (J,) from a JSON file, all 1 without one.

    {"joint_loss_weights": [one number per joint]} or {"joint_loss_weights": {name: number}}; a joint that is
    not named has 1.0, and namespaces need not be given. Raises InputError where the file does not fit the joints.
    """
    weights = torch.ones(len(joint_names))
    if file is None:
        return weights
    path = Path(folder) / file
    entries = _read_weights(path)
    if isinstance(entries, list):
        if len(entries) != len(joint_names):
            raise InputError(
                f"mocap_loss_weights_file {path}: has {len(entries)} weights, but the skeleton has "
                f"{len(joint_names)} joints. Give one per joint, or name the joints: {{name: number}}."
            )
        return torch.tensor([_number(path, i, value) for i, value in enumerate(entries)])
    for name, value in entries.items():
        places = [i for i, joint in enumerate(joint_names) if name in (joint, without_namespace(joint))]
        if not places:
            raise InputError(
                f"mocap_loss_weights_file {path}: {name!r} is no joint of this skeleton. Its {len(joint_names)} joints "
                f"are {', '.join(joint_names)}. A list of {len(joint_names)} numbers in this order is accepted too."
            )
        weights[places] = _number(path, name, value)
    return weights


def _read_weights(path):
    if not path.is_file():
        raise FileNotFoundError(2, "no such file; check mocap_loss_weights_file", str(path))
    try:
        content = files.read_json(path)
    except ValueError as error:
        raise InputError(f"mocap_loss_weights_file {path}: is no JSON file of use here ({error}).") from error
    entries = content.get("joint_loss_weights") if isinstance(content, dict) else None
    if not isinstance(entries, (list, dict)):
        raise InputError(
            f"mocap_loss_weights_file {path}: expected "
            '{"joint_loss_weights": [one number per joint]} or {"joint_loss_weights": {name: number}}.'
        )
    return entries


def _number(path, joint, value):
    valid = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LARGEST_WEIGHT
    if not valid:
        raise InputError(
            f"mocap_loss_weights_file {path}: the weight of joint {joint!r} is {repr(value)[:100]}; expected a number "
            f"from 0 to {LARGEST_WEIGHT}."
        )
    return float(value)
