"""How the page calls clips, and which of them belong side by side on the stage."""

from common.dataset.clip import (
    APPLIED,
    CONVERTED,
    CROSS_FADE,
    DECODED,
    EXPERIMENTS,
    RANDOM_WALK,
    RECORDED,
    SINE_OFFSET,
    TRANSLATED,
)

LONGEST = 80  # characters of a title
EXPERIMENT_TITLES = {
    DECODED: ("As decoded", "the same, as the latent experiments have it"),
    RANDOM_WALK: ("Random walk", "dancer 2, a walk through the latent space"),
    SINE_OFFSET: ("Sine", "dancer 2, the codes of the clip swung to and fro"),
    CROSS_FADE: ("Cross-fade", "dancer 2, from the codes of one stretch to another's"),
}


def titles(clips):
    """For each Clip its title, a line of explanation, and the place of the recording that it can be compared with, −1
    for none: [{"title", "about", "compare"}, ...]."""
    several_epochs = len({clip.epoch for clip in clips} - {0}) > 1
    recordings = {}
    for place, clip in enumerate(clips):
        if clip.kind == RECORDED:
            recordings.setdefault((clip.dancer, clip.stretch), place)
    named = []
    for clip in clips:
        title, about = _title(clip)
        if several_epochs and clip.kind != RECORDED:
            about += f", after {clip.epoch} epochs"
        has_recording = clip.kind == TRANSLATED or (clip.kind == CONVERTED and clip.source == clip.dancer)
        compare = recordings.get((clip.dancer, clip.stretch), -1) if has_recording else -1
        named.append({"title": title, "about": about, "compare": compare})
    return named


def _title(clip):
    source, dancer = clip.source + 1, clip.dancer + 1
    if clip.kind == RECORDED:
        return f"Dancer {dancer}", "recorded"
    if clip.kind == TRANSLATED:
        return "Dancer 2, generated", "as the model answers dancer 1"
    if clip.kind == CONVERTED and source == dancer:
        return f"Dancer {dancer} again", f"dancer {dancer}'s movement, encoded and decoded as dancer {dancer}"
    if clip.kind == CONVERTED:
        return f"Dancer {source} as dancer {dancer}", f"dancer {source}'s movement as dancer {dancer} would move it"
    if clip.kind == APPLIED:
        return f"{clip.recording[:LONGEST]}, as dancer {dancer}", f"a new recording of dancer {source}, converted"
    if clip.kind in EXPERIMENTS:
        return EXPERIMENT_TITLES[clip.kind]
    return clip.name[:LONGEST].replace("_", " "), "a motion file of the folder"


def presets(clips, still):
    """What to look at, the Clips by their places and how they stand: [{"title", "clips", "beside", "in_place"}, ...].
    `still` says of each clip whether it stays in one place."""
    first_places = {}
    for place, clip in enumerate(clips):
        first_places.setdefault((clip.kind, clip.source, clip.dancer), place)
    first, second = recordings = [first_places.get((RECORDED, dancer, dancer)) for dancer in (0, 1)]
    translated = first_places.get((TRANSLATED, 0, 1))
    choices = [
        ("The recorded duet", (first, second), False),
        ("Dancer 1 with the generated dancer 2", (first, translated), False),
        ("Dancer 2, recorded and generated", (second, translated), True),
    ]
    for source, target in ((0, 1), (1, 0)):
        converted = first_places.get((CONVERTED, source, target))
        title = f"Dancer {source + 1} as dancer {target + 1}"
        choices.append((f"{title}, with its source", (recordings[source], converted), True))
        choices.append((f"{title}, with the recorded dancer {target + 1}", (converted, recordings[target]), False))
    for dancer, recording in enumerate(recordings):
        reconstruction = first_places.get((CONVERTED, dancer, dancer))
        choices.append((f"Dancer {dancer + 1}, recorded and again", (recording, reconstruction), True))
    newest = max((clip.epoch for clip in clips), default=0)
    experiments = [place for place, clip in enumerate(clips) if clip.kind in EXPERIMENTS and clip.epoch == newest]
    if len(experiments) > 1:
        choices.append(("Latent experiments", experiments, True))
    complete = [choice for choice in choices if None not in choice[1]]
    if not complete:
        complete = [("All clips", range(len(clips))[:4], len(clips) > 1)]
    shown = []
    for title, places, beside in complete:
        beside = beside or (len(places) > 1 and all(still[place] for place in places))  # else they overlap
        shown.append({"title": title, "clips": list(places), "beside": beside, "in_place": beside})
    return shown
