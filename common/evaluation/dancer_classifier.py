"""How well a deepfake changes the dancer: whom a classifier of recorded movement takes its windows for.

Shapes: W windows, L frames of a window, J joints, F features, Z latent.
"""

import itertools

from common.evaluation import clip_metrics, metrics
from common.evaluation.baselines import prediction_errors
from common.model import generate
from common.motion import quaternion
from common.motion.axes import up_vector

import torch
from torch import nn

HIDDEN = 16  # units of the classifier
ITERATIONS = 40  # a fifth of a second for hundreds of windows
WEIGHT_DECAY = 0.003  # what the windows hold by chance is left out
FARTHEST = 5.0  # standard deviations: what lies beyond is no stronger sign


def features(rotations, joints, spine, up_axis, fps):
    """Features of a window's movement, without heading, path and bones: (W, L, J, 4) -> (W, F) float32.

    Mean and standard deviation over the window of the rotations of `joints`, as the first two columns of their matrices
    (Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019); of the up axis as the
    hips see it, which no turn about that axis changes; and of the angular speeds, on a logarithmic scale. `spine` are
    the joints from the root to the hips, which hold the heading and are left out of `joints`.
    """
    local = rotations[:, :, joints]
    units = torch.eye(3)
    columns = [quaternion.rotate(local, units[i].expand(*local.shape[:-1], 3)).flatten(2) for i in (0, 1)]
    hips = rotations[:, :, spine[0]]
    for joint in spine[1:]:
        hips = quaternion.mul(hips, rotations[:, :, joint])
    upright = quaternion.rotate(quaternion.inv(hips), up_vector(up_axis).expand(*hips.shape[:-1], 3))
    frames = torch.cat((*columns, upright), dim=-1)  # (W, L, 6 J + 3)
    parts = [frames.mean(dim=1), frames.std(dim=1, unbiased=False)]
    if rotations.shape[1] > 1:
        speeds = torch.log1p(metrics.angular_speeds(local, fps))
        parts += [speeds.mean(dim=1), speeds.std(dim=1, unbiased=False)]
    return torch.cat(parts, dim=-1)


class Classifier:
    """Tells dancer 0 from dancer 1 by features (W, F): a network with one hidden layer of a few units, or without one
    (`hidden = 0`: logistic regression, as a linear probe).

    It is learnt here, with the examples of both dancers counting alike. Deterministic, with a random state of its own.
    """

    def __init__(self, first, second, hidden=HIDDEN):
        examples, counts = torch.cat((first, second)).float(), (len(first), len(second))
        self.mean, self.scale = examples.mean(dim=0), examples.std(dim=0, unbiased=False).clamp_min(1e-4)
        labels = torch.cat([torch.full((count,), float(dancer)) for dancer, count in enumerate(counts)])
        balance = torch.cat([torch.full((count,), 0.5 / count) for count in counts])
        generator = torch.Generator().manual_seed(0)
        sizes = [examples.shape[1], *([hidden] if hidden else []), 1]
        self.layers = []
        for size, following in itertools.pairwise(sizes):
            weight = torch.randn(following, size, generator=generator) / size**0.5
            self.layers.append((weight.requires_grad_(), torch.zeros(following, requires_grad=True)))
        self._learn(self._standard(examples), labels, balance)

    def _learn(self, examples, labels, balance):
        """By L-BFGS, with a penalty on the squares of the weights."""
        weights = [weight for weight, _ in self.layers]
        parameters = [parameter for layer in self.layers for parameter in layer]
        optimiser = torch.optim.LBFGS(parameters, max_iter=ITERATIONS, line_search_fn="strong_wolfe")

        def compute_loss():
            optimiser.zero_grad()
            output = self._output(examples)
            loss = nn.functional.binary_cross_entropy_with_logits(output, labels, balance, reduction="sum")
            loss = loss + WEIGHT_DECAY * sum(weight.square().sum() for weight in weights)
            loss.backward()
            return loss

        with torch.enable_grad():
            optimiser.step(compute_loss)

    def _standard(self, examples):
        return ((examples.float() - self.mean) / self.scale).clamp(-FARTHEST, FARTHEST)

    def _output(self, x):
        for weight, bias in self.layers[:-1]:
            x = torch.tanh(nn.functional.linear(x, weight, bias))
        return nn.functional.linear(x, *self.layers[-1]).squeeze(-1)

    @torch.no_grad()
    def share_taken_for(self, dancer, examples):
        """The share of windows (W, F) that it takes for dancer 0 or 1, from 0 to 1."""
        is_second = self._output(self._standard(examples)) > 0
        return float((is_second if dancer == 1 else ~is_second).float().mean())

    def accuracy(self, first, second):
        """The mean share of both dancers' windows that it takes for who they are; 0.5 is guessing."""
        return (self.share_taken_for(0, first) + self.share_taken_for(1, second)) / 2


def figures(dancers, held_out, training, conversions, clips):
    """The figures of a deepfake, as metrics.figure each; None where there is nothing to learn from.

    `held_out` and `training` are baselines.RecordedWindows, `clips` are clip_metrics.ConvertedClip.
    """
    joints = _joints(dancers)
    if not joints or not len(held_out) or not len(training):
        return None
    nets = {(conversion.source, conversion.target): conversion for conversion in conversions}
    return [
        *_appearance(dancers, joints, held_out, training, nets),
        *_energy(dancers, clips),
        *_there_and_back(dancers, held_out, nets),
        _probe(held_out, training, nets),
    ]


def _joints(dancers):
    """The joints that both dancers move, without those from the root to the hips, which hold the heading."""
    both = dancers[0].moving & dancers[1].moving
    both[_spine(dancers[0])] = False
    return both.nonzero().flatten().tolist()


def _spine(dancer):
    """The joints from the root to the hips."""
    spine = [dancer.hips]
    while dancer.skeleton.parents[spine[0]] >= 0:
        spine.insert(0, dancer.skeleton.parents[spine[0]])
    return spine


def _appearance(dancers, joints, held_out, training, nets):
    """How well a classifier tells the recorded dancers apart, and whom it takes converted windows for."""

    def appearance(rotations):
        return features(rotations, joints, _spine(dancers[0]), dancers[0].up_axis, dancers[0].fps)

    classifier = Classifier(*(appearance(training.rotations(dancer)) for dancer in (0, 1)))
    recorded = [appearance(held_out.rotations(dancer)) for dancer in (0, 1)]
    accuracy = 100 * classifier.accuracy(*recorded)
    yield metrics.figure("recordings told apart by a classifier", "%", accuracy, {"guessing": 50.0}, None, False)
    for source, target in ((0, 1), (1, 0)):
        converted = appearance(generate.convert_windows(nets[source, target], held_out.poses(source)))
        name = f"dancer {source + 1} to dancer {target + 1}: taken for dancer {target + 1}"
        share, *others = (100 * classifier.share_taken_for(target, x) for x in (converted, *recorded))
        baselines = {f"recording of dancer {source + 1}": others[source]}
        yield metrics.figure(name, "%", share, baselines, others[target], False)


def _energy(dancers, clips):
    """Whether the conversion moves much and little when its source does."""
    moving = [dancer.moving for dancer in dancers]
    for source, target in ((0, 1), (1, 0)):
        takes = [clip.recorded[source] for clip in clips]
        converted = [clip.generated[source, target] for clip in clips]
        others = [clip.recorded[target] for clip in clips]
        similarity, by_chance = (
            clip_metrics.same_energy(takes, partners, moving[source], moving[target])
            for partners in (converted, others)
        )
        name = f"dancer {source + 1} to dancer {target + 1}: movement energy follows the source"
        yield metrics.figure(
            name, "correlation", similarity, {f"recording of dancer {target + 1}": by_chance}, None, False
        )


def _there_and_back(dancers, held_out, nets):
    """Cycle consistency: the errors of a dancer's windows that were converted, and converted back."""
    for source, target in ((0, 1), (1, 0)):
        converted = _as_recorded(
            generate.convert_windows(nets[source, target], held_out.poses(source)), held_out, target
        )
        back = generate.convert_windows(nets[target, source], converted.flatten(2))
        once = generate.convert_windows(nets[source, source], held_out.poses(source))
        mean_pose = dancers[source].mean_pose.expand_as(back)
        name = f"dancer {source + 1} to {target + 1} to {source + 1}"
        names = f"dancer {source + 1} to dancer {source + 1}", f"mean pose of dancer {source + 1}"
        motions = (back, once, mean_pose)
        all_errors = [prediction_errors(motion, held_out, source, dancers[source]) for motion in motions]
        for kind, unit, measure in (("rotation", "°", "degrees"), ("position", "cm", "centimetres")):
            error, *others = (getattr(errors, measure)(dancers[source].moving) for errors in all_errors)
            baselines = dict(zip(names, others, strict=True))
            yield metrics.figure(f"{name}: {kind} error, moving joints", unit, error, baselines)


def _as_recorded(rotations, held_out, dancer):
    """Windows (W, L, J, 4) with the signs that the encoder has learnt from: near the recorded ones' mean at the first
    frame, and continuous from there. A decoder may give q or −q."""
    mean = quaternion.normalise(held_out.rotations(dancer).mean(dim=(0, 1)))
    first = torch.where((rotations[:, 0] * mean).sum(-1, keepdim=True) < 0, -1.0, 1.0)  # (W, J, 1)
    return quaternion.make_continuous(rotations.transpose(0, 1)).transpose(0, 1) * first.unsqueeze(1)


def _probe(held_out, training, nets):
    """How well a linear probe tells the dancers apart by their latent codes (Alain & Bengio, "Understanding
    intermediate layers using linear classifier probes", ICLR workshop 2017): not at all where they are well mixed."""
    codes = [
        [generate.encode_windows(nets[dancer, 1 - dancer].encoder, part.poses(dancer)) for dancer in (0, 1)]
        for part in (training, held_out)
    ]
    accuracy = 100 * Classifier(*codes[0], hidden=0).accuracy(*codes[1])
    return metrics.figure("latent codes told apart by a linear probe", "%", accuracy, {"guessing": 50.0}, None, None)
