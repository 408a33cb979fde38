"""Which nodes of a scene are a body: the skeletons of a file, each a tree of joints.

A joint is a node with a limb attribute. Plain nodes between joints are joints too; plain nodes above the first joint
are not, and their motion and scale are folded into the body's. Where a file has no limb node at all, a tree of nodes
that move together is taken for the body: camera trackers and old Biped files write such.
"""

import collections
import dataclasses
import functools

from common.mocap.fbx.scene import LIMBS

SMALL = 4  # a skeleton with fewer joints than the largest one has, divided by this, is a prop or a control
FEWEST_MOVING = 6  # plain nodes that make a body
FEWEST_LEVELS = 3
NO_BODY = ("Camera", "Light", "CameraSwitcher", "Optical", "Marker", "IKEffector", "FKEffector")


@dataclasses.dataclass(eq=False)
class Body:
    """The joints of one body as places in Scene.nodes, parents before children; the first is the root."""

    scene: object
    places: list

    @property
    def name(self):
        """That of the root joint."""
        return self.scene.nodes[self.places[0]].name

    @functools.cached_property
    def above(self):
        """Plain nodes above the root, from the top down."""
        above, place = [], self.scene.nodes[self.places[0]].parent
        while place >= 0:
            above.append(place)
            place = self.scene.nodes[place].parent
        return above[::-1]


def find_bodies(scene):
    """All bodies of a scene in file order, without props; an empty list where there is none."""
    limbs = {place for place, node in enumerate(scene.nodes) if node.kind in LIMBS}
    if limbs:
        trees = _trees(scene, limbs)
    else:
        moving = _moving_nodes(scene)
        trees = _with_ends(scene, [tree for tree in _trees(scene, moving) if _is_body(scene, tree, moving)])
    largest = max(map(len, trees), default=0)
    return [Body(scene, tree) for tree in trees if len(tree) * SMALL >= largest]


def hang_below(scene, name):
    """The places of all nodes that have a node of that name above them."""
    below = set()
    for place, node in enumerate(scene.nodes):  # parents come first
        if node.parent in below or (node.parent >= 0 and scene.nodes[node.parent].name == name):
            below.add(place)
    return below


def _trees(scene, members):
    """The trees that the nodes at the places `members` make, with what lies between them: lists of places, parents
    first."""
    above = set()  # what has a member below it
    for place in members:
        place = scene.nodes[place].parent
        while place >= 0 and place not in above:
            above.add(place)
            place = scene.nodes[place].parent
    trees, tree_of = [], {}
    for place, node in enumerate(scene.nodes):  # parents come first
        if node.parent in tree_of:
            if place in members or place in above:
                tree_of[place] = tree_of[node.parent]
                tree_of[place].append(place)
        elif place in members:
            tree_of[place] = [place]
            trees.append(tree_of[place])
    return trees


def _moving_nodes(scene):
    return {
        place
        for stack in scene.stacks
        for layer in stack.layers
        for (place, name), channel in layer.channels.items()
        if name == "Lcl Rotation"
        and scene.nodes[place].kind not in NO_BODY
        and any(curve is not None and not curve.is_still for curve in channel.curves)
    }


def _is_body(scene, tree, moving):
    levels = {}
    for place in tree:
        levels[place] = levels.get(scene.nodes[place].parent, 0) + 1
    return len(moving.intersection(tree)) >= FEWEST_MOVING and max(levels.values()) >= FEWEST_LEVELS


def _with_ends(scene, trees):
    """The trees with what hangs still below them: children of the same kind, and theirs."""
    tree_of = {place: number for number, tree in enumerate(trees) for place in tree}
    for place, node in enumerate(scene.nodes):  # places go down the tree: parents come first
        if node.parent in tree_of and node.kind == scene.nodes[node.parent].kind:
            tree_of.setdefault(place, tree_of[node.parent])
    longer = [[] for _ in trees]
    for place, number in sorted(tree_of.items()):
        longer[number].append(place)
    return longer


def describe(scene):
    """What a scene without a body holds, in words."""
    kinds = collections.Counter(node.kind or "node" for node in scene.nodes)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(6)) or "no nodes at all"
