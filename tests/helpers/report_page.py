"""Reads a report as a browser would, without one: its policy, its scripts, its data, and the motion in them."""

import base64
import hashlib
import json
from html.parser import HTMLParser

import numpy as np


class Page(HTMLParser):
    """`tags` are all tags with their attributes, `scripts` the texts of the scripts, `data` what the page shows."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.scripts, self.styles, self.words, self.inside = [], [], [], [], None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.data = next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == "data")
        self.policy = next(a["content"] for tag, a in self.tags if a.get("http-equiv") == "Content-Security-Policy")

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag if tag in ("script", "style") else None
        if self.inside:
            (self.scripts if tag == "script" else self.styles).append((dict(attributes), ""))

    def handle_data(self, data):
        if self.inside:
            texts = self.scripts if self.inside == "script" else self.styles
            texts[-1] = texts[-1][0], texts[-1][1] + data
        else:
            self.words.append(data)

    def handle_endtag(self, tag):
        self.inside = None

    def check_policy(self):
        """Nothing may run or load but what the page holds, and that is what its policy names."""
        rules = dict(rule.strip().split(" ", 1) for rule in self.policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["img-src"] == "data:"
        workers = {"worker-src"} if self.data["model"] else set()
        assert (
            rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"} | workers
        )
        assert rules.get("worker-src", "blob:") == "blob:"
        kinds = [attributes.get("type", "code") for attributes, _ in self.scripts]
        code = [text for kind, (_, text) in zip(kinds, self.scripts, strict=True) if kind == "code"]
        assert kinds.count("application/json") == 1
        assert kinds.count("text/plain") == len((self.data["model"] or {"decoders": []})["decoders"])
        assert len(kinds) == len(code) + kinds.count("application/json") + kinds.count("text/plain")
        assert rules["script-src"].split() == [_hash(text) for text in code]
        assert rules["style-src"].split() == [_hash(text) for _, text in self.styles]
        assert not [
            (tag, a) for tag, a in self.tags if tag in ("link", "iframe", "img", "base", "object") or "src" in a
        ]
        assert not [a for _, a in self.tags if "style" in a or any(name.startswith("on") for name in a)]

    def positions(self, number):
        """Joint positions of a clip (F, J, 3) in cm, as the page says them."""
        clip = self.data["motion"]["clips"][number]
        joints = len(self.data["motion"]["skeletons"][clip["skeleton"]]["names"])
        path = np.frombuffer(base64.b64decode(clip["path"]), "<f4").reshape(-1, 1, 3)
        around = np.frombuffer(base64.b64decode(clip["joints"]), "<i2").reshape(-1, joints, 3)
        assert len(path) == len(around) == clip["frames"]
        return path + around.astype(float) * clip["scale"]

    def number(self, start):
        """The number of the clip whose name begins so."""
        names = [clip["name"] for clip in self.data["motion"]["clips"]]
        return next(number for number, name in enumerate(names) if name.startswith(start))


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
