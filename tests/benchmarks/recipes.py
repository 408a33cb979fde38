"""What the toolkit's recipe makes of the same hours as the plain recipe of the design, as one table.

    python tests/benchmarks/recipes.py [--minutes 10] [--seeds 3] [--at_once 1] [--takes 3] [--bundled]
        [--scripts vae_rnn ...] [--recipes plain ours ...] [--set name=value ...] [--marks 0.1 0.5]

Every run trains for so many minutes, of which loading and measuring are no part, and is then measured on the held-out
part as a run of the scripts is. "plain" is the published recipe on the plain step of tests/helpers/plain_training.py;
"step" the same recipe on the toolkit's own step; "ours" has the scripts' defaults, `--set` changes them. With
`--at_once 2`, two runs share the machine, with half of its cores each. The recordings are the salsa takes at 60 frames
a second where they are there, and else the bundled duet.
"""

import argparse
import ast
import concurrent.futures
import contextlib
import dataclasses
import functools
import io
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parents[1]
RECORDINGS = PROJECT.parent / "shared" / "data" / "duets"
sys.path[:0] = [str(FOLDER.parent), str(PROJECT)]

from common.dataset import (
    augment,
    load_pairs,
    make_windows,
    split_into_batches,
)
from common.evaluation import evaluate
from common.model import losses
from common.training.schedule import learning_rate
from common.training.step import (
    Step,
    count_batches,
    seed_everything,
)
from common.training.warm_start.start import (
    deepfake,
    translation,
)
from helpers import plain_training
from helpers.project import load_script

import torch
from bench import machine

SALSA = ("01", "02", "12")
PUBLISHED = {"initial_weights": "noise", "schedule": "step", "ae_learning_rate": 1e-4, "ae_quat_loss_scale": 1.0}
PUBLISHED |= {"latent_dim": 32, "augment_heading": False, "export_hold_feet": False}
RUN = "--one-run"
ERRORS = {
    "rotation error, moving joints": "rotation °",
    "position error, moving joints": "position cm",
    "position error, moving joints, heading aligned": "aligned cm",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at_once", type=int, default=1)
    parser.add_argument("--takes", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--bundled", action="store_true")
    parser.add_argument("--scripts", nargs="+", default=["vae_rnn_deepfake", "vae_rnn"])
    parser.add_argument("--recipes", nargs="+", default=["plain", "ours"], choices=("plain", "step", "ours"))
    parser.add_argument("--set", nargs="*", default=[], metavar="name=value")
    parser.add_argument("--marks", nargs="*", type=float, default=[], help="shares of the time to measure at, too")
    parser.add_argument(RUN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_run:
        print(json.dumps(one_run(json.loads(options.one_run))))
        return
    bundled = options.bundled or not RECORDINGS.exists()
    takes = "bundled duet" if bundled else f"{options.takes} salsa takes at 60 frames a second"
    threads = max(1, (os.cpu_count() or 1) // options.at_once)
    print(f"machine: {machine('cpu')}; {threads} threads a run, {options.at_once} at once")
    print(f"recording: {takes}; {options.minutes:g} minutes of training, {options.seeds} seeds", flush=True)
    changes = dict(text.split("=", 1) for text in options.set)
    jobs = [
        {"script": script, "recipe": recipe, "seed": seed, "minutes": options.minutes, "bundled": bundled}
        | {"takes": options.takes, "changes": changes, "marks": options.marks, "threads": threads}
        for script in options.scripts
        for seed in range(options.seeds)
        for recipe in options.recipes
    ]
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        found = list(pool.map(started, jobs))
    for script in options.scripts:
        table(script, [(job["recipe"], each) for job, each in zip(jobs, found, strict=True) if job["script"] == script])


def started(job):
    """One run in a process of its own."""
    command = [sys.executable, __file__, RUN, json.dumps(job)]
    environment = os.environ | {"OMP_NUM_THREADS": str(job["threads"])}
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment, text=True)
    found = json.loads(result.stdout.splitlines()[-1])
    for mark, figures in found["marks"]:
        shown = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        print(f"{job['script']} {job['recipe']} seed {job['seed']}, {mark}: {shown}", flush=True)
    return found["marks"][-1][1]


def one_run(job):
    """Train and measure: {"marks": [(when, {figure: value})]}."""
    script = load_script(job["script"])
    settings = PUBLISHED if job["recipe"] != "ours" else {}
    settings = settings | ({name: _value(text) for name, text in job["changes"].items()} if not settings else {})
    vars(script).update(settings)
    pairs, ranges = load(script, job)
    device = torch.device("cpu")
    is_deepfake = job["script"] == "vae_rnn_deepfake"
    targets = [0, 1] if is_deepfake else [1]
    shape = script.sequence_length, script.sequence_offset, script.test_percentage
    windows = make_windows(pairs, ranges, targets, *shape, device)
    judge = evaluate.Evaluation(pairs, ranges, script.test_percentage, script.sequence_length)
    generator = seed_everything(job["seed"])
    make = plain if job["recipe"] == "plain" else ours
    limit, spent, steps, marks = 60 * job["minutes"], 0.0, 0, []
    ends = sorted({*[limit * mark for mark in job["marks"]], limit})
    began = time.perf_counter()
    nets, step = make(script, is_deepfake, windows, generator)
    while ends:
        for batch in split_into_batches(windows.train, script.batch_size, generator):
            step(batch, steps // count_batches(windows.train, script.batch_size))
            steps += 1
            spent += time.perf_counter() - began
            began = time.perf_counter()
            if spent >= ends[0]:
                when = f"{spent / 60:.1f} minutes, {steps} steps"
                marks.append((when, figures(judge, script.conversions(nets)) | {"steps": steps}))
                ends.pop(0)
                began = time.perf_counter()
            if not ends:
                break
    return {"marks": marks}


def _value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def load(script, job):
    """The recordings."""
    if job["bundled"]:
        folder, files = PROJECT / script.mocap_file_path, script.mocap_files
        return load_pairs(folder, files, [[[0, -1]]] * len(files), 1.0, None, None, None, "builtin")
    files = [[f"cmu_salsa_{number}_{take}.bvh" for number in (60, 61)] for take in SALSA[: job["takes"]]]
    with contextlib.redirect_stdout(io.StringIO()):
        found = load_pairs(RECORDINGS, files, [[[10, -1]]] * len(files), 150.0, None, None, None, "builtin")
    pairs = [tuple(every_second_frame(take) for take in pair) for pair in found[0]]
    return pairs, [[(5, take.frame_count)] for take, _ in pairs]


def every_second_frame(take):
    """A take of 120 frames a second at 60."""
    return dataclasses.replace(take, rot_local=take.rot_local[::2], root_pos=take.root_pos[::2], fps=take.fps / 2)


def plain(script, is_deepfake, windows, generator):
    """The published recipe: nets, and a step that takes a batch and the epoch."""
    dims = [poses.shape[1] for poses in windows.poses]
    name = "vae_rnn_deepfake" if is_deepfake else "vae_rnn"
    rnn = script.ae_rnn_layer_count, script.ae_rnn_layer_size, script.ae_rnn_bidirectional, script.ae_dense_layer_sizes
    nets = plain_training.make_nets(name, dims, script.latent_dim, script.sequence_length, *rnn)
    optimiser = torch.optim.Adam([p for net in nets.values() for p in net.parameters()], lr=script.ae_learning_rate)
    weights = torch.ones(len(windows.parents[0]))

    def step(batch, epoch):
        pair = windows.pair_of_frame[batch]
        noise = torch.randn(len(batch), *((2,) if is_deepfake else ()), script.latent_dim, generator=generator)
        poses = [windows.gather(dancer, batch) for dancer in (0, 1)]
        offsets = [windows.offsets[dancer][pair] for dancer in (0, 1)]
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(epoch, script.ae_learning_rate, "step")
        optimiser.zero_grad()
        scale = kld_scale(script, epoch)
        plain_training.PLAIN[name](nets, poses, offsets, windows.parents, weights, noise, scale)[0].backward()
        optimiser.step()

    return nets, step


def ours(script, is_deepfake, windows, generator):
    """The scripts' recipe."""
    windows.changes = augment.Augmentation(windows, script.augment_heading, script.augment_mirror)
    nets = script.make_models([poses.shape[1] for poses in windows.poses])
    if script.initial_weights == "regression" and is_deepfake:
        deepfake(nets["encoder"], [nets["decoder1"], nets["decoder2"]], windows, generator)
    elif script.initial_weights == "regression":
        translation(nets["encoder"], nets["decoder"], windows, generator)
    weights = torch.ones(len(windows.parents[1]))
    compute = functools.partial(script.compute_losses, windows=windows, joint_weights=weights)
    codes = 2 * script.latent_dim if is_deepfake else script.latent_dim
    learner = Step(nets, compute, (codes + augment.DRAWS,), generator)
    if script.layerwise_rates:
        learner.find_rates(windows.train, script.batch_size)

    def step(batch, epoch):
        learner.set_learning_rate(learning_rate(epoch, script.ae_learning_rate, script.schedule))
        learner.train(batch, kld_scale(script, epoch))

    return nets, step


def kld_scale(script, epoch):
    cycle = script.kld_scale_cycle_duration, script.kld_scale_min_const_duration, script.kld_scale_max_const_duration
    return losses.kld_scale(epoch, *cycle, script.min_kld_scale, script.max_kld_scale)


def figures(judge, conversions):
    """The figures of the table, by name; those of several conversions are averaged."""
    measured = judge.measure(conversions, 0)
    found = {}
    for row in measured["rows"]:
        for figure in row["figures"]:
            if figure["name"] in ERRORS:
                name = ERRORS[figure["name"]]
                found.setdefault(name, []).append(figure["model"])
                for whose, error in figure["baselines"].items():
                    found.setdefault(f"{name}, {whose.rsplit(' ', 1)[0]}", []).append(error)
            elif figure["recording"]:
                found.setdefault(f"{figure['name']} / recording's", []).append(figure["model"] / figure["recording"])
    for figure in measured.get("conversion") or []:
        if "taken for" in figure["name"]:
            found.setdefault("taken for the target %", []).append(figure["model"])
        elif "probe" in figure["name"]:
            found.setdefault("codes told apart %", []).append(figure["model"])
    found["active dimensions"] = [measured["latent"]["active"]]
    return {name: statistics.fmean(values) for name, values in found.items()}


def table(script, found):
    """Mean and range over the seeds, and the ratio of the last recipe's mean to the first's."""
    recipes = list(dict.fromkeys(recipe for recipe, _ in found))
    print(f"\n{script:44}" + "".join(f"{recipe:>28}" for recipe in recipes) + f"{'ratio':>9}")
    for name in found[0][1]:
        means, cells = [], []
        for recipe in recipes:
            values = [figures[name] for each, figures in found if each == recipe]
            means.append(statistics.fmean(values))
            cells.append(f"{means[-1]:12.2f} ({min(values):.2f}–{max(values):.2f})")
        ratio = f"{means[-1] / means[0]:9.2f}" if len(means) > 1 and means[0] else ""
        print(f"{name:44}" + "".join(f"{cell:>28}" for cell in cells) + ratio)


if __name__ == "__main__":
    main()
