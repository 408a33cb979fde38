"""A run in its results folder: how it begins, what it keeps saving, and how it ends."""

import contextlib
import time
from pathlib import Path

from common.mocap import export_endings
from common.results import checkpoint, folder, onnx, realtime, weights
from common.results.clips import CLIP_NOTES, export_clips
from common.results.history import History
from common.results.preview import Preview
from common.runtime import console, devices, interrupt, parallel, settings
from common.runtime.errors import InputError
from common.training import BestWeights, seed_everything


class Run:
    """One start of a script. As a context, it holds the results folder: made, locked, an earlier run moved aside.

    `config` are the script's settings, `script` its file. Of several processes, process 0 alone writes.
    """

    def __init__(self, path, config, script, duet):
        """All random state is fixed by the setting random_seed; `generator` is that of what the training draws."""
        self.folder, self.config, self.script = Path(path), config, script
        self.generator = seed_everything(config["random_seed"])
        self.stop, self.history, self.best = interrupt.Stop(), History(), BestWeights(config["keep_best"])
        self.view = [config[name] for name in ("view_ele", "view_azi", "view_line_width", "view_size")]
        self.preview = Preview(duet, config["sequence_length"], self.view, self.folder / "anims")
        self.recording = duet.pairs[0][0].path
        if config["export_seq_index"] >= len(duet.pairs):
            raise InputError(
                f"export_seq_index = {config['export_seq_index']}: mocap_files has {len(duet.pairs)} pair(s), counted "
                f"from 0."
            )
        onnx.check_package(config["export_onnx"])
        self.before = None  # the checkpoint that the run goes on from
        self.loaded = {}  # weights files that were loaded, {net: path}
        self.failed = None  # the first file that could not be written when it had to be
        self.saved_at = time.monotonic()

    @property
    def checkpoint_file(self):
        return self.folder / "weights" / "checkpoint"

    def begin(self, nets, windows, warm_start, *weights_files):
        """Give nets {name: module} the weights that a run begins with, and bring them to the windows' device.

        They are those of the checkpoint (`resume`), of the weights files, one for each net (`load_weights`), of a
        regression (`initial_weights`, by `warm_start(nets, windows, generator)`), or noise, which the nets have.
        Nothing is written. Raises FileNotFoundError or InputError where a file does not fit, or where there is too
        little to train on.
        """
        windows.check(self.config["epochs"], self.config["batch_size"])
        if self.config["epochs"] == 0 and not self.config["load_weights"]:
            raise InputError("epochs = 0: nothing is trained; set load_weights = True to export from trained weights.")
        if self.config["resume"]:
            self.before = checkpoint.load(self.checkpoint_file, self.script, self.config)
            for name, net in nets.items():
                net.load_state_dict(self.before["nets"][name], strict=True)
        elif self.config["load_weights"]:
            self.loaded = dict(zip(nets, weights_files, strict=True))
            weights.load_weights(nets, self.loaded)
        elif self.config["initial_weights"] == "regression":
            if not self.config["layerwise_rates"]:
                console.note(
                    'layerwise_rates = False takes steps that are too large for initial_weights = "regression", which '
                    'it unlearns. Use layerwise_rates = True, or initial_weights = "noise".'
                )
            with console.stage("warm start"):
                warm_start(nets, windows, self.generator)
        for net in nets.values():
            net.to(windows.device)

    def restore(self, optimiser, loop):
        """Go on where the checkpoint stood, if the run goes on: the optimiser, the loop, random state and history."""
        if self.before is None:
            return
        optimiser.load_state(self.before["optimiser"])
        loop.load_state(self.before["loop"])
        checkpoint.restore_random_state(self.before["random"], loop)
        within = f" and {loop.batch} batches of the next" if loop.batch else ""
        console.line(f"going on after {loop.epoch} epochs{within}")
        self.history = History(self.before["history"])
        self.best.load_state(self.before["best"])

    @contextlib.contextmanager
    def opened(self, nets):
        """Hold the results folder, with this run's settings in it."""
        with folder.open_folder(self.folder, self.script, self.config["resume"]):
            if parallel.rank() == 0:
                settings.save_config(self.config, self.script, self.folder / "config.json")
                if self.loaded:
                    weights.keep_weights(nets, self.loaded, self.folder / "weights")
            yield self

    # -----------------------------------------------------------------------------------------------------------------
    # while it trains

    def save_is_due(self, epoch):
        """Whether everything is saved after this epoch (from 0), which is not the last one."""
        return (epoch + 1) % self.config["model_save_interval"] == 0 and epoch + 1 < self.config["epochs"]

    def checkpoint_is_due(self, loop):
        """Whether the last checkpoint is long ago, for all processes alike."""
        long_ago = time.monotonic() - self.saved_at >= 60 * self.config["checkpoint_minutes"]
        return parallel.any_of(long_ago, loop.device)

    def save_checkpoint(self, nets, optimiser, loop, last=False):
        """Write what the training needs to go on. All processes take part. Raises InputError where a loss was no
        number: the checkpoint before is then still there."""
        with self.writing(last):
            checkpoint.save(
                self.checkpoint_file, self.script, self.config, nets, optimiser, loop, self.history, self.best
            )
        self.saved_at = time.monotonic()

    def interruptible(self):
        """A context in which Ctrl-C and the system's signals stop the training instead of the program."""
        return interrupt.caught(self.stop)

    @contextlib.contextmanager
    def writing(self, last=False, needed=True):
        """Let a file that cannot be written stop no training: it is noted, and tried again at the next save. Where none
        follows, the run ends with that error, once everything else is done, if the file is `needed`."""
        try:
            yield
        except (OSError, RuntimeError, MemoryError) as error:
            if not isinstance(error, OSError) and (needed or not devices.out_of_memory(error)):
                raise
            reason = (
                f"{error.filename}: cannot be written ({error.strerror})"
                if isinstance(error, OSError)
                else ("there is not enough memory for a look at the training")
            )
            goes_on = "" if last else " The training goes on; this is tried again at the next save."
            console.note(f"{reason}.{goes_on} Make room, or close other programs.")
            if last and needed:
                self.failed = self.failed or error

    # -----------------------------------------------------------------------------------------------------------------
    # its end

    def use_best(self, nets):
        """Give the nets the best weights of this run, if it kept any; returns after how many epochs these were."""
        self.best.use(nets)
        if not self.best.weights:
            return len(self.history)
        console.line(f"the best weights are those after epoch {self.best.epoch}: what follows is made with them")
        return self.best.epoch

    def save_realtime(self, nets, duet, export_onnx):
        """Write what a live client needs of the nets and the Duet, also where the training was stopped."""
        with self.writing(last=True):
            realtime.save_realtime(self.folder, nets, duet, self.script, export_onnx)

    def export(self, clips, formats, fbx_backend, root_motion):
        """Write Clips, any iterable of them, as GIF and as motion files of the formats asked for, or of the
        recording's own."""
        folder, notes = self.folder / "anims", self.folder / "histories" / CLIP_NOTES
        endings = export_endings(formats, self.recording)
        export_clips(clips, folder, notes, endings, fbx_backend, self.view, root_motion)

    def end(self):
        """Say where everything is. Raises OSError where a needed file could not be written, or StoppedError where
        the user has asked for the end."""
        console.line(f"All results are in {self.folder}")
        if self.failed:
            raise self.failed
        self.stop.end(len(self.history), self.config["epochs"])
