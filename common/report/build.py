"""The page of a run, from what it left in its results folder."""

from pathlib import Path

from common.report import clips as motion
from common.report import contents, page
from common.runtime.files import write_text

FILE_NAME = "report.html"


def save(folder, clips=None):
    """Write report.html into a results folder, from what a run left there; returns its path.

    `clips`, a list of Clips, is shown instead of the motion files, while there are none yet. What cannot be read is
    left out, and the page says so. Raises OSError where the page cannot be written.
    """
    folder = Path(folder)
    values = contents.read(folder)
    values["motion"] = motion.packed(folder, clips, values["problems"])
    write_text(folder / FILE_NAME, page.html(values))
    return folder / FILE_NAME
