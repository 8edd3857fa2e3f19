"""The Inception score (Salimans et al. 2016): exp of the mean KL(p(y|x) ‖ p(y))."""

from __future__ import annotations

import torch
from torch import Tensor


def inception_score(probabilities: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the score of probabilities [N, K], from 1 (worst) to K: [B] with weights [B, N], else [1].

    Computed without the usual ten splits, which only lower the score of small sets.
    """
    p = probabilities.double()
    w = (
        torch.ones(1, len(p), dtype=torch.float64, device="cpu")
        if weights is None
        else weights.double()
    )
    w = w / w.sum(dim=1, keepdim=True)
    negative_entropy = torch.special.xlogy(p, p).sum(dim=1)  # [N]
    marginal = w @ p  # [B, K]
    score: Tensor = w @ negative_entropy - torch.special.xlogy(marginal, marginal).sum(dim=1)
    return score.exp()
