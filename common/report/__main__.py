"""Make the report of a run again:  python -m common.report RESULTS_FOLDER"""

import sys
from pathlib import Path

from common import report
from common.results.folder import RESULT_FOLDERS
from common.runtime import console, errors
from common.runtime.errors import InputError

USAGE = "usage: python -m common.report RESULTS_FOLDER, as results or results/previous/<time>_<script>"


def main():
    arguments = sys.argv[1:]
    if any(argument in ("-h", "--help") for argument in arguments):
        print(__doc__, USAGE, sep="\n")
        return
    if len(arguments) != 1:
        raise InputError(f"one results folder is expected, not {len(arguments)}; {USAGE}.")
    folder = Path(arguments[0]).expanduser()
    if not any((folder / name).exists() for name in (*RESULT_FOLDERS, "config.json")):
        raise InputError(
            f"{str(folder)!r}: no run has left anything there: none of config.json, {', '.join(RESULT_FOLDERS)}. Name "
            f"the folder that results_path names."
        )
    console.line(f"The report is {report.save(folder)}")


if __name__ == "__main__":
    errors.run(main)
