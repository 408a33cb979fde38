"""The end of a run, in words: what was trained, how good it is, where the results are, and what to try next."""

from common.runtime import console, files

POOR = 0.7  # of the mean pose's error: a model that is not better by a third says little about the movement
OVERFITTING = 2.0  # times the error on the training part; some difference is to be expected of any model
LITTLE_DATA = 5 * 60  # seconds to train on: fewer hold each figure of a dance a few times at most
FEW_ACTIVE = 1 / 8  # of the latent dimensions, and at least two: one alone is a single slider
RELIABLE = 75.0  # percent of the recordings that a classifier must tell apart before its verdict on others counts
MIXED = 75.0  # percent of codes that a linear probe may tell apart where 50 are guessing
WIDTHS = (48, 8)  # characters of a name, and of a number at least

BEGINNING = "These are the weights with which the run began: no epoch of it has made them better."
NOTHING_HELD_OUT = (
    "Nothing is held out, or no stretch as long as sequence_length, so there is nothing to measure the model by: "
    "see test_percentage and mocap_valid_frame_ranges."
)


def show(measures, folder):
    """Print the figures as a table, and what they say."""
    for row in measures["rows"]:
        moving, joints = row["joints"]["moving"], row["joints"]["all"]
        _show_table(f"{row['conversion']}, held out ({moving} of {joints} joints move)", row["figures"])
    others = [*measures.get("conversion", []), *measures.get("duet", {}).get("figures", [])]
    for figure in others:
        beside = figure["baselines"] | ({} if figure["recording"] is None else {"recording": figure["recording"]})
        beside = ", ".join(f"{name}: {number(value) or '-'}" for name, value in beside.items())
        console.line(f"{figure['name']}: {number(figure['model']) or '-'} {figure['unit']} ({beside})")
    if "latent" in measures:
        console.line("active latent dimensions: {active} of {dimensions}".format(**measures["latent"]))
    for sentence in ("", *measures["summary"], *measures["advice"]):
        console.line(sentence)
    parts = {"the report": "report.html", "the numbers": "histories", "the clips": "anims", "the weights": "weights"}
    results = [(name, folder / place) for name, place in parts.items() if files.holds_something(folder / place)]
    places = [f"{name} in {place}" if place.is_dir() else f"{name}, {place}" for name, place in results]
    console.line(f"You find {', '.join(places)}.")


def _show_table(title, figures):
    """A line per figure: the model, what it should beat, and the recording that it should be like."""
    names = list(dict.fromkeys(name for figure in figures for name in figure["baselines"]))
    heads = ["model", *names, "recording"]
    width, columns = max(WIDTHS[0], len(title)), [max(WIDTHS[1], len(head)) for head in heads]
    console.line(
        f"{title:{width}}" + "".join(f"  {head:>{column}}" for head, column in zip(heads, columns, strict=True))
    )
    for figure in figures:
        numbers = [figure["model"], *(figure["baselines"].get(name) for name in names), figure["recording"]]
        shown = "".join(f"  {number(value):>{column}}" for value, column in zip(numbers, columns, strict=True))
        console.line(f"{figure['name']:{width}}{shown}  {figure['unit']}")
    console.line("")


def number(value):
    """A figure with as many digits as mean something; nothing where there is none."""
    if value is None or value != value:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def sentences(measures):
    """What was trained and how good it is, a list of sentences."""
    trained, held_out = (_duration(measures[f"{part}_seconds"]) for part in ("training", "held_out"))
    epoch = measures["epoch"]
    epochs = "1 epoch" if epoch == 1 else f"{epoch} epochs"
    lines = [f"{epochs} of training on {trained} of the duet." if epoch else BEGINNING]
    if not measures["rows"]:
        return [*lines, NOTHING_HELD_OUT]
    lines[0] = lines[0][:-1] + f"; {held_out} at the ends of the frame ranges were held out."
    lines += [_quality(row) for row in _compared(measures)]
    if "conversion" in measures:
        accuracy, *shares = (figure["model"] for figure in measures["conversion"][:3])
        lines.append(
            f"A classifier that tells the recorded dancers apart in {accuracy:.0f} % takes {shares[0]:.0f} % of dancer "
            f"1's converted windows for dancer 2, and {shares[1]:.0f} % of dancer 2's for dancer 1."
        )
    return lines


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def _quality(row):
    """One plain sentence on a conversion beside its baselines."""
    degrees, centimetres = _main_figures(row)
    sentence = (
        f"On held-out motion the moving joints of dancer {row['target']} are off by {degrees['model']:.1f}° and "
        f"{centimetres['model']:.1f} cm on average"
    )
    for name, error in degrees["baselines"].items():
        verb = "is" if name.startswith("mean pose") else "would be"
        sentence += f"; the {name} {verb} off by {error:.1f}° and {centimetres['baselines'][name]:.1f} cm"
    return sentence.replace("the copy dancer", "copying dancer") + "."


def _main_figures(row):
    """The rotation error and the position error of the moving joints."""
    figures = {figure["name"]: figure for figure in row["figures"]}
    return figures["rotation error, moving joints"], figures["position error, moving joints"]


def _compared(measures):
    """The rows that were compared with a recording in which joints move."""
    return [row for row in measures["rows"] if "per_joint" in row and row["joints"]["moving"]]


def advice(measures):
    """What to try next where the figures are poor, a list of sentences; empty where they are not."""
    poor_rows = [row for row in _compared(measures) if _is_poor(row)]
    if not poor_rows:
        return _from_the_conversion(measures)
    lines = [*_from_the_latent(measures), *_from_the_training(poor_rows), *_from_the_data(measures)]
    return lines or ["More epochs may help: the model is hardly better than a pose that stands still."]


def _is_poor(row):
    errors, _ = _main_figures(row)
    return errors["model"] > POOR * errors["baselines"][f"mean pose of dancer {row['target']}"]


def _from_the_latent(measures):
    latent = measures.get("latent")
    if latent and latent["active"] < max(2, FEW_ACTIVE * latent["dimensions"]):
        yield (
            f"Few latent dimensions are active, {latent['active']} of {latent['dimensions']}: more epochs, or a "
            f"smaller max_kld_scale, make room for more."
        )


def _from_the_training(rows):
    for row in rows:
        held_out, training = _main_figures(row)[0]["model"], (row.get("training") or {}).get("degrees")
        if training and held_out > OVERFITTING * training:
            yield (
                f"{row['conversion'].capitalize()}: overfitting: the error on the training part is far smaller than on "
                f"the held-out part, {training:.1f}° and {held_out:.1f}°; the model fits its recordings, and new "
                f"movement less. More recordings help, fewer epochs, or a smaller ae_rnn_layer_size."
            )


def _from_the_data(measures):
    if measures["training_seconds"] < LITTLE_DATA:
        yield (
            f"There are only {_duration(measures['training_seconds'])} to train on: record more, at least "
            f"{LITTLE_DATA // 60} minutes, with every kind of movement that you want to see more than once."
        )


def _from_the_conversion(measures):
    """Where the dancers can be told apart, but the conversion looks like its source."""
    if "conversion" not in measures:
        return []
    accuracy, *shares = (figure["model"] for figure in measures["conversion"][:3])
    probe = measures["conversion"][-1]["model"]
    dancers = ("dancer 1's", "dancer 2's")
    sources = [dancer for dancer, share in zip(dancers, shares, strict=True) if share < 50]
    if accuracy < RELIABLE or not sources:
        return []
    remark = "" if probe < MIXED else f" The codes still tell who danced ({probe:.0f} % right by a linear probe)."
    return [
        f"What is made of {' and of '.join(sources)} movement looks like its source more often than not.{remark} More "
        f"epochs, a larger max_kld_scale or a smaller latent_dim leave less of the source dancer in the codes."
    ]
