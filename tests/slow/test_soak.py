"""Long trainings, in which nothing grows: neither memory nor open files."""

import re
import subprocess
import sys
from pathlib import Path

from helpers.project import PROJECT, SCRIPTS

import numpy as np
import pytest

EPOCHS = 60
SETTINGS = {
    "mocap_valid_frame_ranges": "[[[0,2000]]]",
    "initial_weights": "noise",
    "ae_rnn_layer_size": 16,
    "ae_dense_layer_sizes": [32],
    "latent_dim": 8,
    "sequence_offset": 8,
    "model_save_interval": 5,
    "export_seq_length": 100,
    "device": "cpu",
    "show_history": False,
    "open_report": False,
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's folder of processes")
@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_grows(name, tmp_path):
    settings = SETTINGS | {"epochs": EPOCHS, "stop_after": None, "results_path": tmp_path / "results"}
    constants = (PROJECT / f"{name}.py").read_text(encoding="utf-8")
    command = [f"--{key}={value}" for key, value in settings.items() if f"\n{key} = " in constants]
    run = subprocess.Popen(
        [sys.executable, "-u", str(PROJECT / f"{name}.py"), *command], stdout=subprocess.PIPE, encoding="utf-8"
    )
    rows = np.array([usage(run.pid) for line in run.stdout if line.startswith("epoch ")])
    assert run.wait() == 0
    assert len(rows) == EPOCHS
    middle, end = rows[20:30], rows[-10:]  # by the 20th all has been loaded and drawn once
    memory = middle[:, 0].mean(), end[:, 0].mean()
    assert memory[1] < 1.03 * memory[0], "{:.0f} MB have become {:.0f}".format(*memory)
    # The run goes on while it is read, so a file may just be being written; one that stays open is in all ten rows.
    assert end[:, 1].min() <= middle[:, 1].min(), "open files"


def usage(process):
    """Memory in MB and open files of a process."""
    kilobytes = re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{process}/status").read_text())[1]
    return int(kilobytes) / 1024, len(list(Path(f"/proc/{process}/fd").iterdir()))
