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

from common.dataset import Duet, Windows, load_pairs
from common.runtime import devices, interrupt
from common.training import Loop, check_finite, make_optimiser, seed_everything
from helpers import plain_training
from helpers.project import load_script

import torch


def main():
    recipe, name, precision, where, batch_size, *files = sys.argv[1:]
    script = load_script(name)
    device = torch.device(where) if recipe == "plain" else devices.pick_device(where)
    pairs, ranges = load_pairs(Path(), [files], [[[10, -1]]], 1.0, None, None)
    make = plain_steps if recipe == "plain" else our_steps
    steps = make(script, name, Duet(pairs, ranges, 0.2), device, int(batch_size), precision)
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


def our_steps(script, name, duet, device, batch_size, precision):
    """Every step as the script does it."""
    generator = seed_everything(0)
    targets = [1] if name == "vae_rnn" else [0, 1]
    augmentation = script.augment_heading, script.augment_mirror
    windows = Windows(duet, targets, script.sequence_length, 2, device, *augmentation)
    nets = {key: net.to(device) for key, net in script.make_models(duet.pose_dims).items()}
    weights = torch.ones(duet.skeletons[1].joint_count, device=device)
    shape = (script.latent_dim,) if name == "vae_rnn" else (2, script.latent_dim)
    optimiser = make_optimiser(nets, script.ae_learning_rate, script.schedule)
    loop = Loop(windows, batch_size, generator, interrupt.Stop())
    number_format, kld_scale = devices.precision(precision, device), loop.scalar(0.05)

    @loop.step
    def train_step(dancer1, dancer2, noise, kld_scale, share):
        with number_format:
            losses = script.compute_losses(nets, dancer1, dancer2, noise, kld_scale, weights)
        check_finite(losses)
        optimiser.zero_grad()
        (losses["total"] * share).backward()
        optimiser.step()
        return losses

    for _ in loop.epochs(1_000_000):
        for batch in loop.batches():
            if len(batch) == batch_size:
                losses = train_step(*windows.draw(batch, *shape), kld_scale, batch.share)
                loop.train_losses.add(losses, len(batch))
                yield
        loop.end_epoch()


def plain_steps(script, name, duet, device, batch_size, precision):
    torch.manual_seed(0)
    windows = Windows(duet, [], script.sequence_length, 2, torch.device("cpu"))
    copies = [torch.stack([poses[i : i + script.sequence_length] for i in windows.train]) for poses in windows.poses]
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*copies), batch_size=batch_size, shuffle=True, drop_last=True
    )
    nets = plain_training.make_nets(
        name, duet.pose_dims, script.latent_dim, script.sequence_length, 2, 256, True, script.ae_dense_layer_sizes
    )
    for net in nets.values():
        net.to(device)
    optimiser = torch.optim.Adam([p for net in nets.values() for p in net.parameters()], lr=script.ae_learning_rate)
    offsets = [part.expand(batch_size, -1, -1).to(device) for part in windows.offsets]
    parents = [skeleton.parents for skeleton in duet.skeletons]
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
