"""The Fréchet distance between two Gaussians fitted to features (Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.statistics import Statistics


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), in float64; symmetric, and 0 for a = b."""
    return frechet_to(b)(a)


def frechet_to(reference: Statistics) -> Callable[[Statistics], float]:
    """The distance to one reference, whose matrix root is taken once.

    tr (Σa Σb)^½ is the sum of the roots of the eigenvalues of the symmetric Σb^½ Σa Σb^½, so that
    no complex number can appear.
    """
    root = _root(reference.covariance)
    spread = reference.covariance.trace()

    def distance(other: Statistics) -> float:
        if other.mean.shape != reference.mean.shape:
            raise RequestError(
                f"Features of {len(other.mean)} and of {len(reference.mean)} numbers cannot be "
                "compared; use the same feature network for both."
            )
        product = root @ other.covariance @ root
        cross = _positive(torch.linalg.eigvalsh((product + product.T) / 2)).sqrt().sum()
        shift = (other.mean - reference.mean).square().sum()
        return max(0.0, (shift + other.covariance.trace() + spread - 2 * cross).item())

    return distance


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * _positive(values).sqrt()) @ vectors.T
    return root


def _positive(values: Tensor) -> Tensor:
    """Eigenvalues below rounding (a singular covariance: fewer images than features) are zero."""
    threshold = values.max().clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    return torch.where(values > threshold, values, torch.zeros_like(values))
