"""A process that does training steps when it is told to, one way: `bench.py` lets several take turns.

    python step_worker.py plain|ours SCRIPT PRECISION DEVICE BATCH_SIZE TAKE1 TAKE2

reads numbers of steps, one a line, and answers with the milliseconds of each step. `plain` is the recipe of DESIGN as
it stands: windows copied, a DataLoader, `nn.LSTM`, kinematics joint by joint, losses read at every step.
"""

import json
import sys
import time
from pathlib import Path

try:
    import resource
except ImportError:
    resource = None

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from common.dataset import (
    augment,
    load_pairs,
    make_windows,
    split_into_batches,
)
from common.runtime import devices
from common.training.step import (
    Step,
    seed_everything,
)
from helpers import plain_training
from helpers.project import load_script

import torch


def main():
    way, name, precision, where, batch_size, *files = sys.argv[1:]
    script = load_script(name)
    device = torch.device(where) if way == "plain" else devices.pick_device(where)
    pairs, ranges = load_pairs(Path(), [files], [[[10, -1]]], 1.0, None, None)
    make = plain_steps if way == "plain" else our_steps
    steps = make(script, name, pairs, ranges, device, int(batch_size), precision == "bfloat16")
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            next(steps)
            if device.type != "cpu":
                getattr(torch, device.type).synchronize()
            times.append(1000 * (time.perf_counter() - start))
        print("times", json.dumps({"milliseconds": times, "megabytes": peak_megabytes()}), flush=True)


def peak_megabytes():
    """The most memory that this process had; 0 on Windows, which has another way to ask."""
    if resource is None:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def pose_dims(pairs):
    return [4 * take.skeleton.joint_count for take in pairs[0]]


def our_steps(script, name, pairs, ranges, device, batch_size, bfloat16):
    """Every step as the script does it."""
    generator = seed_everything(0)
    targets = [1] if name == "vae_rnn" else [0, 1]
    windows = make_windows(pairs, ranges, targets, script.sequence_length, 2, 0.2, device)
    windows.changes = augment.Augmentation(windows, script.augment_heading, script.augment_mirror)
    nets = {key: net.to(device) for key, net in script.make_models(pose_dims(pairs)).items()}
    weights = torch.ones(pairs[0][1].skeleton.joint_count, device=device)

    def compute(nets, batch, noise, kld_scale):
        return script.compute_losses(nets, batch, noise, kld_scale, windows, weights)

    codes = script.latent_dim if name == "vae_rnn" else 2 * script.latent_dim
    step = Step(nets, compute, (codes + augment.DRAWS,), generator, bfloat16)
    step.set_learning_rate(script.ae_learning_rate)
    mean = step.running_mean()
    while True:
        for batch in split_into_batches(windows.train, batch_size, generator):
            if len(batch) == batch_size:
                mean.add(*step.train(batch, 0.05))
                yield


def plain_steps(script, name, pairs, ranges, device, batch_size, bfloat16):
    torch.manual_seed(0)
    windows = make_windows(pairs, ranges, [], script.sequence_length, 2, 0.2, torch.device("cpu"))
    copies = [torch.stack([poses[i : i + script.sequence_length] for i in windows.train]) for poses in windows.poses]
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*copies), batch_size=batch_size, shuffle=True, drop_last=True
    )
    nets = plain_training.make_nets(
        name, pose_dims(pairs), script.latent_dim, script.sequence_length, 2, 256, True, script.ae_dense_layer_sizes
    )
    for net in nets.values():
        net.to(device)
    optimiser = torch.optim.Adam([p for net in nets.values() for p in net.parameters()], lr=script.ae_learning_rate)
    offsets = [part.expand(batch_size, -1, -1).to(device) for part in windows.offsets]
    parents = [take.skeleton.parents for take in pairs[0]]
    weights = torch.ones(len(parents[1]), device=device)
    shape = (script.latent_dim,) if name == "vae_rnn" else (2, script.latent_dim)
    while True:
        for poses in loader:
            noise = torch.randn(batch_size, *shape, device=device)
            poses = [part.to(device) for part in poses]
            losses = plain_training.PLAIN[name](nets, poses, offsets, parents, weights, noise, 0.05)
            optimiser.zero_grad()
            losses[0].backward()
            optimiser.step()
            _ = [loss.item() for loss in losses]
            yield


if __name__ == "__main__":
    main()
