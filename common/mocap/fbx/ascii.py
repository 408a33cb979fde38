"""The text encoding of FBX, versions 6.1 and 7.x, into the same tree as the binary one.

    Name: value, value {        ; a comment
        Child: "text", 1.5
        KeyTime: *3 {
            a: 0,1,2
        }
    }

A list of values goes on in the next line where a comma ends the one line or starts the other, or where the next line
starts with what can only be a value: some exporters break their lists of keys anywhere.
"""

import itertools
import re
import string
import warnings

from common.mocap.fbx.container import MAX_DEPTH, DamagedError, Node

import numpy as np

BLANK = re.compile(r"(?:\s+|;[^\n]*)*")
NAME = re.compile(r"([^\s:;\"{},]+)[^\S\n]*:")
ITEM = r"(?:\"[^\"]*\"|[^\s\",:;{}]+)"
VALUE = r"(?:\"[^\"]*\"|[-+.0-9][^\s\",:;{}]*|[A-Za-z])"  # what at the start of a line is no name of a node
NO_NAME = r"(?=[\s\",:;{}]|\Z)(?![^\S\n]*:)"
FIRST, NEXT = re.compile(rf"[^\S\n]*({ITEM})?"), re.compile(rf"\s*,(?:\s*({ITEM}){NO_NAME})?")
WRAPPED = re.compile(rf"[^\S\n]*\n\s*({VALUE}){NO_NAME}")
PLAIN = re.compile(r"[-+.0-9A-Za-z,\s]*", re.ASCII)  # what lists of numbers and letters are made of
WORD, NUMBER_OR_LETTER = re.compile(r"[^\s,]+"), re.compile(r"[-+.0-9]\S*|[A-Za-z]")
LONG = 400  # characters; a longer list of numbers and letters is kept as an array
ESCAPES = {"&quot;": '"', "&cr;": "\r", "&lf;": "\n"}
ESCAPE = re.compile("|".join(ESCAPES))
COMMA, LETTER, DIGIT = ord(","), 1, 2
KINDS = np.zeros(128, np.uint8)  # of characters; what is 0 stands between items, or before a number
KINDS[[ord(c) for c in string.ascii_letters]] = LETTER
KINDS[[ord(c) for c in string.digits + ".+-"]] = DIGIT


class TextArray:
    """An array as it stands in a text file. `count` is the file's own word for it."""

    __slots__ = ("cache", "count", "text")

    def __init__(self, text, count, cache):
        self.text, self.count, self.cache = text, count, cache

    def unpack(self):
        """(count,) numbers: int64 where all are whole, else float64. Equal texts give the same array."""
        if self.text not in self.cache:
            self.cache[self.text] = self._parse()
        numbers = self.cache[self.text]
        if self.count != len(numbers):
            raise DamagedError(f"an array says it has {self.count} numbers and has {len(numbers)}")
        return numbers

    def tokens(self):
        """Numbers and letters mixed: (numbers (N,), letters (N,)), as `Node.tokens` has them.

        Each letter becomes a 0, then all numbers are read at once.
        """
        characters = np.frombuffer(f",{self.text},".encode("ascii", "replace"), np.uint8)
        kinds = KINDS[np.minimum(characters, 127)]
        places = np.flatnonzero(kinds == LETTER)
        in_number = (kinds[places - 1] == DIGIT) & np.isin(characters[places], (ord("e"), ord("E")))
        places = places[~in_number]
        if kinds[places - 1].any() or kinds[places + 1].any():
            raise DamagedError(f"a list holds words among its numbers, after {self.text[:30].strip()!r}")
        cleaned = characters[1:-1].copy()
        cleaned[places - 1] = ord("0")
        numbers = _numbers(cleaned.tobytes(), np.float64)
        letters = np.zeros(len(numbers), np.uint8)
        letters[np.searchsorted(np.flatnonzero(characters == COMMA), places) - 1] = characters[places]
        return numbers, letters

    def _parse(self):
        is_whole = not any(mark in self.text for mark in ".eEnN#")
        return _numbers(self.text, np.int64 if is_whole else np.float64)


def _numbers(text, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how some NumPy versions report what is no number
        try:
            return np.fromstring(text, dtype, sep=",")
        except (DeprecationWarning, ValueError, OverflowError):
            raise DamagedError(f"an array holds what is no number, after {str(text[:30]).strip()!r}") from None


def parse_ascii(text):
    """The text of an ASCII FBX file -> root Node. Raises DamagedError."""
    return _Text(text).parse()


class _Text:
    def __init__(self, text):
        self.text, self.at, self.cache = text, 0, {}

    def fail(self, message):
        line = self.text.count("\n", 0, self.at) + 1
        raise DamagedError(f"line {line}: {message}")

    def blank(self):
        self.at = BLANK.match(self.text, self.at).end()

    def next_is(self, mark):
        """Step over `mark` if it stands here."""
        is_here = self.text.startswith(mark, self.at)
        self.at += is_here
        return is_here

    def parse(self):
        children = self.nodes(0)
        if self.at < len(self.text):
            self.fail("a closing brace too many")
        return Node("", [], children)

    def nodes(self, depth):
        """The nodes up to a closing brace or the end of the text."""
        if depth > MAX_DEPTH:
            self.fail(f"the braces nest deeper than {MAX_DEPTH}")
        nodes = []
        while True:
            self.blank()
            if self.at >= len(self.text) or self.text[self.at] == "}":
                return nodes
            nodes.append(self.node(depth))

    def node(self, depth):
        name = NAME.match(self.text, self.at)
        if not name:
            self.fail(f"expected 'name:', found {self.text[self.at : self.at + 20]!r}")
        self.at = name.end()
        values = self.values()
        node = Node(name[1], values, [])
        after_values = self.at
        self.blank()
        if self.next_is("{"):
            node.children = self.nodes(depth + 1)
            if not self.next_is("}"):
                self.fail(f"the text ends within {name[1]}")
            self._fold_array(node)
        elif "\n" not in self.text[after_values : self.at] and self.at < len(self.text) and self.text[self.at] != "}":
            self.fail(f"expected the end of the line, found {self.text[self.at : self.at + 20]!r}")
        return node

    def values(self):
        if (items := self._long_list()) is not None:
            return [TextArray(items, items.count(",") + 1, self.cache)]
        values = []
        match = FIRST.match(self.text, self.at)
        while match:  # one expression for the whole list would keep a state for backtracking per item
            if match[1]:
                values.append(_value(match[1]))
            self.at = match.end()
            match = NEXT.match(self.text, self.at) or WRAPPED.match(self.text, self.at)
        return values

    def _long_list(self):
        """Step over the list that starts here, if it is long and holds nothing but numbers and letters, and give its
        text, with a comma between all items; else None."""
        run = PLAIN.match(self.text, self.at)[0]
        comma = run.rfind(",")
        if len(run) <= LONG or comma < 0:
            return None
        after = self.text[self.at + len(run) : self.at + len(run) + 1]
        words = list(WORD.finditer(run, comma + 1))
        if after not in ("", "}", ";") and run[-1:].strip():
            words = words[:-1]  # it goes on behind the run: the name of the next node
        wrapped = itertools.takewhile(lambda word: NUMBER_OR_LETTER.fullmatch(word[0]), words[1:])
        end = [comma, *(word.end() for word in (*words[:1], *wrapped))][-1]
        if end <= LONG:
            return None
        self.at += max(end, comma + 1)
        return _joined(run[:end])

    def _fold_array(self, node):
        """`Name: *3 { a: 0,1,2 }` holds an array, as the binary encoding has it in one value."""
        declared = node.values[0] if len(node.values) == 1 and isinstance(node.values[0], str) else ""
        if not re.fullmatch(r"\*\d{1,12}", declared):
            return
        node.values = [TextArray(self._array_text(node), int(declared[1:]), self.cache)]
        node.children = []

    def _array_text(self, node):
        items = node.child("a").values if node.child("a") else []
        if len(items) == 1 and isinstance(items[0], TextArray):
            return items[0].text
        return ",".join(str(item) for item in items)


def _joined(items):
    """A list without its line ends; these stand for commas where there are none."""
    if "\n" not in items:
        return items
    lines = [line for line in map(str.strip, items.split("\n")) if line]
    breaks = ("" if a.endswith(",") or b.startswith(",") else "," for a, b in itertools.pairwise(lines))
    return "".join(itertools.chain.from_iterable(zip(lines, itertools.chain(breaks, [""]), strict=False)))


def _value(item):
    """One value: text in quotes, a number, or a bare word."""
    if item.startswith('"'):
        return ESCAPE.sub(lambda match: ESCAPES[match[0]], item[1:-1])
    if item.isalpha() and item.lower() not in ("nan", "inf", "infinity"):
        return item
    try:
        integer = int(item)
        return integer if abs(integer) < 2**63 else float(item)  # as infinite as it gets: no field holds more
    except ValueError:
        pass
    try:
        return float(item)
    except ValueError:
        return item
