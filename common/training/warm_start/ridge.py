"""Ridge regression, linear and with a kernel.

Shapes: N examples, F inputs, Y outputs, V other examples.
"""

import dataclasses
import typing

import torch

RIDGE = 1e-4  # penalty of a linear regression, of the inputs' mean variance
LINEAR = 0.3  # share of the linear kernel, which extrapolates where nothing is similar
WIDTHS = (0.5, 1.0, 2.0)  # tried, of the Gaussian kernel: of its exponent, over the median squared distance
PENALTIES = (0.3, 1.0, 3.0)  # tried
FOLDS = 5  # of the cross-validation


class LinearMap(typing.NamedTuple):
    """x ↦ weight·x + bias."""

    weight: torch.Tensor  # (Y, F)
    bias: torch.Tensor  # (Y,)

    def __call__(self, x):
        """(..., F) -> (..., Y)."""
        return x @ self.weight.T + self.bias


class RidgeRegression:
    """Linear ridge regression (Hoerl & Kennard, Technometrics 12, 1970), from sums over blocks of examples."""

    def __init__(self):
        self.count, self.sums = 0, None

    def add(self, inputs, outputs):
        """Examples (N, F), (N, Y)."""
        inputs, outputs = inputs.double(), outputs.double()
        sums = inputs.sum(0), outputs.sum(0), inputs.T @ inputs, inputs.T @ outputs
        self.sums = sums if self.sums is None else [a + b for a, b in zip(self.sums, sums, strict=True)]
        self.count += len(inputs)

    def solve(self, penalty=RIDGE):
        """The LinearMap; the penalty is relative to the mean variance of the inputs."""
        mean_in, mean_out = self.sums[0] / self.count, self.sums[1] / self.count
        covariance = self.sums[2] / self.count - torch.outer(mean_in, mean_in)
        product = self.sums[3] / self.count - torch.outer(mean_in, mean_out)
        rounding = 1e-12 + 1e-6 * float(mean_in.square().mean())  # of inputs that do not vary
        ridge = penalty * covariance.diagonal().mean().clamp_min(rounding)
        slope = _solve_positive(covariance, ridge, product)
        return LinearMap(slope.T.float(), (mean_out - mean_in @ slope).float())


@dataclasses.dataclass
class Kernel:
    """How similar two examples are: `exp(−width·‖a − b‖²) + slope·a·b`, a Gaussian and a linear kernel."""

    width: float
    slope: float

    def __call__(self, inputs, others):
        """(N, F), (V, F) -> (N, V)."""
        return torch.exp(-self.width * torch.cdist(inputs, others).square()) + self.slope * (inputs @ others.T)


class KernelRidge(typing.NamedTuple):
    """Kernel ridge regression (Saunders, Gammerman & Vovk, "Ridge regression learning algorithm in dual variables",
    ICML 1998): outputs of similar examples, and zero where none is similar."""

    kernel: Kernel
    inputs: torch.Tensor  # (N, F) of the examples
    coefficients: torch.Tensor  # (N, Y)

    def __call__(self, inputs):
        """(V, F) -> (V, Y)."""
        return self.kernel(inputs, self.inputs) @ self.coefficients


def fit_kernel_ridge(inputs, outputs, importance, folds):
    """The KernelRidge of examples (N, F), (N, Y), whose outputs count by `importance` (Y,).

    Its width and penalty are those with the smallest error over the folds [(examples held out, examples to fit)].
    Without a fold, the widest kernel and the strongest penalty are taken.
    """
    distance = float(torch.cdist(inputs, inputs).square().median().clamp_min(1e-9))
    kernels = [Kernel(width / distance, LINEAR / distance) for width in WIDTHS]
    errors = {}
    for number, kernel in enumerate(kernels if folds else ()):
        gram = kernel(inputs, inputs)
        for penalty in PENALTIES:
            error = 0.0
            for held_out, fitted in folds:
                coefficients = _dual_coefficients(gram[fitted][:, fitted], outputs[fitted], penalty)
                prediction = gram[held_out][:, fitted] @ coefficients
                error += float(((prediction - outputs[held_out]).square() * importance).sum())
            errors[number, penalty] = error
    number, penalty = min(errors, key=errors.get) if errors else (0, PENALTIES[-1])
    gram = kernels[number](inputs, inputs)
    return KernelRidge(kernels[number], inputs, _dual_coefficients(gram, outputs, penalty))


def block_folds(starts, length):
    """Folds of windows by their first frames (W,), in order: a block of the recording, and all windows that overlap
    none of it. Blocks that leave no such window are left out."""
    folds = []
    for block in torch.arange(len(starts)).chunk(FOLDS):
        first, last = starts[block[0]], starts[block[-1]]
        others = ((starts <= first - length) | (starts >= last + length)).nonzero().flatten()
        folds += [(block, others)] if len(others) else []
    return folds


def _dual_coefficients(gram, outputs, penalty):
    """Of kernel ridge regression, (N, N), (N, Y) -> (N, Y)."""
    return _solve_positive(gram.double(), penalty, outputs.double()).float()


def _solve_positive(matrix, ridge, right):
    """The solution of (matrix + ridge·1) x = right for a positive semidefinite matrix, all float64."""
    import scipy.linalg  # here, since it takes a moment that a script without a warm start can save

    matrix = matrix + ridge * torch.eye(len(matrix), dtype=matrix.dtype)
    return torch.from_numpy(scipy.linalg.solve(matrix.numpy(), right.numpy(), assume_a="pos", overwrite_a=True))
