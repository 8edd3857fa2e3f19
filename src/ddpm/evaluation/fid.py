"""The Fréchet distance between two Gaussians fitted to features (Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.statistics import Statistics, statistics


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), in float64; symmetric, and 0 for a = b."""
    return frechet_distance_to(b)(a)


def frechet_distance_to(reference: Statistics) -> FrechetDistance:
    """The distance to one reference, whose matrix root is taken once."""
    return FrechetDistance(reference, _matrix_root(reference.covariance))


@dataclass(frozen=True)
class FrechetDistance:
    """tr (Σa Σb)^½ is the sum of the roots of the eigenvalues of the symmetric Σb^½ Σa Σb^½, so that
    no complex number can appear; b is the reference, `root` its Σb^½.
    """

    reference: Statistics
    root: Tensor

    def __call__(self, other: Statistics) -> float:
        """The distance of a Gaussian."""
        if other.mean.shape != self.reference.mean.shape:
            raise RequestError(
                f"Features of {len(other.mean)} and of {len(self.reference.mean)} numbers cannot be "
                "compared; use the same feature network for both."
            )
        product = self.root @ other.covariance @ self.root
        return self._distance(other.mean, other.covariance.trace(), (product + product.T) / 2)

    def weighted(self, features: Tensor, weights: Tensor) -> Tensor:
        """The distance of features [N, D], each counted weights[b, n] times, float64 [B]."""
        if len(features) < features.shape[1]:
            x = features.double()
            y = x @ self.root
            values = [self._of_few(x, y, row) for row in weights]
        else:
            values = [self(statistics(features, row)) for row in weights]
        return torch.tensor(values, dtype=torch.float64)

    def _of_few(self, x: Tensor, y: Tensor, weights: Tensor) -> float:
        """Of fewer images than features: with y = x Σb^½ centered and weighted, the eigenvalues of
        yᵀy are, but for zeros, those of the smaller yyᵀ.
        """
        x, y, weights = x[weights > 0], y[weights > 0], weights[weights > 0].double()
        total = weights.sum()
        share, scale = weights / total, (weights / (total - 1)).sqrt()[:, None]
        mean = share @ x
        spread = ((x - mean) * scale).square().sum()
        rows = (y - share @ y) * scale
        return self._distance(mean, spread, rows @ rows.T)

    def _distance(self, mean: Tensor, spread: Tensor, product: Tensor) -> float:
        """From the mean and the trace of Σa, and a matrix of the eigenvalues of Σa Σb."""
        cross = _clip_rounding(torch.linalg.eigvalsh(product)).sqrt().sum()
        shift = (mean - self.reference.mean).square().sum()
        spreads = spread + self.reference.covariance.trace()
        return max(0.0, (shift + spreads - 2 * cross).item())


def _matrix_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * _clip_rounding(values).sqrt()) @ vectors.T
    return root


def _clip_rounding(values: Tensor) -> Tensor:
    """Eigenvalues below rounding (a singular covariance: fewer images than features) are zero."""
    threshold = values.max().clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    return torch.where(values > threshold, values, torch.zeros_like(values))
