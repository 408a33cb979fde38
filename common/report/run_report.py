"""What a run shows of itself, at every save and at its end: its figures, its latent map and its report."""

import platform
import subprocess
import sys
import time
from pathlib import Path

from common.dataset.clip import Clip
from common.evaluation import evaluate, summary
from common.model import generate
from common.report import build, latent, model
from common.runtime import console, devices, files

import torch

LONGEST_PREVIEW = 10  # seconds of the clips that are shown before there are motion files


class RunReport:
    """Keeps figures, latent map and report of a results.Run up to date in its folder, about a Duet, by what an
    evaluation.Evaluation measures."""

    def __init__(self, run, duet, evaluator, device):
        self.run, self.duet, self.evaluator = run, duet, evaluator
        self.began, self.page = time.monotonic(), run.folder / build.FILE_NAME
        self.facts = {
            "script": Path(run.script).name,
            "started": time.strftime("%Y-%m-%d %H:%M"),
            "seconds": 0.0,
            "device": devices.describe(device),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "findings": duet.findings,
            "takes": [[_describe(take) for take in pair] for pair in duet.pairs],
        }
        self.told = self.without_model = False  # what is said once
        if run.config["resume"]:
            self._go_on()

    def _go_on(self):
        """A run that goes on began when it began, and took what it took before."""
        try:
            before = files.read_json(self._file("run.json"))
            started, seconds = str(before["started"]), float(before["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # it was stopped before the first report
        self.facts["started"], self.began = started, self.began - seconds

    def _file(self, name):
        return self.run.folder / "histories" / name

    def refresh(self, conversions, loop, last):
        """Show how the training goes: the preview, and what `finish` writes, with clips of a few seconds in the report.
        After the last epoch that is left to `finish`. An epoch that was stopped midway has nothing new to show."""
        if loop.batch > 0 or loop.stopped:
            return
        epoch = loop.epoch
        with self.run.writing(last, needed=False):
            self.run.preview.save(conversions, epoch)
        if last:
            return
        with self.run.writing(needed=False):
            measures, clips = self.evaluator.measure(conversions, epoch), self._preview(conversions, epoch)
            self._write(measures, conversions, epoch, "training", clips)
        if not self.told:
            self._tell_where_to_look()

    def _tell_where_to_look(self):
        every = self.run.config["model_save_interval"]
        places = [self.run.preview.path("<n>"), self.page]
        if self.run.config["save_history"]:
            places.insert(0, self.run.folder / "histories" / f"history_{self.run.config['epochs']}.png")
        interval = "epoch" if every == 1 else f"{every} epochs"
        console.line(f"see how it goes, anew every {interval}: {', '.join(map(str, places))}")
        self.told = True

    def finish(self, conversions, epoch):
        """Write everything for what the run leaves, and print how good it is. A file that cannot be written ends the
        run with that error, once the others are written."""
        with console.stage("measure"):
            measures = self.evaluator.measure(conversions, epoch)
            self._write(measures, conversions, epoch, "stopped" if self.run.stop.asked else "finished")
            summary.show(measures, self.run.folder)

    def _write(self, measures, conversions, epoch, state, clips=None):
        settings, histories, last = self.run.config, self.run.folder / "histories", clips is None
        self.facts |= {"epochs_done": epoch, "state": state, "seconds": round(time.monotonic() - self.began, 1)}
        with self.run.writing(last):
            evaluate.save(measures, histories, settings["epochs"])
        with self.run.writing(last):
            latent_map = latent.make(conversions, self.duet, settings["sequence_length"])
            latent.save(latent_map, histories, settings["epochs"])
        with self.run.writing(last):
            self._save_model(conversions, histories)
        with self.run.writing(last):
            files.write_json(self._file("run.json"), self.facts)
        with self.run.writing(last):
            build.save(self.run.folder, clips)

    def _save_model(self, conversions, folder):
        """Save the decoders for the page, where the settings ask for them. That they are too large is said once."""
        settings = self.run.config
        if not settings["report_model"] or self.without_model:
            return
        try:
            trained = model.make(conversions, self.duet, settings["sequence_length"])
        except ValueError as error:
            console.note(f"the report is written without the model: {error}.")
            self.without_model = True
            return
        model.save(trained, folder, settings["epochs"])

    def _preview(self, conversions, epoch):
        """The recorded dancers and what the models make of them, of the held-out part: [Clip, ...]."""
        length = self.run.config["sequence_length"]
        pair, start, end, _ = self.duet.preview(length, max(length, round(LONGEST_PREVIEW * self.duet.fps)))
        clips, start, frame_count = self.duet.recorded_clips(pair, start, end - start)
        motions = [clip.motion for clip in clips]
        for conversion in conversions:
            source, target = conversion.source, conversion.target
            name = f"pred_sequence_dancer{source + 1}_to_dancer{target + 1}_epoch_{epoch}"
            motion = generate.convert_clip(conversion, motions, self.duet.pairs[pair], length)
            clips.append(Clip(name, motion, conversion.kind, source, target, epoch, (pair, start, frame_count)))
        return clips

    def show(self, open_report, show_history):
        """Show the page in the browser and the history in a window, where there is a display. A process of its own
        opens the browser: some print what concerns nobody, or do not return before they are closed."""
        if open_report and self.page.exists() and console.has_display():
            nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            command = [sys.executable, "-m", "webbrowser", self.page.absolute().as_uri()]
            subprocess.Popen(command, start_new_session=True, **nowhere)
        if show_history:
            self.run.history.show()


def _describe(take):
    return {
        "file": Path(take.path).name,
        "frames": take.frame_count,
        "fps": take.fps,
        "seconds": take.frame_count / take.fps,
        "joints": take.skeleton.joint_count,
        "unit_cm": take.unit_cm,
    }
