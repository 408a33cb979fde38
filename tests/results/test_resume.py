"""A run that cannot be lost: checkpoint and resume, Ctrl-C, full disks, locks, and losses that are no numbers."""

import os
import pickle
import signal
import sys
import types
import zipfile

from common.dataset import Windows
from common.results import checkpoint, weights
from common.results.folder import open_folder
from common.runtime import devices
from common.runtime.errors import InputError
from common.training import Loop, seed_everything
from helpers.killing import compare
from helpers.mistakes import Payload
from helpers.project import SCRIPTS, arguments, load_script, run_here
from helpers.sweeps import quick

import numpy as np
import pytest
import torch

SAVED = ("weights/checkpoint", "histories/history_2.csv")
EVERY_EPOCH = {"model_save_interval": 1}
CLIPS = {"vae_rnn": 7, "vae_rnn_deepfake": 6}


def with_results(tiny, folder, **changes):
    return tiny | {"results_path": str(folder)} | changes


@pytest.mark.parametrize("name", SCRIPTS)
def test_two_and_two_epochs_equal_four(name, tiny, duet, copy_run, monkeypatch, capsys):
    assert run_here(name, with_results(tiny, duet / "four", epochs=4), monkeypatch) == 0
    resumed = copy_run(name)
    capsys.readouterr()
    assert run_here(name, tiny | {"epochs": 4, "resume": True}, monkeypatch) == 0
    compare(duet / "four", resumed, 4)
    output = capsys.readouterr().out
    assert "epochs = 4 from here on; before, it was 2" in output
    assert "going on after 2 epochs" in output
    assert "epoch 3 :" in output
    assert "epoch 2 :" not in output
    clips = list((duet / "four/anims").glob("*.bvh"))  # the random walk is one of them
    assert len(clips) == CLIPS[name]
    assert all(clip.read_bytes() == (resumed / "anims" / clip.name).read_bytes() for clip in clips)


def test_a_finished_run_exports_again(tiny, copy_run, monkeypatch, capsys):
    copy_run("vae_rnn")
    assert run_here("vae_rnn", tiny | {"resume": True, "view_azi": 0.0, "export_seq_length": 20}, monkeypatch) == 0
    output = capsys.readouterr().out.split("--- load: done")[-1]
    assert "view_azi = 0.0 from here on" in output
    assert "epoch 3" not in output


REFUSED = {
    "another size": ({"latent_dim": 5}, "latent_dim = 5"),
    "other windows": ({"sequence_offset": 3}, "sequence_offset = 3"),
    "another range": ({"mocap_valid_frame_ranges": [[[0, 90]]]}, "mocap_valid_frame_ranges"),
    "no checkpoint": ({"results_path": "{duet}/elsewhere"}, "there is no checkpoint"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_go_on_is_refused_and_harms_nothing(changes, words, tiny, duet, copy_run, monkeypatch, capsys):
    copy_run("vae_rnn")
    before = {file: (duet / "results" / file).read_bytes() for file in (*SAVED, "config.json")}
    changes = {key: value.format(duet=duet) if isinstance(value, str) else value for key, value in changes.items()}
    assert run_here("vae_rnn", tiny | {"resume": True} | changes, monkeypatch) == 2
    assert words in capsys.readouterr().err
    assert before == {file: (duet / "results" / file).read_bytes() for file in before}


def test_a_checkpoint_of_the_other_script_is_refused(tiny, copy_run, monkeypatch, capsys):
    copy_run("vae_rnn")
    assert run_here("vae_rnn_deepfake", tiny | {"resume": True}, monkeypatch) == 2
    assert "was made by vae_rnn.py" in capsys.readouterr().err


def damaged(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("harm", ["pickle", "torch", "cut", "foreign", "packed"])
def test_no_checkpoint_runs_code(harm, tiny, duet, copy_run, monkeypatch, capsys):
    path = copy_run("vae_rnn") / "weights/checkpoint"
    if harm == "pickle":
        path.write_bytes(pickle.dumps(Payload(duet / "executed")))
    elif harm == "torch":
        torch.save({"script": "vae_rnn.py", "settings": Payload(duet / "executed")}, path)
    elif harm == "packed":
        with zipfile.ZipFile(path) as whole, zipfile.ZipFile(duet / "packed", "w", zipfile.ZIP_DEFLATED) as packed:
            for part in whole.infolist():
                packed.writestr(part.filename, whole.read(part))
        (duet / "packed").replace(path)
    elif harm == "cut":
        path.write_bytes(damaged(path.read_bytes()))
    else:
        torch.save({"script": "vae_rnn.py"}, path)
    assert run_here("vae_rnn", tiny | {"resume": True}, monkeypatch) == 2
    assert "checkpoint" in capsys.readouterr().err
    assert not (duet / "executed").exists()


# ---------------------------------------------------------------------------------------------------------------------
# Ctrl-C; signals from other processes are in slow/test_stopping.py


@pytest.mark.skipif(os.name == "nt", reason="a signal to itself")
@pytest.mark.parametrize(  # of 4 held-out batches an epoch, and 4 before the first one
    ("name", "interrupted_batch"),
    quick([("vae_rnn", 10), ("vae_rnn_deepfake", 5), ("vae_rnn", 2)], ("vae_rnn_deepfake", 5), ("vae_rnn", 2)),
)
def test_ctrl_c_interrupts_the_held_out_evaluation(name, interrupted_batch, tiny, duet, monkeypatch, capsys):
    settings = tiny | EVERY_EPOCH | {"batch_size": 2}
    monkeypatch.setattr("common.results.run.export_clips", lambda *_: None)
    test_batches, tested = Loop.test_batches, []

    def interrupted(loop):
        for batch in test_batches(loop):
            tested.append(len(batch))
            if len(tested) == interrupted_batch:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    monkeypatch.setattr(Loop, "test_batches", interrupted)
    stopped = with_results(settings, duet / "stopped")
    assert run_here(name, stopped, monkeypatch) == 130
    assert len(tested) == interrupted_batch
    before, epochs = interrupted_batch < 4, max(0, interrupted_batch // 4 - 1)
    assert f"stopped after {epochs} of 2 epochs" in capsys.readouterr().err
    state = torch.load(duet / "stopped/weights/checkpoint", weights_only=True)
    trained = 0 if before else 19  # batches: all that trains is done
    assert (state["loop"]["epoch"], state["loop"]["batch"], len(state["history"])) == (epochs, trained, epochs)
    previews = [path.name for path in (duet / "stopped/anims").glob("preview*")]
    assert previews == [f"preview_epoch_{epoch}.gif" for epoch in range(1, epochs + 1)]
    assert run_here(name, stopped | {"resume": True}, monkeypatch) == 0
    assert "going on after" in capsys.readouterr().out
    assert len(tested) == interrupted_batch + 4 * (2 - epochs + before)  # the held-out part is repeated as a whole
    assert run_here(name, with_results(settings, duet / "undisturbed"), monkeypatch) == 0
    compare(duet / "undisturbed", duet / "stopped", 2)
    best, expected = (
        torch.load(duet / run / "weights/checkpoint", weights_only=True)["best"] for run in ("stopped", "undisturbed")
    )
    assert (best["epoch"], best["loss"]) == (expected["epoch"], expected["loss"])


# ---------------------------------------------------------------------------------------------------------------------
# files that cannot be written, and folders that are in use


def test_a_write_that_fails_names_the_file(tmp_path):
    resource = pytest.importorskip("resource", reason="Windows cannot limit the size of files")
    path, (soft, hard) = tmp_path / "checkpoint", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as on a full disk, writing fails half-way
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            weights.write({name: torch.zeros(20_000) for name in "abc"}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_stops_no_training(tiny, duet, monkeypatch, capsys):
    saves, save = [], torch.save

    def full(state, file):
        saves.append(file)
        if 2 <= len(saves) <= 4:
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", full)
    assert run_here("vae_rnn", tiny | EVERY_EPOCH | {"epochs": 3}, monkeypatch) == 0
    output = capsys.readouterr().out
    assert output.count("No space left on device") == 3  # weights of epoch 1, checkpoint and weights of epoch 2
    assert "The training goes on" in output
    assert torch.load(duet / "results/weights/checkpoint", weights_only=True)["loop"]["epoch"] == 3
    assert (duet / "results/weights/encoder_weights_epoch_3").exists()
    assert not list((duet / "results").rglob("*.part*"))


def test_a_last_save_that_fails_ends_in_an_error(tiny, duet, monkeypatch, capsys):
    save = torch.save

    def full(state, file):
        if state.get("loop", {}).get("epoch") == 2:
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", full)
    assert run_here("vae_rnn", tiny | EVERY_EPOCH, monkeypatch) == 2
    assert capsys.readouterr().err.strip().endswith("checkpoint: No space left on device")
    assert torch.load(duet / "results/weights/checkpoint", weights_only=True)["loop"]["epoch"] == 1
    assert len(list((duet / "results/anims").glob("*.bvh"))) == CLIPS["vae_rnn"]  # which cost no training
    assert (duet / "results/realtime/model.json").exists()
    assert (duet / "results/report.html").exists()
    assert (duet / "results/weights/encoder_weights_epoch_2").exists()
    assert (duet / "results/histories/history_2.csv").exists()


def test_two_runs_in_one_folder_are_refused(tiny, duet, monkeypatch, capsys):
    with open_folder(duet / "results", "other.py"):
        (duet / "results/weights/mine").write_bytes(b"1")
        assert run_here("vae_rnn", tiny, monkeypatch) == 2
        assert "another run is writing there" in capsys.readouterr().err
        assert (duet / "results/weights/mine").exists()


def test_a_move_that_was_cut_short_is_completed(tmp_path):
    with open_folder(tmp_path, "one.py"):
        pass
    (tmp_path / "config.json").write_text('{"script": "../../one.py"}')
    (tmp_path / "weights/w").write_bytes(b"1")
    (tmp_path / "previous/.moving/anims").mkdir(parents=True)
    (tmp_path / "previous/.moving/anims/clip.gif").write_bytes(b"2")
    with open_folder(tmp_path, "two.py"):
        pass
    (moved,) = (tmp_path / "previous").iterdir()
    assert moved.name.endswith("_one")
    assert sorted(p.name for p in moved.rglob("*") if p.is_file()) == ["clip.gif", "config.json", "w"]


# ---------------------------------------------------------------------------------------------------------------------
# losses that are no numbers


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_first_loss_that_is_no_number_is_explained(name, tiny, duet, copy_run, monkeypatch):
    copy_run(name)
    module = load_script(name)
    compute, draw, drawn = module.compute_losses, Windows.draw, []

    def remember(windows, batch, *noise_shape):
        drawn.append(int(batch.windows[0]))
        return draw(windows, batch, *noise_shape)

    def broken(*inputs):
        losses = compute(*inputs)
        if len(drawn) == 5:  # of 3 batches an epoch
            losses["total"] = losses["pos"] = losses["pos"] * float("nan")
        return losses

    settings = tiny | EVERY_EPOCH | {"resume": True, "epochs": 5}
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments(name, settings)])
    monkeypatch.setattr(Windows, "draw", remember)
    module.compute_losses = broken
    with pytest.raises(InputError, match=r"epoch 4, batch 2: the loss is not finite \(pos\)") as caught:
        module.main()
    assert f"is frames {drawn[-1]} to {drawn[-1] + 7} of one.bvh and two.bvh" in str(caught.value)
    assert "resume = True" in str(caught.value)
    state = torch.load(duet / "results/weights/checkpoint", weights_only=True)
    assert state["loop"]["epoch"] == 3
    assert all(torch.isfinite(value).all() for net in state["nets"].values() for value in net.values())


NO_MEMORY = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"


@pytest.mark.parametrize(("name", "moment"), [("vae_rnn", "forward"), ("vae_rnn_deepfake", "backward")])
def test_too_little_memory_for_a_step_names_the_batch_size(name, moment, tiny, monkeypatch):
    module = load_script(name)
    compute, calls = module.compute_losses, []

    def fail(*_):
        raise RuntimeError(NO_MEMORY)

    def full(*inputs):
        losses = compute(*inputs)
        if losses["total"].requires_grad:
            calls.append(1)
            if len(calls) > 10:  # beyond what finds the learning rates
                fail() if moment == "forward" else losses["total"].register_hook(fail)
        return losses

    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments(name, tiny | {"epochs": 9})])
    module.compute_losses = full
    words = r"batch_size = 16: the memory of the device \(cpu\) does not suffice\. Use batch_size = 8\."
    with pytest.raises(InputError, match=words):
        module.main()


def test_only_out_of_memory_errors_are_reported_as_such():
    cpu = torch.device("cpu")
    with pytest.raises(InputError, match="Use a smaller sequence_length or"), devices.memory_watched(cpu, 1):
        raise MemoryError
    with pytest.raises(RuntimeError, match="illegal memory access"), devices.memory_watched(cpu, 16):
        raise RuntimeError("CUDA error: an illegal memory access")


def test_random_state_comes_back():
    generator = seed_everything(3)
    state = checkpoint._random_state(generator, torch.device("cpu"))

    def draws():
        return [torch.rand(2, generator=generator).tolist(), torch.rand(2).tolist(), np.random.rand(2).tolist()]  # noqa: NPY002

    first = draws()
    assert draws() != first
    checkpoint.restore_random_state(state, types.SimpleNamespace(generator=generator, device=torch.device("cpu")))
    assert draws() == first
