"""The response regression: what dancer 2 most likely dances to dancer 1's movement.

In the frame of reference of dancer 1's heading (heading_frame), dancer 2's window (response_basis) follows from what
dancer 1's joints do below the one that turns the body (SourceFeatures), by kernel ridge regression (ridge).

Shapes: W windows, L frames of a window, J joints, D pose_dim, F features, Z numbers of a response.
"""

from common.training.warm_start import motion_basis, pose_metric, ridge
from common.training.warm_start.heading_frame import HeadingFrame, across
from common.training.warm_start.response_basis import ResponseBasis, principal_components

import torch

FEATURES = 64  # numbers that describe dancer 1's movement
WEIGHTING = 0.35  # exponent of the displacements: movements are alike where their joints are close, small ones too


class SourceFeatures:
    """What the response depends on: principal movements of dancer 1's joints below the one that turns the body."""

    def __init__(self, body, source_windows, skeleton, generator):
        """Of recorded windows (W, L, D) of a heading_frame.Body."""
        self.body = body
        self.cosines = motion_basis.cosine_basis(source_windows.shape[1])
        columns = (4 * body.others[:, None] + torch.arange(4)).flatten()
        displacement = pose_metric.displacements(source_windows, skeleton, generator)[columns][:, columns]
        weighting = pose_metric.weighting(displacement, WEIGHTING).unflatten(1, (-1, 4))
        weighting = across(weighting, body.means[body.others]).flatten(1).T  # signs do not count
        coefficients = self._coefficients(source_windows)  # (W, K, J·4)
        self.mean = coefficients.mean(dim=0)
        coefficients = coefficients - self.mean
        weighted = (coefficients @ weighting).flatten(1)
        _, components = principal_components(weighted, FEATURES)
        size = weighted.square().sum(dim=1).mean().sqrt().clamp_min(1e-6)
        self.components = weighting @ components.unflatten(1, self.mean.shape).movedim(0, -1) / size  # (K, J·4, F)
        self.recorded = coefficients.flatten(1) @ self.components.flatten(0, 1)  # (W, F)
        parts = coefficients.unflatten(2, (-1, 4)).permute(2, 0, 1, 3).flatten(2)  # (J, W, K·4)
        maps = self.components.unflatten(1, (-1, 4)).transpose(0, 1).flatten(1, 2)  # (J, K·4, F)
        self.by_joint = (parts @ maps).transpose(0, 1)  # (W, J, F), which add up to features

    def _coefficients(self, source_windows):
        """(W, L, D) -> (W, K, J·4)."""
        return self.cosines @ self.body.other_poses(source_windows).flatten(2)

    def __call__(self, source_windows):
        """(W, L, D) -> (W, F), all of them together of variance 1 or, where some are left out, less."""
        return (self._coefficients(source_windows) - self.mean).flatten(1) @ self.components.flatten(0, 1)

    def draw(self, count, generator):
        """Features of movements, (count, F): every fourth of a recorded window; half of them of windows in which some
        joints move as in one window and the others as in another; the rest of a window changed by as much as lies
        between two others, or less."""
        one, two, three = torch.randint(len(self.recorded), (3, count), generator=generator)
        share = torch.rand(count, 1, generator=generator)
        share[::4] = 0
        features = self.recorded[one] + share * (self.recorded[two] - self.recorded[three])
        mixed = slice(1, None, 2)
        chance = torch.rand(len(share[mixed]), self.by_joint.shape[1], 1, generator=generator)
        swapped = chance < share[mixed].unsqueeze(-1)
        features[mixed] = torch.where(swapped, self.by_joint[two[mixed]], self.by_joint[one[mixed]]).sum(dim=1)
        return features


class ResponseRegression:
    """Dancer 2's most likely windows, by four parts: `frame`, `features`, `basis` and `codes`, the regression from
    features (W, F) to codes (W, Z) of the basis."""

    def __init__(self, source_windows, target_windows, starts, skeletons, weights, up_axis, code_count, generator):
        """Recorded windows of dancer 1 and 2, (W, L, D) both, in order of their first frames `starts` (W,); weights
        (D,) of each dancer, as samples.joint_weights."""
        self.frame = HeadingFrame(source_windows, target_windows, skeletons, weights, up_axis)
        self.features = SourceFeatures(self.frame.source, source_windows, skeletons[0], generator)
        headings = self.frame.heading(source_windows)
        self.heading_lengths = headings.norm(dim=1, keepdim=True)
        self.basis = ResponseBasis(self.frame, target_windows, headings, code_count)
        codes = self.basis.codes(target_windows, headings)
        folds = ridge.block_folds(starts, source_windows.shape[1])
        self.codes = ridge.fit_kernel_ridge(self.features.recorded, codes, self.basis.relative_variances, folds)

    def respond(self, source_windows):
        """Dancer 2's most likely windows to those of dancer 1, (W, L, D) -> (W, L, D)."""
        relative = self.basis.windows(self.codes(self.features(source_windows)))
        return self.frame.in_room(relative, self.frame.heading(source_windows))

    def draw_headings(self, count, generator):
        """Headings in any direction, (count, 2), as long as recorded ones."""
        lengths = self.heading_lengths[torch.randint(len(self.heading_lengths), (count,), generator=generator)]
        return lengths * torch.nn.functional.normalize(torch.randn(count, 2, generator=generator), dim=1)
