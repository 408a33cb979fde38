"""The checkpoint: everything that a training needs to go on as if it had never stopped.

It holds tensors and plain values only and is loaded with `weights_only=True`, so nothing in it can run.
"""

import random
from pathlib import Path

from common.results import weights
from common.runtime import console, parallel, settings
from common.runtime.errors import InputError

import numpy as np
import torch

NEEDED = {"script", "settings", "nets", "optimiser", "loop", "history", "best", "random"}


def save(path, script, config, nets, optimiser, loop, history, best):
    """Write the checkpoint of a script's training, in place of the one before. All processes take part; process 0
    writes. Raises OSError, or InputError where a loss was no number; the one before is then still there."""
    state = {
        "script": Path(script).name,
        "settings": config,
        "nets": {name: _on_cpu(net.state_dict()) for name, net in nets.items()},
        "optimiser": _on_cpu(optimiser.state()),
        "loop": _on_cpu(loop.state()),
        "history": history.rows,
        "best": best.state(),
        "random": _random_state(loop.generator, loop.device),
    }
    if parallel.rank() == 0:
        weights.write(state, path)


def load(path, script, config):
    """The content of the checkpoint that a script's training should go on from. Nothing in the file is executed.

    Raises InputError where there is none, or where a run with these settings cannot go on from it; names what changed
    where it can.
    """
    if not Path(path).is_file():
        raise InputError(f"resume = True: there is no checkpoint {path}. Start with resume = False.")
    try:
        state = weights.read(path)
        missing = NEEDED - set(state)
    except Exception as error:  # what a damaged or foreign file raises depends on where it breaks
        raise InputError(f"resume = True: {path} is no checkpoint that can be loaded safely.") from error
    if missing:
        raise InputError(f"resume = True: {path} is no checkpoint; it lacks {', '.join(sorted(missing))}.")
    if state["script"] != Path(script).name:
        raise InputError(f"resume = True: {path} was made by {state['script']}; start that script.")
    _compare(state["settings"], config)
    return state


def restore_random_state(state, loop):
    """Draw on as the training drew that saved this state."""
    loop.generator.set_state(state["generator"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and loop.device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], loop.device)


def _compare(before, now):
    """Name the settings that changed, and refuse those that cannot."""
    changed = {name: value for name, value in now.items() if name in before and before[name] != value}
    for name, value in changed.items():
        if settings.TABLE[name].on_resume == settings.FIXED:
            raise InputError(
                f"{name} = {value!r}: the training to go on with has {before[name]!r}, and cannot change that. Set it "
                f"back, or start anew with resume = False."
            )
    for name, value in changed.items():
        if settings.TABLE[name].on_resume == settings.FREE:
            console.note(f"{name} = {value!r} from here on; before, it was {before[name]!r}.")


def _on_cpu(state):
    """Nested state with its tensors on the CPU, copied only where torch would save more than the tensor itself."""
    if isinstance(state, torch.Tensor):
        state = state.detach().cpu()
        return state if state.untyped_storage().nbytes() == state.nbytes else state.clone()
    return {key: _on_cpu(value) for key, value in state.items()} if isinstance(state, dict) else state


def _random_state(generator, device):
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global state, whoever draws from it
    state = {
        "generator": generator.get_state(),
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})
