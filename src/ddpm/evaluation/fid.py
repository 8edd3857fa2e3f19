"""The Fréchet distance between two Gaussians fitted to features (Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.statistics import Statistics, statistics


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Return |μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), computed in float64."""
    return frechet_distance_to(b)(a)


def frechet_distance_to(reference: Statistics) -> FrechetDistance:
    """Return the distance to a fixed reference, whose matrix root is computed once."""
    return FrechetDistance(reference, _matrix_root(reference.covariance))


@dataclass(frozen=True)
class FrechetDistance:
    """The Fréchet distance to a fixed reference b; `root` is Σb^½.

    tr (Σa Σb)^½ is the sum of the square roots of the eigenvalues of the symmetric Σb^½ Σa Σb^½, so no
    complex number can appear.
    """

    reference: Statistics
    root: Tensor

    def __call__(self, other: Statistics) -> float:
        """Return the distance of the Gaussian `other`."""
        if other.mean.shape != self.reference.mean.shape:
            raise RequestError(
                f"Features of {len(other.mean)} and of {len(self.reference.mean)} numbers cannot be "
                "compared; use the same feature network for both."
            )
        product = self.root @ other.covariance @ self.root
        return self._distance(other.mean, other.covariance.trace(), (product + product.T) / 2)

    def weighted(self, features: Tensor, weights: Tensor) -> Tensor:
        """Return the distance of features [N, D], counted weights[b, n] times each, float64 [B]."""
        if len(features) < features.shape[1]:
            x = features.double()
            y = x @ self.root
            values = [self._distance_of_few(x, y, row) for row in weights]
        else:
            values = [self(statistics(features, row)) for row in weights]
        return torch.tensor(values, dtype=torch.float64, device="cpu")

    def _distance_of_few(self, x: Tensor, y: Tensor, weights: Tensor) -> float:
        """Return the distance of fewer images than features.

        With y = x Σb^½ centered and weighted, yᵀy and the smaller yyᵀ share their nonzero eigenvalues.
        """
        x, y, weights = x[weights > 0], y[weights > 0], weights[weights > 0].double()
        total = weights.sum()
        share, scale = weights / total, (weights / (total - 1)).sqrt()[:, None]
        mean = share @ x
        trace = ((x - mean) * scale).square().sum()
        rows = (y - share @ y) * scale
        return self._distance(mean, trace, rows @ rows.T)

    def _distance(self, mean: Tensor, trace: Tensor, product: Tensor) -> float:
        """Return the distance from μa, tr Σa, and a matrix with the eigenvalues of Σa Σb."""
        cross = _clip_rounding(torch.linalg.eigvalsh(product)).sqrt().sum()
        shift = (mean - self.reference.mean).square().sum()
        traces = trace + self.reference.covariance.trace()
        return max(0.0, (shift + traces - 2 * cross).item())


def _matrix_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * _clip_rounding(values).sqrt()) @ vectors.T
    return root


def _clip_rounding(values: Tensor) -> Tensor:
    """Set eigenvalues below rounding to zero, as of a singular covariance (fewer images than features)."""
    threshold = values.max().clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    return torch.where(values > threshold, values, torch.zeros_like(values))
