"""What dancer 2 most likely answers to dancer 1's movement: a regression that the models of a translation start as.

Which way a duet faces in the room changes nothing else of it. So a window is taken apart into the lead, which is where
dancer 1 faces, and the answer, which is dancer 2's window as seen from there. The answer follows from what dancer 1's
joints do below the one that turns the body, by kernel ridge regression (Saunders, Gammerman & Vovk, "Ridge regression
learning algorithm in dual variables", ICML 1998): what was answered to similar movements, and the mean of all answers
where nothing is similar.

A mean of rotations that lie all around the circle is taken of q·qᵀ, which is one for q and −q, and is brought back by
its largest eigenvector (Markley et al., "Averaging Quaternions", Journal of Guidance, Control, and Dynamics 30(4),
2007). The rotation of the joint that turns dancer 2 is such; all other joints stay near their mean, and are taken as
quaternions of its sign.

Shapes: W windows, L frames of a window, J joints, D pose_dim, K cosines, F features, Z numbers of an answer.
"""

import dataclasses

from common.motion import kinematics, quaternion
from common.motion.axes import up_vector
from common.training.warm_start import motion_basis

import torch

FEATURES = 64  # numbers that describe dancer 1's movement
LINEAR = 0.3  # how much of the kernel is a line, which goes on where nothing is similar
NEAR = (0.5, 1.0, 2.0)  # over the median of all squared distances, tried: 2 takes only what is nearer for similar
STRENGTHS = (0.3, 1.0, 3.0)  # of the penalty, tried
PARTS = 5  # of the training part, each to be told from the others
OPPOSITE = 0.5  # along the mean rotation, or against it: a quaternion that is of the other sign, not another rotation
FEW = 0.005  # of the windows
SLIGHT = 1e-3  # of the largest deviation: what varies less is left out of an answer
ROWS, COLUMNS = torch.triu_indices(4, 4)
TWICE = torch.where(ROWS == COLUMNS, 1.0, 2**0.5)  # what stands twice in a symmetric matrix


@dataclasses.dataclass
class Body:
    """How a dancer's poses fall into the joint that turns the body, and the rest."""

    joint: int
    above: torch.Tensor  # (4,) the mean rotation, in the room, of what that joint hangs from
    rest: torch.Tensor  # the other joints; of dancer 1 those that an answer is found by
    weights: torch.Tensor  # (J,) how much the rotation of a joint counts

    def turned(self, windows):
        """The rotation that turns the body, in the room: (W, L, D) -> (W, L, 4)."""
        turns = windows.unflatten(-1, (-1, 4))[:, :, self.joint]
        return quaternion.mul(self.above.expand_as(turns), turns)


def find_body(windows, skeleton, weights, is_asked):
    """The Body of a dancer's windows (W, L, D): of the joints from the root to the hips, the one that turns most."""
    rotations = windows.unflatten(-1, (-1, 4))  # (W, L, J, 4)
    frames = rotations.flatten(0, 1)
    mean = quaternion.mean_rotation(quaternion.scatter(frames))
    spine = [kinematics.hips(skeleton)]
    while skeleton.parents[spine[0]] >= 0:
        spine.insert(0, int(skeleton.parents[spine[0]]))
    off = quaternion.angle_degrees(mean[spine], frames[:, spine]).mean(dim=0)
    joint = spine[int(off.argmax())]
    parent = int(skeleton.parents[joint])
    above = kinematics.world_rotation(mean[None], skeleton.parents, parent)[0] if parent >= 0 else torch.eye(4)[0]
    left_out = {joint}
    if not is_asked:  # what an encoder reads is the poses' own signs, which some joints have changed on the way
        along = (rotations * mean).sum(-1).mean(dim=1)  # (W, J)
        both = ((along < -OPPOSITE).float().mean(0) > FEW) & ((along > OPPOSITE).float().mean(0) > FEW)
        left_out = {*spine, *both.nonzero().flatten().tolist()}
    rest = [each for each in range(skeleton.joint_count) if each not in left_out] or [joint]
    return Body(joint, above, torch.tensor(rest), weights.view(-1, 4)[:, 0])


class ResponseRegression:
    """The regression: `lead` and `features` say of dancer 1's windows where it faces and what the answer depends on,
    `codes` what is answered, and `windows` makes dancer 2's windows of lead and codes."""

    def __init__(self, seen, asked, starts, skeletons, weights, up_axis, code_count):
        """Recorded windows of dancer 1 and 2, (W, L, D) both, in order of their first frames `starts` (W,); weights
        (D,) of each dancer, as movements.joint_weights."""
        self.bodies = [
            find_body(windows, skeleton, weight, is_asked)
            for windows, skeleton, weight, is_asked in zip(
                (seen, asked), skeletons, weights, (False, True), strict=True
            )
        ]
        self.up = torch.cat((torch.zeros(1), up_vector(up_axis)))
        self.forward = _forward(self.bodies[0].turned(seen), self.up)
        self._find_features(seen)
        lead, self.known = self.lead(seen), self.features(seen)
        self.lengths = lead.norm(dim=1, keepdim=True)
        self._find_codes(asked, lead, code_count)
        self._learn(self._as_codes(asked, lead), starts, seen.shape[1])

    def lead(self, windows):
        """Where dancer 1 faces, (W, L, D) -> (W, 2): cosine and sine of half the angle about the up axis, as means over
        the window. They are linear in the poses, and shorter than 1 where dancer 1 turns fast."""
        mean = self.bodies[0].turned(windows).mean(dim=1)
        return torch.stack((mean @ self.forward, mean @ quaternion.mul(self.up, self.forward)), dim=1)

    def features(self, windows):
        """What the answer depends on, (W, L, D) -> (W, F): principal movements of the joints below the one that turns
        the body, so that all together have the variance 1."""
        cosine, component = self.moves.chosen.T
        return self.moves.coefficients(self._rest(windows))[:, cosine, component] / self.size

    def codes(self, features):
        """The most likely answers, (W, F) -> (W, Z); Z numbers of variance 1 in the recording, the weightiest first."""
        return self._kernel(features, self.known) @ self.learnt

    def windows(self, lead, codes):
        """Dancer 2's windows, (W, 2), (W, Z) -> (W, L, D)."""
        return self.turned(self.seen_from_lead(codes), lead)

    def seen_from_lead(self, codes):
        """Dancer 2's windows, (W, Z) -> (W, L, D), but for one joint: that turns the body as seen from the lead."""
        body, joint = self.bodies[1], self.bodies[1].joint
        coefficients = self.mean + (codes * self.scale) @ self.components
        frames = self.cosines.T @ coefficients.unflatten(1, (len(self.cosines), -1)) / self._importance()
        course = _largest(frames[..., :10] / TWICE)  # (W, L, 4)
        course = course * quaternion.continuous_signs(course.transpose(0, 1)).T.unsqueeze(-1)
        course = torch.where((course * self.facing).sum((1, 2), keepdim=True) < 0, -course, course)
        found = course.new_zeros(*frames.shape[:2], len(body.weights), 4)
        found[:, :, body.rest] = quaternion.normalise(frames[..., 10:].unflatten(-1, (-1, 4)))
        found[:, :, joint] = course
        return found.flatten(2)

    def course(self, windows):
        """How that joint turns, (W, L, D) -> (W, L, 4)."""
        return windows.unflatten(-1, (-1, 4))[:, :, self.bodies[1].joint]

    def turned(self, windows, lead):
        """Windows as seen from the lead as poses, (W, L, D), (W, 2) -> (W, L, D)."""
        course = self.course(windows)
        course = quaternion.mul(self._turn(lead).expand_as(course), course)
        found = windows.unflatten(-1, (-1, 4)).clone()
        found[:, :, self.bodies[1].joint] = quaternion.mul(
            quaternion.inv(self.bodies[1].above).expand_as(course), course
        )
        return found.flatten(2)

    def between(self, count, generator):
        """Features of movements, (count, F): every fourth of a recorded window, and of others that nobody has recorded:
        half of them do with some joints what is done in one window, and with the others what is done in another; and
        some are a window changed by as much as lies between two others, or less."""
        one, two, three = torch.randint(len(self.known), (3, count), generator=generator)
        share = torch.rand(count, 1, generator=generator)
        share[::4] = 0
        found = self.known[one] + share * (self.known[two] - self.known[three])
        mixed = slice(1, None, 2)
        chance = torch.rand(len(share[mixed]), self.by_joint.shape[1], 1, generator=generator)
        other = chance < share[mixed].unsqueeze(-1)
        found[mixed] = torch.where(other, self.by_joint[two[mixed]], self.by_joint[one[mixed]]).sum(dim=1)
        return found

    def leads(self, count, generator):
        """Leads to anywhere, (count, 2), as long as recorded ones."""
        lengths = self.lengths[torch.randint(len(self.lengths), (count,), generator=generator)]
        return lengths * torch.nn.functional.normalize(torch.randn(count, 2, generator=generator), dim=1)

    def _rest(self, windows):
        return windows.unflatten(-1, (-1, 4))[:, :, self.bodies[0].rest].flatten(2)

    def _find_features(self, seen):
        rest = self._rest(seen)
        weights = self.bodies[0].weights[self.bodies[0].rest].sqrt().repeat_interleave(4)
        self.moves = motion_basis.find([rest], [rest.mean((0, 1))], weights, FEATURES)
        self.size = self.moves.variances.sum().sqrt()
        cosine, component = self.moves.chosen.T
        over_time = self.moves.cosines[cosine] @ ((rest - self.moves.mean) * weights)  # (W, F, 4·J)
        parts = over_time * self.moves.components[:, component].T / self.size
        self.by_joint = parts.unflatten(-1, (-1, 4)).sum(dim=-1).transpose(1, 2)  # (W, J, F), which add up to features

    def _turn(self, lead):
        """The lead as a turn of the room, (W, 2) -> (W, 1, 4)."""
        lead = torch.nn.functional.normalize(torch.nn.functional.pad(lead, (0, 2 - lead.shape[1])), dim=1)
        return (lead[:, :1] * torch.eye(4)[0] + lead[:, 1:] * self.up).unsqueeze(1)

    def _from_lead(self, asked, lead):
        """The rotation that turns dancer 2, as seen from the lead: (W, L, D), (W, 2) -> (W, L, 4)."""
        turned = self.bodies[1].turned(asked)
        return quaternion.mul(quaternion.inv(self._turn(lead)).expand_as(turned), turned)

    def _find_codes(self, asked, lead, code_count):
        """Principal components of the recorded answers."""
        body = self.bodies[1]
        others = asked.unflatten(-1, (-1, 4))[:, :, body.rest]
        self.guess = quaternion.mean_rotation(quaternion.scatter(others.flatten(0, 1)))  # (J - 1, 4)
        self.facing = quaternion.mean_rotation(quaternion.scatter(self._from_lead(asked, lead).flatten(0, 1)[:, None]))[
            0
        ]
        self.cosines = motion_basis.cosine_table(min(motion_basis.COSINES, asked.shape[1]), asked.shape[1])
        found = self._coefficients(asked, lead)
        self.mean = found.mean(dim=0)
        _, sizes, components = torch.linalg.svd(found - self.mean, full_matrices=False)
        scale = sizes[:code_count] / len(found) ** 0.5
        count = int((scale > SLIGHT * scale[0].clamp_min(1e-6)).sum())
        self.scale, self.components = torch.ones(code_count), torch.zeros(code_count, found.shape[1])
        self.scale[:count], self.components[:count] = scale[:count], components[:count]
        self.shares = torch.zeros(code_count)  # of the variance, beside that of the first
        self.shares[:count] = (scale[:count] / scale[0].clamp_min(1e-6)).square()

    def _coefficients(self, asked, lead):
        """Answers over time as sums of cosines, each joint weighted by what hangs from it, (W, L, D), (W, 2) ->
        (W, K·(10 + 4·(J - 1)))."""
        from_lead = self._from_lead(asked, lead)
        others = asked.unflatten(-1, (-1, 4))[:, :, self.bodies[1].rest]
        others = torch.where((others * self.guess).sum((1, 3), keepdim=True) < 0, -others, others)
        squares = from_lead[..., ROWS] * from_lead[..., COLUMNS] * TWICE
        return (self.cosines @ (torch.cat((squares, others.flatten(2)), dim=2) * self._importance())).flatten(1)

    def _importance(self):
        weights, joint, rest = self.bodies[1].weights, self.bodies[1].joint, self.bodies[1].rest
        return torch.cat((weights[joint].expand(10), weights[rest].repeat_interleave(4)))

    def _as_codes(self, asked, lead):
        """Recorded windows as codes, (W, L, D), (W, 2) -> (W, Z)."""
        return (self._coefficients(asked, lead) - self.mean) @ self.components.T / self.scale

    def _kernel(self, features, others):
        """How similar movements are, (W, F), (V, F) -> (W, V)."""
        near = torch.exp(-self.near * torch.cdist(features, others).square())
        return near + LINEAR / self.distance * (features @ others.T)

    def _learn(self, codes, starts, length):
        """Fit the regression. Of several widths and penalties those that tell each fifth of the recording best from
        what overlaps none of its windows."""
        self.distance = float(torch.cdist(self.known, self.known).square().median().clamp_min(1e-9))
        parts = []
        for block in torch.arange(len(codes)).chunk(PARTS):
            first, last = starts[block[0]], starts[block[-1]]
            others = ((starts <= first - length) | (starts >= last + length)).nonzero().flatten()
            parts += [(block, others)] if len(others) else []
        tried = {}
        for near in NEAR:
            self.near = near / self.distance
            kernel = self._kernel(self.known, self.known)
            for strength in STRENGTHS:
                off = 0.0
                for block, others in parts:
                    answer = kernel[block][:, others] @ _solve(kernel[others][:, others], strength, codes[others])
                    off += float(((answer - codes[block]).square() * self.shares).sum())
                tried[near, strength] = off
        near, strength = min(tried, key=tried.get) if parts else (NEAR[0], STRENGTHS[-1])
        self.near = near / self.distance
        self.learnt = _solve(self._kernel(self.known, self.known), strength, codes)


def _solve(kernel, strength, outputs):
    """Weights of the known windows, (W, W), (W, Z) -> (W, Z)."""
    kernel = kernel.double() + strength * torch.eye(len(kernel), dtype=torch.float64)
    return torch.linalg.solve(kernel, outputs.double()).float()


def _forward(turned, up):
    """The direction from which turns about the up axis are counted, as a unit quaternion c, from rotations (W, L, 4).

    A turn by 2θ makes c into `cos θ·c + sin θ·up·c`. Of all c these planes hold most of the rotations where
    `Σ (q·c)² + (q·up·c)²` is largest: the largest eigenvector of S + UᵀSU, with S the sum of all q·qᵀ and U the product
    with up from the left.
    """
    scatter = quaternion.scatter(turned.flatten(0, 1)[:, None])[0]
    product = quaternion.mul(up.expand(4, 4), torch.eye(4)).T
    return torch.linalg.eigh(scatter + product.T @ scatter @ product).eigenvectors[:, -1]


def _largest(upper):
    """The largest eigenvectors of symmetric matrices by their upper triangles, (..., 10) -> (..., 4)."""
    matrix = upper.new_zeros(*upper.shape[:-1], 4, 4)
    matrix[..., ROWS, COLUMNS] = upper
    matrix[..., COLUMNS, ROWS] = upper
    return torch.linalg.eigh(matrix).eigenvectors[..., -1]
