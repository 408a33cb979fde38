"""What the names of a run's clips say, and which of them belong side by side on the stage."""

import re

LONGEST = 80  # characters of a title
LATENT = {
    "rec_sequences": ("As decoded", "the same, as the latent experiments have it"),
    "seq_randwalk": ("Random walk", "dancer 2, a walk through the latent space"),
    "seq_offset": ("Sine", "dancer 2, the codes of the clip swung to and fro"),
    "seq_mix": ("Cross-fade", "dancer 2, from the codes of one stretch to another's"),
}


def role(name):
    """What a clip is, by its name: kind, source, and the dancer, 0 or 1, whose body moves."""
    found = re.match(r"orig_sequence_dancer([12])", name)
    if found:
        dancer = int(found[1]) - 1
        return {"kind": "recorded", "source": dancer, "dancer": dancer}
    found = re.match(r"pred_sequence_dancer([12])_to_dancer([12])", name)
    if found:
        return {"kind": "converted", "source": int(found[1]) - 1, "dancer": int(found[2]) - 1}
    found = re.match(r"applied_.+_dancer([12])_to_dancer([12])_epoch", name)
    if found:
        return {"kind": "applied", "source": int(found[1]) - 1, "dancer": int(found[2]) - 1}
    if name.startswith("pred_sequence_dancer2"):
        return {"kind": "translated", "source": 0, "dancer": 1}
    return {"kind": next((kind for kind in LATENT if name.startswith(kind)), "other"), "source": 0, "dancer": 1}


def epoch(name):
    """After how many epochs a clip was made, by its name; 0 for none."""
    found = re.search(r"_epoch_(\d{1,9})(?!\d)", name)
    return int(found[1]) if found else 0


def add_titles(clips):
    """Give every clip a title, a line of explanation, and the clip that it can be compared with, -1 for none."""
    recorded, several = {}, len({epoch(clip["name"]) for clip in clips} - {0}) > 1
    for place, clip in enumerate(clips):
        clip["title"], clip["about"] = _title(clip)
        if clip["kind"] == "recorded":
            recorded.setdefault((clip["dancer"], *_stretch(clip["name"])), place)
        elif several:
            clip["about"] += f", after {epoch(clip['name'])} epochs"
    for clip in clips:
        again = clip["kind"] == "translated" or (clip["kind"] == "converted" and clip["source"] == clip["dancer"])
        clip["compare"] = recorded.get((clip["dancer"], *_stretch(clip["name"])), -1) if again else -1


def _stretch(name):
    """Which frames a clip shows, by its name."""
    return re.findall(r"seq_start_(\d+)_length_(\d+)", name)


def _title(clip):
    source, dancer = clip["source"] + 1, clip["dancer"] + 1
    if clip["kind"] == "recorded":
        return f"Dancer {dancer}", "recorded"
    if clip["kind"] == "translated":
        return "Dancer 2, generated", "as the model answers dancer 1"
    if clip["kind"] == "converted" and source == dancer:
        return f"Dancer {dancer} again", f"dancer {dancer}'s movement, encoded and decoded as dancer {dancer}"
    if clip["kind"] == "converted":
        return f"Dancer {source} as dancer {dancer}", f"dancer {source}'s movement as dancer {dancer} would move it"
    if clip["kind"] == "applied":
        recording = re.match(r"applied_(.+)_dancer\d_to_dancer\d_epoch", clip["name"])[1]
        return f"{recording[:LONGEST]}, as dancer {dancer}", f"a new recording of dancer {source}, converted"
    if clip["kind"] in LATENT:
        return LATENT[clip["kind"]]
    return clip["name"][:LONGEST].replace("_", " "), "a motion file of the folder"


def presets(clips):
    """What to look at, each with the clips and how they stand: [{"title", "clips", "beside", "in_place"}, ...]."""
    at = {}
    for place, clip in enumerate(clips):
        at.setdefault((clip["kind"], clip["source"], clip["dancer"]), place)
    first, second = at.get(("recorded", 0, 0)), at.get(("recorded", 1, 1))
    found = [("The recorded duet", (first, second), False, False)]
    answer = at.get(("translated", 0, 1))
    found.append(("Dancer 1 with the generated dancer 2", (first, answer), False, False))
    found.append(("Dancer 2, recorded and generated", (second, answer), True, True))
    for source, target in ((0, 1), (1, 0)):
        own, other = (first, second) if source == 0 else (second, first)
        conversion = at.get(("converted", source, target))
        title = f"Dancer {source + 1} as dancer {target + 1}"
        found.append((f"{title}, with its source", (own, conversion), True, True))
        found.append((f"{title}, with the recorded dancer {target + 1}", (conversion, other), False, False))
    for dancer, own in ((0, first), (1, second)):
        again = at.get(("converted", dancer, dancer))
        found.append((f"Dancer {dancer + 1}, recorded and again", (own, again), True, True))
    newest = max((epoch(clip["name"]) for clip in clips), default=0)
    experiments = tuple(
        place for place, clip in enumerate(clips) if clip["kind"] in LATENT and epoch(clip["name"]) == newest
    )
    if len(experiments) > 1:
        found.append(("Latent experiments", experiments, True, True))
    whole = [preset for preset in found if None not in preset[1] and preset[1]]
    if not whole:
        whole = [("All clips", tuple(range(len(clips)))[:4], len(clips) > 1, len(clips) > 1)]
    shown = []
    for title, places, beside, in_place in whole:
        still = len(places) > 1 and all(clips[place]["still"] for place in places)  # they would stand inside each other
        how = {"beside": beside or still, "in_place": in_place or still}
        shown.append({"title": title, "clips": list(places), **how})
    return shown
