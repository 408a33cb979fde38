"""Train for long and see that nothing grows: memory, open files, the time of an epoch. On Linux.

    python tests/slow/soak.py [--epochs 200]

Both scripts on the bundled duet, with a small model.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.project import PROJECT, SCRIPTS

SETTINGS = {
    "ae_rnn_layer_size": 16,
    "ae_dense_layer_sizes": [32],
    "latent_dim": 8,
    "sequence_offset": 8,
    "model_save_interval": 5,
    "export_seq_length": 100,
    "device": "cpu",
    "show_history": False,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=200)
    for name in SCRIPTS:
        soak(name, parser.parse_args().epochs)


def soak(name, epochs):
    with tempfile.TemporaryDirectory() as folder:
        settings = SETTINGS | {"epochs": epochs, "results_path": folder}
        command = [sys.executable, "-u", str(PROJECT / f"{name}.py")]
        command += [f"--{key}={value}" for key, value in settings.items()]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        rows = [look(run.pid, line) for line in run.stdout if line.startswith("epoch ")]
        assert run.wait() == 0
    tenths = [rows[9], *rows[len(rows) // 4 :: len(rows) // 4], rows[-1]]
    print(name)
    for epoch, megabytes, files, _ in tenths:
        near = [seconds for number, _, _, seconds in rows if abs(number - epoch) <= 5]
        print(f"  epoch {epoch:4}: {megabytes:7.1f} MB, {files} open files, {statistics.median(near):.2f} s an epoch")


def look(process, line):
    """Epoch, memory in MB, open files, and seconds of the epoch."""
    kilobytes = re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{process}/status").read_text())[1]
    files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return int(line.split()[1]), int(kilobytes) / 1024, files, float(line.split()[-1])


if __name__ == "__main__":
    main()
