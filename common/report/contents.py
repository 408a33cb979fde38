"""What a run left in its results folder, as plain values for the page: settings, history, metrics, files.

Runs differ: one is still training, one was stopped, one is from before there were metrics, one was copied in part. What
is there is shown, and what cannot be read is named in `problems`.
"""

import csv
import re
import time

from common.report import latent as latent_map
from common.report import model as trained
from common.runtime import files
from common.runtime.settings import TABLE

MOST_ROWS = 2000  # of a curve; more than a screen has columns
LONGEST = 300  # characters of a text that is shown in a sentence


def read(folder):
    """All of a results folder but the motion: a dict of what the page shows, by section."""
    problems = []
    config = _json(folder / "config.json", problems)
    run = _json(folder / "histories" / "run.json", problems)
    for finding in _list(run.get("findings")):
        if isinstance(finding, dict):
            first, end = _number(finding.get("start")), _number(finding.get("end"))
            if first is not None and end is not None:
                where = f"{_text(finding.get('file'))}, frames {first:g} to {end - 1:g}"
                problems.append(f"{where}: {_text(finding.get('text'))}.")
    return {
        "written": time.strftime("%Y-%m-%d %H:%M"),
        "folder": str(folder.absolute()),
        "config": config,
        "run": run,
        "sentence": sentence(config, run),
        "settings": [
            [setting.caption, _plain(config[name]), name]
            for name, setting in TABLE.items()
            if setting.caption and name in config
        ],
        "history": _history(folder / "histories", problems),
        "metrics": _newest_json(folder / "histories", "metrics", problems),
        **_learnt(folder / "histories", config, problems),
        "files": _files(folder),
        "problems": problems,
    }


def _json(path, problems):
    """The object in a JSON file; {} where there is none, or none that can be read."""
    try:
        content = files.read_json(path)
        if isinstance(content, dict):
            return content
        problems.append(f"{path.name} holds no settings.")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        problems.append(f"{path.name} cannot be read: {error}")
    return {}


def _numbered(folder, name, ending):
    """The files <name>_<number><ending> of a folder, those of the highest numbers first."""
    matches = [(re.fullmatch(rf"{name}_(\d{{1,9}}){re.escape(ending)}", path.name), path) for path in folder.glob("*")]
    return [path for _, path in sorted(((int(match[1]), path) for match, path in matches if match), reverse=True)]


def _newest_json(folder, name, problems):
    paths = _numbered(folder, name, ".json")
    return _json(paths[0], problems) if paths else {}


def _history(folder, problems):
    """The longest history of a folder: {"columns": {name: [value per epoch]}, "epochs": [numbers]}."""
    histories = []
    for path in _numbered(folder, "history", ".csv"):
        try:
            with path.open(newline="", encoding="utf-8") as file:
                names, *rows = csv.reader(file)
            histories.append((names, [[float(value) for value in row] for row in rows if len(row) == len(names)]))
        except (OSError, ValueError, csv.Error) as error:
            problems.append(f"{path.name} cannot be read: {error}")
    names, rows = max(histories, key=lambda history: len(history[1]), default=([], []))
    shown = sorted({*range(0, len(rows), len(rows) // MOST_ROWS + 1), *range(max(len(rows) - 1, 0), len(rows))})
    columns = {name[:LONGEST]: [rows[i][column] for i in shown] for column, name in enumerate(names)}
    return {"columns": columns, "epochs": [i + 1 for i in shown]}


def _learnt(folder, config, problems):
    """The latent map and the model that plays it, {"latent": ..., "model": ...}; None for what is not there."""
    learnt = {"latent": None, "model": None}
    points = _newest(folder, "latent", latent_map.load, problems)
    if points is not None:
        learnt["latent"] = latent_map.packed(points)
    if points is not None and config.get("report_model") is not False:
        learnt["model"] = _newest(folder, "model", lambda path: trained.packed(trained.load(path), points), problems)
    return learnt


def _newest(folder, name, load, problems):
    """What `load` makes of the file <name>_<number>.npz of the highest number; None where it cannot."""
    for path in _numbered(folder, name, ".npz")[:1]:
        try:
            return load(path)
        except (OSError, ValueError) as error:
            problems.append(f"{path.name} cannot be read: {error}")
    return None


def _files(folder):
    """What lies beside the page: [{"path": parts from the folder, "bytes": size}, ...]."""
    paths = [
        folder / "config.json",
        *(path for name in ("anims", "histories", "weights") for path in _all(folder / name)),
    ]
    return [
        {"path": list(path.relative_to(folder).parts), "bytes": path.stat().st_size} for path in paths if path.is_file()
    ]


def _all(folder):
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


# ---------------------------------------------------------------------------------------------------------------------
# words


def sentence(config, run):
    """The run in a sentence: which script learnt from what, how far it came, where, and in what time."""
    script = _text(config.get("script") or run.get("script") or "A run")
    parts = [script, _source(config, run), _progress(config, run)]
    seconds = _number(run.get("seconds"))
    if seconds is not None:
        parts.append(f"in {duration(seconds)}")
    if run.get("device"):
        parts.append(f"on {_text(run['device'])}")
    if run.get("machine"):
        parts.append(f"under {_text(run['machine'])}")
    began = f"; it began {_text(run['started'])}" if run.get("started") else ""
    return " ".join(part for part in parts if part) + f"{began}."


def _source(config, run):
    takes = [take for pair in _list(run.get("takes")) for take in _list(pair)[:1] if isinstance(take, dict)]
    pairs = [[_text(name) for name in _list(pair)] for pair in _list(config.get("mocap_files"))]
    if not pairs:
        return "learnt from recordings that it did not note"
    named = "; ".join(" and ".join(pair) for pair in pairs[:3]) + (" ..." if len(pairs) > 3 else "")
    lengths = [_number(take.get("seconds")) for take in takes]
    rates = [_number(take.get("fps")) for take in takes]
    if lengths and None not in (*lengths, *rates):
        named += f" ({duration(sum(lengths))} of duet at {rates[0]:.5g} frames per second)"
    return f"learnt from {named}"


def _progress(config, run):
    done, planned = _number(run.get("epochs_done")), _number(config.get("epochs"))
    if planned == 0:
        return "before, and only made clips now"
    if done is None or planned is None:
        return "" if planned is None else f"for up to {planned:g} epochs"
    # a run that was cut short has not said so
    state = {"training": " so far", "stopped": ", where it was stopped,"}.get(_text(run.get("state")), "")
    return f"for {done:g} of {planned:g} epochs{state}"


def duration(seconds):
    """A time in words, as "1 h 12 min"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _text(value):
    """What the page may show of a value in a sentence."""
    text = value if isinstance(value, str) else "" if value is None else _plain(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _plain(value):
    return str(value)[: 2 * LONGEST]


def _number(value):
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12
    return value if fits else None


def _list(value):
    return value if isinstance(value, list) else []
