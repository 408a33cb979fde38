"""The words of a BVH file's hierarchy: keywords, names, numbers, channels."""

import math
import re

from common.mocap.bvh.channels import CHANNEL_NAMES
from common.runtime.errors import InputError

LONGEST_NAME = 20_000  # characters; End Sites repeat their parent's
WORD = re.compile(r"\s*([{}]|[^\s{}]+)\s*")
BODY = re.compile(r"\{(?=\s*(?:(?:OFFSET|CHANNELS|JOINT|END)\b|\}))", re.IGNORECASE)  # a joint's, on its name's line
SITE = re.compile(r"(?:Site\w*\s*)?", re.IGNORECASE)


class Words:
    """The header word by word, with line numbers; a name is the rest of its line, blanks and all."""

    def __init__(self, path, lines):
        self.path, self.lines, self.at, self.line, self.column = path, lines, 0, lines[0].rstrip(), 0

    def fail(self, message):
        raise InputError(f"{self.path}, line {self.at + 1}: {message}. Export the recording again.")

    def more(self):
        while self.column >= len(self.line) and self.at + 1 < len(self.lines):
            self.at += 1
            self.line, self.column = self.lines[self.at].rstrip(), 0
        return self.column < len(self.line)

    def word(self):
        if not self.more():
            self.fail("the hierarchy ends too early")
        match = WORD.match(self.line, self.column)
        self.column = match.end()
        return match[1]

    def keyword(self):
        word = self.word()
        if word.upper() == "END":  # also `End Site20`, and an end with a name
            self.column = SITE.match(self.line, self.column).end()
        return word if word in "{}" else word.upper()

    def expect(self, expected):
        if (word := self.word()).upper() != expected:
            self.fail(f"expected {expected!r}, found {word[:30]!r}")

    def name(self):
        """The rest of the line, up to the brace that opens the joint. A brace at the end of the line is the joint's,
        unless it is glued to the name and another one follows."""
        if body := BODY.search(self.line, self.column):
            name, self.column = self.line[self.column : body.start()].rstrip(), body.start()
        else:
            name, self.column = self.line[self.column :], len(self.line)
            stem = name[:-1].rstrip()
            if name.endswith("{") and (not stem or stem != name[:-1] or not self._brace_follows()):
                name, self.line, self.column = stem, "{", 0
        if len(name) > LONGEST_NAME:
            self.fail(f"a name has at most {LONGEST_NAME} characters, not {len(name)}")
        return name

    def _brace_follows(self):
        following = (self.lines[at].strip() for at in range(self.at + 1, len(self.lines)))
        return next((line for line in following if line), "").startswith("{")

    def number(self):
        word = self.word()
        try:
            value = float(word.replace(",", ".", 1))  # a decimal comma
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.fail(f"expected a number, found {word[:30]!r}")
        return value

    def channels(self):
        count = self.number()
        if not 0 <= count <= len(CHANNEL_NAMES) or count != int(count):
            self.fail(f"a joint has 0 to {len(CHANNEL_NAMES)} channels, not {count:g}")
        names = []
        for word in (self.word() for _ in range(int(count))):
            name = CHANNEL_NAMES.get(word.lower())
            if name is None:
                self.fail(f"unknown channel {word[:30]!r}; known are {', '.join(CHANNEL_NAMES.values())}")
            if name in names:
                self.fail(f"a joint has the channel {name} twice")
            names.append(name)
        return names
