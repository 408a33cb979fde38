"""How fast the toolkit is on this machine, as one table.

    python tests/benchmarks/bench.py [--device cuda] [--takes DANCER1 DANCER2] [--rounds 10] [--long]

Training steps are measured against the plain recipe of the design, in processes that take turns in one run, since the
speed of a shared machine drifts. `--long` adds ten hours of synthetic duet: memory, and the time of a step.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parents[1]
RECORDINGS = PROJECT.parent / "shared" / "data" / "duets"
sys.path[:0] = [str(FOLDER.parent), str(PROJECT)]

from common.dataset import Duet, Windows
from common.mocap import (
    Mocap,
    Skeleton,
    cut,
    load_mocap,
    save_mocap,
)
from common.model import generate
from common.results.clips import export_clip
from common.runtime import devices
from helpers.project import load_script

import numpy as np
import torch

SCRIPTS = ("vae_rnn", "vae_rnn_deepfake")
FORMATS = ("float32", "bfloat16")
STEPS_A_TURN = 3
VIEW = (90.0, -90.0, 1.0, 4.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"))
    parser.add_argument("--takes", nargs=2, default=default_takes())
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    takes = [str(Path(take).resolve()) for take in options.takes]
    print(f"machine: {machine(options.device)}\ntakes:   {', '.join(Path(take).name for take in takes)}\n")
    training_steps(takes, options)
    print()
    waiting(takes)
    if options.device == "cpu":
        print()
        processes(takes)
    if options.long:
        print()
        ten_hours()


def default_takes():
    salsa = [RECORDINGS / f"cmu_salsa_{number}_01.bvh" for number in (60, 61)]
    bundled = [PROJECT / "data" / "mocap" / f"duet_dancer{number}.fbx" for number in (1, 2)]
    return salsa if salsa[0].exists() else bundled


def machine(device):
    names = [line for line in read_lines("/proc/cpuinfo") if line.startswith("model name")]
    cpu = names[0].split(":")[1].strip() if names else "unknown processor"
    gpu = f", {torch.cuda.get_device_name()}" if device == "cuda" else ""
    return f"{cpu}, {os.cpu_count()} cores{gpu}, Python {sys.version.split()[0]}, torch {torch.__version__}"


def read_lines(path):
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def row(what, *values):
    print(f"{what:52}" + "".join(f"{value:>14}" for value in values), flush=True)


# ---------------------------------------------------------------------------------------------------------------------
# training steps


class Worker:
    """A step_worker.py process."""

    def __init__(self, *arguments, threads=None):
        threads = {"OMP_NUM_THREADS": str(threads)} if threads else {}
        command = [sys.executable, str(FOLDER / "step_worker.py"), *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=os.environ | threads, encoding="utf-8", **pipes)
        self.times, self.megabytes = [], 0

    def step(self, count, keep=True):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        answer = next(line for line in self.process.stdout if line.startswith("times"))
        answer = json.loads(answer.removeprefix("times"))
        self.megabytes = answer["megabytes"]
        if keep:
            self.times += answer["milliseconds"]

    def median(self):
        return statistics.median(self.times)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def take_turns(workers, rounds):
    """Warm all of them up, then let them do a few steps each, round by round."""
    for worker in workers:
        worker.step(6, keep=False)
    for _ in range(rounds):
        for worker in workers:
            worker.step(STEPS_A_TURN)


def training_steps(takes, options):
    row("training step, batch 16, median (least) of ms", "plain", "ours", "ratio", "bfloat16", "ratio")
    half = devices.has_bfloat16(torch.device(options.device))
    for name in SCRIPTS:
        kinds = [("plain", "float32"), ("ours", "float32")] + [("ours", "bfloat16")] * half
        workers = [Worker(recipe, name, precision, options.device, "16", *takes) for recipe, precision in kinds]
        take_turns(workers, options.rounds)
        plain, ours = (worker.median() for worker in workers[:2])
        cells = [f"{worker.median():.0f} ({min(worker.times):.0f})" for worker in workers]
        shorter = [cells[2], f"{plain / workers[2].median():.2f}"] if half else ["no gain here", ""]
        row(f"  {name}", *cells[:2], f"{plain / ours:.2f}", *shorter)
        windows = (min(load_mocap(take).frame_count for take in takes) * 0.8 - 64) / 2
        row("    an epoch of it, s", *(f"{worker.median() * windows / 16 / 1000:.0f}" for worker in workers[:2]))
        row("    memory of the process, MB", *(f"{worker.megabytes:.0f}" for worker in workers[:2]))
        for worker in workers:
            worker.end()
        if options.device == "cpu":
            share(name, takes, min(workers[1].times))
    if options.device == "cuda":
        batch_sizes(takes)


def batch_sizes(takes):
    for size in (16, 64, 256):
        for name in SCRIPTS:
            workers = [Worker("ours", name, precision, "cuda", str(size), *takes) for precision in FORMATS]
            take_turns(workers, 20)
            rates = [f"{1000 / worker.median():.1f}" for worker in workers]
            row(f"  {name}, batch {size}: steps per second", "", rates[0], "", rates[1])
            for worker in workers:
                worker.end()


def share(name, takes, milliseconds):
    """How near a step is to what the machine can multiply."""
    joints = [load_mocap(take).skeleton.joint_count for take in takes]
    needed = gigaflops_of_step(name, load_script(name), [4 * count for count in joints])
    rate = product_rate()
    reached = needed / milliseconds * 1000
    row(
        "    products of a step, GFLOP; ours and matrix rate, GFLOP/s", f"{needed:.1f}", f"{reached:.0f}", f"{rate:.0f}"
    )
    row("    share of the matrix rate", "", f"{reached / rate:.0%}")


def product_rate():
    """GFLOP/s of a large matrix product: the best of many, since that is what the machine can do."""
    size, best = 1536, float("inf")
    matrix = torch.randn(size, size)
    for _ in range(20):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def gigaflops_of_step(name, script, pose_dims, batch=16):
    """What the products of a training step take after everything that is not needed is left out."""
    width, layers, ways = script.ae_rnn_layer_size, script.ae_rnn_layer_count, 1 + script.ae_rnn_bidirectional
    frames, dense = script.sequence_length, script.ae_dense_layer_sizes[0]

    def layer(rows, inputs, input_rows=None, input_gradient=True):
        """One direction: forward, gradients of the weights, and of what came in."""
        read, recur = (input_rows or rows) * inputs * 4 * width, rows * width * 4 * width
        return 2 * ((2 + input_gradient) * read + 3 * recur)

    def encoder(batch):
        total = sum(
            ways * layer(batch * frames, width * ways if i else pose_dims[0], input_gradient=i > 0)
            for i in range(layers - 1)
        )
        inputs = width * ways if layers > 1 else pose_dims[0]
        top = layer(batch * frames, inputs) + (ways - 1) * 6 * batch * inputs * 4 * width
        return total + top + 6 * batch * (width * ways * dense + 2 * dense * script.latent_dim)

    def decoder(pose_dim):
        total = ways * layer(batch * frames, dense, input_rows=batch)
        total += (layers - 1) * ways * layer(batch * frames, width * ways)
        return total + 6 * batch * (frames * width * ways * pose_dim + script.latent_dim * dense)

    if name == "vae_rnn":
        return (encoder(batch) + decoder(pose_dims[1])) / 1e9
    return (encoder(2 * batch) + sum(map(decoder, pose_dims))) / 1e9


def processes(takes):
    """A step of the same global batch by one process and by two, each with one thread."""
    row("training step with torchrun, one thread each, ms", "1 process", "2 processes", "ratio")
    for name in SCRIPTS:
        for batch_size in (16, 64):
            times = [torchrun_step(name, takes, count, batch_size) for count in (1, 2)]
            row(f"  {name}, batch {batch_size}", *(f"{value:.0f}" for value in times), f"{times[0] / times[1]:.2f}")
        script = load_script(name)
        nets = script.make_models([4 * load_mocap(take).skeleton.joint_count for take in takes])
        count = sum(parameter.numel() for net in nets.values() for parameter in net.parameters())
        row("    gradients that every process sends a step, MB", f"{4 * count / 1e6:.1f}")


def torchrun_step(name, takes, count, batch_size):
    """Milliseconds a step in a run of the script itself, in the fastest of its epochs."""
    frames = min(load_mocap(take).frame_count for take in takes)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
        settings = {
            "mocap_files": [takes],
            "batch_size": batch_size,
            "sequence_offset": 5,
            "test_percentage": 0.0,
            "epochs": 3,
            "save_weights": False,
            "results_path": folder,
            "export_seq_length": 1,
            "device": "cpu",
            "show_history": False,
        }
        script = str(PROJECT / f"{name}.py")
        run = subprocess.run(
            [*command, script, *(f"--{key}={value}" for key, value in settings.items())],
            capture_output=True,
            encoding="utf-8",
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    if run.returncode:
        raise SystemExit(f"{name} with {count} processes failed:\n{run.stderr}")
    epochs = [float(line.split()[-1]) for line in run.stdout.splitlines() if line.startswith("epoch ")]
    windows = (frames - 64) // 5 + 1
    return 1000 * min(epochs) / -(-windows // batch_size)


# ---------------------------------------------------------------------------------------------------------------------
# everything else a user waits for


def waiting(takes):
    row("seconds, median (least) of several", "seconds")
    loaded = [timed(f"  load {Path(take).name}", lambda take=take: load_mocap(take)) for take in takes]
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.fbx"
        save_mocap(synthetic(10_000, 120), large)
        timed(f"  load an FBX of {large.stat().st_size / 1e6:.0f} MB", lambda: load_mocap(large))
        ranges = [[(0, loaded[0].frame_count)]]
        cpu = devices.pick_device("cpu")
        timed("  dataset", lambda: Windows(Duet([loaded], ranges, 0.2), [0, 1], 64, 2, cpu))
        nets = load_script("vae_rnn").make_models([4 * take.skeleton.joint_count for take in loaded])
        clip = cut(loaded[0], 0, 1000)

        def predict():
            codes = generate.encode_clip(nets["encoder"], clip, 64)
            return generate.decode(nets["decoder"], codes, clip.frame_count)

        timed("  predict 1000 frames", predict)
        ending = Path(takes[0]).suffix
        for fps in (50, 120):
            take = clip_at(loaded[0], fps)
            timed(
                f"  clip of 1000 frames at {fps} fps, GIF and {ending}",
                lambda take=take, ending=ending: export_clip(take, Path(folder), "clip", [ending], "builtin", VIEW),
            )
            row("    the GIF, MB", f"{(Path(folder) / 'clip.gif').stat().st_size / 1e6:.2f}")
    for name in SCRIPTS:
        timed(f"  {name}: start to first step, bundled duet", lambda name=name: first_step(name), count=3)


def timed(what, function, count=7):
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    row(what, f"{statistics.median(seconds):.2f} ({min(seconds):.2f})")
    return result


def clip_at(take, fps):
    """1000 frames as if they had been recorded at another rate."""
    return Mocap(**{**vars(cut(take, 0, 1000)), "fps": float(fps)})


def first_step(name):
    """Run a script with the bundled duet until its first training step is done, which here is an epoch of one batch."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ["--mocap_valid_frame_ranges=[[[0,200]]]", "--sequence_offset=8", "--test_percentage=0.0"]
        command = [sys.executable, str(PROJECT / f"{name}.py"), f"--results_path={folder}", *settings]
        run = subprocess.Popen(
            [*command, "--batch_size=18", "--model_save_interval=100"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        next(line for line in run.stdout if line.startswith("epoch 1"))
        run.kill()
        run.wait()


# ---------------------------------------------------------------------------------------------------------------------
# ten hours


def synthetic(frame_count, joint_count):
    """A take of a body of several chains whose joints swing."""
    offsets = torch.from_numpy(np.random.default_rng(0).normal(size=(joint_count, 3)) * 10)
    rot_local = np.empty((frame_count, joint_count, 4))
    for start in range(0, frame_count, 4096):
        block = rot_local[start : start + 4096]
        seconds = np.arange(start, start + len(block))[:, None] / 50
        angle = 0.4 * np.sin(seconds * np.linspace(0.5, 2, joint_count))
        block[..., 0], block[..., 1], block[..., 2:] = np.cos(angle), np.sin(angle), 0.0
    skeleton = Skeleton(
        name="Hips",
        joint_names=[f"Joint{joint}" for joint in range(joint_count)],
        parents=[-1, *(max(0, joint - 5) for joint in range(1, joint_count))],
        offsets=offsets,
        rot_orders=["ZXY"] * joint_count,
        rest_offsets=offsets,
    )
    root_pos = torch.zeros(frame_count, 3, dtype=torch.float64)
    return Mocap(skeleton, torch.from_numpy(rot_local), root_pos, 50.0, "Y", "synthetic")


def ten_hours():
    """Memory and the time of a step, by the length of two takes of 57 joints at 50 fps; each in its own process."""
    row("long takes (deepfake, both dancers are targets)", "ms a step", "peak MB", "raw poses MB", "times raw")
    base = None
    for hours in (0.01, 1, 10):
        command = [sys.executable, "-c", f"import bench; bench.train_for({hours})"]
        output = subprocess.run(command, cwd=FOLDER, capture_output=True, encoding="utf-8", check=True).stdout
        milliseconds, peak, raw = json.loads(output.splitlines()[-1])
        base = base or peak  # nearly no poses: what torch, model, optimiser and a batch take
        more = f"{(peak - base) / raw:.2f}" if hours > 0.1 else "(the rest)"
        row(f"  {hours:g} hours", f"{milliseconds:.0f}", f"{peak:.0f}", f"{raw:.0f}", more)


def train_for(hours):
    import step_worker

    takes = [synthetic(round(hours * 3600 * 50), 57) for _ in (1, 2)]
    device = devices.pick_device("cpu")
    script = load_script("vae_rnn_deepfake")
    ranges = [[(0, takes[0].frame_count)]]
    steps = step_worker.our_steps(script, "vae_rnn_deepfake", Duet([takes], ranges, 0.2), device, 16, "float32")
    seconds = []
    for _ in range(12):
        start = time.perf_counter()
        next(steps)
        seconds.append(time.perf_counter() - start)
    raw = sum(take.rot_local.numel() for take in takes) * 4 / 2**20
    print(json.dumps([1000 * statistics.median(seconds[2:]), step_worker.peak_megabytes(), raw]))


if __name__ == "__main__":
    main()
