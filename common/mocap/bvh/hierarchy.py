"""The hierarchy of a BVH file: its joints, one list for every ROOT."""

from common.mocap.bvh.channels import end_site_name
from common.mocap.bvh.words import Words

MOST_JOINTS = 3000


def parse_hierarchy(path, lines):
    """One list of joints per ROOT; a joint is a dict of name, parent, offset, channels and end_site."""
    roots, open_joints = [], []
    words = Words(path, lines)
    words.expect("HIERARCHY")
    while words.more():
        keyword = words.keyword()
        if keyword in ("ROOT", "JOINT", "END"):
            _open_joint(words, keyword, roots, open_joints)
        elif keyword == "}":
            if not open_joints:
                words.fail("a closing brace too many")
            if roots[-1][open_joints.pop()]["offset"] is None:
                words.fail("the joint that ends here has no OFFSET")
        elif not open_joints:
            words.fail(f"expected ROOT, found {keyword[:30]!r}")
        elif keyword == "OFFSET":
            roots[-1][open_joints[-1]]["offset"] = [words.number() for _ in range(3)]
        elif keyword == "CHANNELS":
            joint = roots[-1][open_joints[-1]]
            if joint["channels"]:
                words.fail("the joint has CHANNELS already")
            joint["channels"] = words.channels()
            joint["end_site"] &= not joint["channels"]  # an end that moves is a joint
        else:
            words.fail(f"expected JOINT, End Site, OFFSET, CHANNELS or a brace, found {keyword[:30]!r}")
    if open_joints:
        words.fail(f"{len(open_joints)} closing brace(s) missing before MOTION")
    if not roots:
        words.fail("no ROOT joint")
    return roots


def _open_joint(words, keyword, roots, open_joints):
    """Read a ROOT, JOINT or End Site up to its opening brace."""
    if (keyword == "ROOT") == bool(open_joints):
        words.fail("a ROOT stands alone, and JOINT and End Site inside the braces of another joint")
    if keyword == "ROOT":
        roots.append([])
    joints = roots[-1]
    if len(joints) >= MOST_JOINTS:
        words.fail(f"a body has at most {MOST_JOINTS} joints")
    parent = open_joints[-1] if open_joints else -1
    if open_joints and joints[parent]["end_site"]:
        words.fail("an End Site holds no further joints")
    name = words.name()
    if keyword == "END":
        earlier = sum(joint["end_site"] and joint["parent"] == parent for joint in joints)
        name = end_site_name(joints[parent]["name"], earlier)
    elif not name:
        words.fail(f"{keyword} has no name")
    joints.append({"name": name, "parent": parent, "offset": None, "channels": [], "end_site": keyword == "END"})
    open_joints.append(len(joints) - 1)
    words.expect("{")
