"""The findings in the takes of a run, printed before training, with the frame ranges that leave them out."""

from pathlib import Path

from common.mocap.take_check import check_take, without
from common.runtime import console

SHORTEST_SECONDS = 2.0  # of a range that is proposed
NAMED = 8  # findings of a take that are printed


def check_takes(pairs, ranges):
    """Print the findings in the frame ranges of all takes, a line each, and a line for mocap_valid_frame_ranges that
    leaves them out. Nothing is cut.

    Returns the findings as values, in order, {"pair", "dancer" (both from 0), "file", "kind", "start", "end", "text"},
    frames start ≤ f < end.
    """
    listed, proposed = [], []
    for pair, (takes, pair_ranges) in enumerate(zip(pairs, ranges, strict=True)):
        findings = {frames: [] for frames in pair_ranges}
        for dancer, take in enumerate(takes):
            name, take_findings = Path(take.path).name, []
            for frames in pair_ranges:
                range_findings = check_take(take, *frames)
                findings[frames] += range_findings
                take_findings += range_findings
            for finding in take_findings[:NAMED]:
                console.note(f"{name}, frames {finding.start} to {finding.end - 1}: {finding.text}.")
            if take_findings[NAMED:]:
                console.note(f"{name}: and {len(take_findings) - NAMED} more of the kind.")
            listed += [
                {"pair": pair, "dancer": dancer, "file": name, "kind": f.kind, "start": f.start, "end": f.end}
                | {"text": f.text}
                for f in take_findings
            ]
        proposed.append(without(pair_ranges, findings, takes[0].fps, SHORTEST_SECONDS))
    if proposed != [list(pair_ranges) for pair_ranges in ranges]:
        _propose(proposed)
    return listed


def _propose(proposed):
    """The line for the script, where every pair has frames left."""
    if all(proposed):
        line = [[list(frames) for frames in pair_ranges] for pair_ranges in proposed]
        console.note(f"frames without these: mocap_valid_frame_ranges = {line}")
    else:
        console.note("of a pair no two seconds are left without these; look at its takes before training on them.")
