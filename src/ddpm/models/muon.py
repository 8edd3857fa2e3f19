"""Muon: momentum whose matrices are made orthogonal before they are applied (Jordan et al. 2024).

https://kellerjordan.github.io/posts/muon/; convolutions are read as matrices [out, in · height · width].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic, from the source
ITERATIONS = 5


def orthogonalize(matrix: Tensor) -> Tensor:
    """[m, n] → about U Vᵀ of its singular value decomposition U S Vᵀ, by a quintic Newton-Schulz iteration.

    The singular values end near 1, not at it (between 0.68 and 1.21 where they were at least 0.002 of
    the matrix's Frobenius norm): that is what the coefficients trade for speed. Zeros stay zeros.

    Each iteration is x ← p x with p = a + b g + c g², g = x xᵀ. Since p and g commute, g ← p g p, so
    the iterations run on the small m x m matrices alone and x is multiplied once.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    gram = x @ x.T
    product = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    for _ in range(ITERATIONS):
        p = b * gram + c * gram @ gram
        p.diagonal().add_(a)
        gram, product = p @ gram @ p, p @ product
    orthogonal: Tensor = product @ x
    return orthogonal.T if tall else orthogonal


class Muon(torch.optim.Optimizer):
    """Muon for weights of two or more dimensions, Adam for the rest (norms, biases).

    Args:
        lr: Adam's learning rate; Muon's steps are scaled to the same size of change in a weight
            (0.2 · sqrt(max(m, n)), Liu et al. 2025, arXiv:2502.16982, section 2.2).
        momentum: of Muon (Nesterov). betas, eps: of Adam. weight_decay: decoupled, for all.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(list(parameters), defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                update = self._muon if parameter.ndim >= 2 else self._adam
                parameter.sub_(update(parameter.grad, self.state[parameter], group))

    def _muon(self, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        look_ahead = gradient.lerp(state["momentum"], group["momentum"])  # Nesterov
        matrix = look_ahead.flatten(1)  # [out, in · h · w]
        scale = 0.2 * max(matrix.shape) ** 0.5
        return group["lr"] * scale * orthogonalize(matrix).view_as(gradient)  # type: ignore[no-any-return]

    def _adam(self, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(gradient)
            state["exp_avg_sq"] = torch.zeros_like(gradient)
        state["step"] += 1
        (b1, b2), n = group["betas"], float(state["step"])
        first, second = state["exp_avg"], state["exp_avg_sq"]
        first.lerp_(gradient, 1 - b1)
        second.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        denominator = (second / (1 - b2**n)).sqrt_().add_(group["eps"])
        return group["lr"] * (first / (1 - b1**n)) / denominator  # type: ignore[no-any-return]
