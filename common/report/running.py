"""The report of a run that is under way: refreshed at every save, with what the models can do by then."""

import dataclasses
import platform
import subprocess
import sys
import time
from pathlib import Path

from common import console, dataset, devices, files, kinematics, mocap, report, synthesis
from common.report import latent

import torch

LONGEST_PREVIEW = 10  # seconds of the clips that are shown before there are motion files


class Running:
    """Keeps the report of a run in its folder up to date. `config` holds the script's settings, `where` the device,
    and `pairs` and `ranges` are what formats.load_pairs gives."""

    def __init__(self, folder, config, script, where, pairs, ranges):
        self.folder, self.config, self.pairs, self.ranges = Path(folder), config, pairs, ranges
        self.began, self.page = time.monotonic(), None
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
        """Write the report while the training goes on: with clips of a few seconds."""
        self._write(conversions, epoch, "training", self._preview(conversions, epoch))

    def finish(self, conversions, epoch, stopped=False):
        """Write the report of what the run leaves."""
        self._write(conversions, epoch, "stopped" if stopped else "finished")
        console.line(f"The report is {self.page}; a double click opens it")

    def _write(self, conversions, epoch, state, clips=None):
        settings = self.config
        seconds = round(time.monotonic() - self.began, 1)
        self.run |= {"epochs_done": epoch, "state": state, "seconds": seconds}
        split = settings["test_percentage"], settings["sequence_length"]
        found = latent.make(conversions, self.pairs, self.ranges, *split)
        if settings["save_history"]:
            files.write_json(self._file("run.json"), self.run)
            latent.save(found, self.folder / "histories", settings["epochs"])
        self.page = report.save(self.folder, clips, found, self.run)

    def _preview(self, conversions, epoch):
        """The recorded dancers and what the models make of them, of what is held out: [(name, Mocap), ...]."""
        length = self.config["sequence_length"]
        held_out = dataset.held_out_clips(self.pairs, self.ranges, self.config["test_percentage"], length)
        pair, pair_ranges = self.pairs[0], self.ranges[0]
        clips = held_out[0] if held_out else [mocap.cut_clip(take, *pair_ranges[0], pair_ranges) for take in pair]
        most = max(length, round(LONGEST_PREVIEW * clips[0].fps))
        clips = [mocap.first_frames(clip, min(most, clip.frame_count)) for clip in clips]
        named = [(f"orig_sequence_dancer{dancer}", clip) for dancer, clip in enumerate(clips, 1)]
        translation = all(conversion.source != conversion.target for conversion in conversions)
        for conversion in conversions:
            source, target = conversion.source, conversion.target
            way = f"dancer{target + 1}" if translation else f"dancer{source + 1}_to_dancer{target + 1}"
            clip = kinematics.follow_path(clips[target], clips[target if translation else source])
            motion = synthesis.convert(conversion, clips[source], length)
            named.append((f"pred_sequence_{way}_epoch_{epoch}", dataclasses.replace(clip, rot_local=motion)))
        return named

    def open(self):
        """Show the page in the browser, where there is a display. A process of its own does that: some browsers print
        what concerns nobody, or do not return before they are closed."""
        if self.page and console.has_display():
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
