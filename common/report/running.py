"""What a run shows of itself, at every save and at its end: its figures, its latent map and its report."""

import platform
import subprocess
import sys
import time
from pathlib import Path

from common import console, dataset, devices, evaluation, files, mocap, report, results, summary, synthesis, training
from common.report import latent, model

import torch

LONGEST_PREVIEW = 10  # seconds of the clips that are shown before there are motion files


class Running:
    """Keeps figures, latent map and report of a run up to date in its folder. `config` holds the script's settings,
    `where` the device, `pairs` and `ranges` are what formats.load_pairs gives, and `judge` is an Evaluation."""

    def __init__(self, folder, config, script, where, pairs, ranges, judge):
        self.folder, self.config, self.pairs, self.ranges = Path(folder), config, pairs, ranges
        self.judge, self.began, self.page = judge, time.monotonic(), self.folder / report.FILE_NAME
        self.run = {
            "script": Path(script).name,
            "started": time.strftime("%Y-%m-%d %H:%M"),
            "seconds": 0.0,
            "device": devices.describe(where),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "takes": [[_describe(take) for take in pair] for pair in pairs],
        }
        self.without_model = False
        if config["resume"]:
            self._go_on()

    def _go_on(self):
        """A run that goes on began when it began, and took what it took before."""
        try:
            before = files.read_json(self._file("run.json"))
            started, seconds = str(before["started"]), float(before["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # it is from before there were reports
        self.run["started"], self.began = started, self.began - seconds

    def _file(self, name):
        return self.folder / "histories" / name

    def refresh(self, conversions, epoch):
        """Write everything while the training goes on: the report has clips of a few seconds then. After the last epoch
        that is left to `finish`."""
        if epoch < self.config["epochs"]:
            with training.memory_to_spare(self.page):
                measures, clips = self.judge.measure(conversions, epoch), self._preview(conversions, epoch)
            self._write(measures, conversions, epoch, "training", clips)

    def finish(self, conversions, epoch, stopped=False):
        """Write everything for what the run leaves, and print how good it is, also on a full disk. Raises OSError where
        a file cannot be written, once the others are."""
        measures = self.judge.measure(conversions, epoch)
        try:
            self._write(measures, conversions, epoch, "stopped" if stopped else "finished")
        finally:
            summary.show(measures, self.folder)

    def _write(self, measures, conversions, epoch, state, clips=None):
        settings, histories = self.config, self.folder / "histories"
        split = settings["test_percentage"], settings["sequence_length"]
        found = latent.make(conversions, self.pairs, self.ranges, *split)
        self.run |= {"epochs_done": epoch, "state": state, "seconds": round(time.monotonic() - self.began, 1)}
        actions = [
            lambda: evaluation.save(measures, histories, settings["epochs"]),
            lambda: latent.save(found, histories, settings["epochs"]),
            *self._model(conversions, histories),
            lambda: files.write_json(self._file("run.json"), self.run),
            lambda: report.save(self.folder, clips),
        ]
        results.save_all(actions, last=clips is None)

    def _model(self, conversions, histories):
        """What saves the decoders for the page, in a list, where the settings ask for them. That they are too large is
        said once."""
        settings = self.config
        if not settings.get("report_model", True):
            return []
        try:
            trained = model.make(conversions, self.pairs, self.ranges, settings["sequence_length"])
        except ValueError as error:
            if not self.without_model:
                console.note(f"the report is written without the model: {error}.")
            self.without_model = True
            return []
        return [lambda: model.save(trained, histories, settings["epochs"])]

    def _preview(self, conversions, epoch):
        """The recorded dancers and what the models make of them, of what is held out: [(name, Mocap), ...]."""
        settings = self.config
        length = settings["sequence_length"]
        most = max(length, round(LONGEST_PREVIEW * self.pairs[0][0].fps))
        pair, start, end, _ = dataset.preview_stretch(self.ranges, settings["test_percentage"], length, most)
        takes = self.pairs[pair]
        clips = [mocap.cut_clip(take, start, end, self.ranges[pair]) for take in takes]
        named = [(f"orig_sequence_dancer{dancer}", clip) for dancer, clip in enumerate(clips, 1)]
        for conversion in conversions:
            way = f"dancer{conversion.source + 1}_to_dancer{conversion.target + 1}"
            if len(conversions) == 1:
                way = f"dancer{conversion.target + 1}"
            clip = synthesis.convert_clip(conversion, clips, takes, length)
            named.append((f"pred_sequence_{way}_epoch_{epoch}", clip))
        return named

    def open(self):
        """Show the page in the browser, where there is a display. A process of its own does that: some browsers print
        what concerns nobody, or do not return before they are closed."""
        if self.page.exists() and console.has_display():
            nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            command = [sys.executable, "-m", "webbrowser", self.page.absolute().as_uri()]
            subprocess.Popen(command, start_new_session=True, **nowhere)


def _describe(take):
    return {
        "file": Path(take.path).name,
        "frames": take.frame_count,
        "fps": take.fps,
        "seconds": take.frame_count / take.fps,
        "joints": take.skeleton.joint_count,
        "unit_cm": take.unit_cm,
    }
