"""The report: `report.html` in a results folder, one page that shows what was learnt, with a stage for the clips.

It holds everything it shows and loads nothing: it opens from disk, without a network.
"""

from common.report.build import FILE_NAME, save
from common.report.run_report import RunReport

__all__ = ["FILE_NAME", "RunReport", "save"]
