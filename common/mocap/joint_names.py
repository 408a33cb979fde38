"""What the names of joints say: words, and which side of the body a joint is on."""

import re

OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}


def without_namespace(name):
    """A joint's name alone: "LeftArm" of "Anna:LeftArm"."""
    return name.rpartition(":")[2]


def words(name):
    """The words of a joint's name in lower case, without its namespace: ["left", "arm"] of "Anna:LeftArm"."""
    return [match[0].lower() for match in _words(without_namespace(name))]


def side(name):
    """ "left" or "right" if a joint's name says so, as LeftArm, LHipJoint, l_foot, Foot.R or right_knee; else None."""
    match = _side_word(without_namespace(name))
    if match is None:
        return None
    return "left" if match[0][0] in "lL" else "right"


def sides(skeleton):
    """The side of each joint by its name, else of its parent: a list of "left", "right" or None."""
    inherited = []
    for name, parent in zip(skeleton.joint_names, skeleton.parents, strict=True):
        inherited.append(side(name) or (inherited[parent] if parent >= 0 else None))
    return inherited


def other_side(name):
    """The name of the same joint on the other side, without its namespace: "RightArm" of "LeftArm"; None for a joint
    of neither side."""
    name = without_namespace(name)
    match = _side_word(name)
    if match is None:
        return None
    word = next(side for side in OTHER_SIDE if match[0].lower().startswith(side))
    other = OTHER_SIDE[word]
    for case in (str.lower, str.upper, str.capitalize):
        if match[0].startswith(case(word)):
            return name[: match.start()] + case(other) + name[match.start() + len(word) :]
    return None


def _words(name):
    return re.finditer(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)


def _side_word(name):
    """The first word that tells the side. A letter alone does, but for the vertebrae L1 to L5."""
    if re.fullmatch(r"[LlRr]\d+", name):
        return None
    for match in _words(name):
        word = match[0].lower()
        if word in ("l", "r") or word.startswith(("left", "right")):
            return match
    return None
