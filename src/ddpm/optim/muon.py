"""Muon: momentum, orthogonalized matrix by matrix (Jordan et al. 2024).

https://kellerjordan.github.io/posts/muon/; convolutions are treated as matrices [out, in · height · width].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ddpm.optim.sharding import full_tensor, local_part

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic, from the post
ITERATIONS = 5


def orthogonalize(matrix: Tensor) -> Tensor:
    """Return an approximation of U Vᵀ for a matrix U S Vᵀ [m, n], by a quintic Newton-Schulz iteration.

    The singular values end between 0.68 and 1.21 if they were at least 0.002 of the Frobenius norm: the
    coefficients trade precision for speed. A zero matrix stays zero.
    """
    return orthogonalize_all([matrix[None]])[0][0]


def orthogonalize_all(stacks: Sequence[Tensor]) -> list[Tensor]:
    """Orthogonalize every matrix of every stack [k, m, n]; those with equal shorter sides together.

    Each iteration is x ← p x with p = a + b g + c g², g = x xᵀ. Since p and g commute, g ← p g p, so
    the iterations run on the small m x m matrices alone and x is multiplied once.
    """
    wide = [s.mT if s.shape[1] > s.shape[2] else s for s in stacks]
    wide = [x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7) for x in wide]
    orthogonal = list(stacks)
    for side in sorted({x.shape[1] for x in wide}):
        places = [i for i, x in enumerate(wide) if x.shape[1] == side]
        products = _iterate(torch.cat([wide[i] @ wide[i].mT for i in places]))
        counts = [len(wide[i]) for i in places]
        for i, product in zip(places, torch.split(products, counts), strict=True):
            x = product @ wide[i]
            orthogonal[i] = x.mT if stacks[i].shape[1] > stacks[i].shape[2] else x
    return orthogonal


def _iterate(grams: Tensor) -> Tensor:
    """Return the matrices p [k, m, m] that make p x orthogonal, from x xᵀ [k, m, m]."""
    a, b, c = NEWTON_SCHULZ
    product = torch.eye(grams.shape[1], dtype=grams.dtype, device=grams.device)
    for remaining in reversed(range(ITERATIONS)):
        p = torch.baddbmm(grams, grams, grams, beta=b, alpha=c)
        p.diagonal(dim1=1, dim2=2).add_(a)
        product = p @ product
        if remaining:
            grams = p @ grams @ p
    return product


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
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            with_gradient = [p for p in group["params"] if p.grad is not None]
            if group["weight_decay"]:
                torch._foreach_mul_(with_gradient, 1 - group["lr"] * group["weight_decay"])
            self._muon([p for p in with_gradient if p.ndim >= 2], group)
            self._adam([p for p in with_gradient if p.ndim < 2], group)

    def _muon(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        if not parameters:
            return
        gradients = _gradients(parameters)
        momenta = self._state(parameters, "momentum")
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        nesterov = torch._foreach_lerp(gradients, momenta, group["momentum"])
        shapes: dict[torch.Size, list[int]] = {}  # matrices of one shape form a stack:
        for i, parameter in enumerate(parameters):  # on a graphics card each call costs time
            shapes.setdefault(parameter.shape, []).append(i)
        # channels last, as in memory: [k, out, h, w, in]; the order of columns does not matter
        stacks = [
            torch.stack([full_tensor(nesterov[i]).movedim(1, -1) for i in places])
            for places in shapes.values()
        ]
        updates = orthogonalize_all([stack.flatten(2) for stack in stacks])  # [k, out, h · w · in]
        for places, stack, update in zip(shapes.values(), stacks, updates, strict=True):
            chosen = [parameters[i] for i in places]
            whole_steps = update.reshape(stack.shape).movedim(-1, 2).unbind()
            steps = [local_part(step, p) for step, p in zip(whole_steps, chosen, strict=True)]
            scale = 0.2 * max(update.shape[1:]) ** 0.5
            torch._foreach_add_(chosen, steps, alpha=-group["lr"] * scale)

    def _adam(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Update by Adam (Kingma & Ba 2014, Algorithm 1)."""
        if not parameters:
            return
        gradients, (b1, b2) = _gradients(parameters), group["betas"]
        steps = self._state(parameters, "step")
        first, second = self._state(parameters, "exp_avg"), self._state(parameters, "exp_avg_sq")
        torch._foreach_add_(steps, 1)
        torch._foreach_lerp_(first, gradients, 1 - b1)
        torch._foreach_mul_(second, b2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - b2)
        counts = [float(step) for step in steps]
        roots = torch._foreach_sqrt(torch._foreach_div(second, [1 - b2**n for n in counts]))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(
            parameters, first, roots, [-group["lr"] / (1 - b1**n) for n in counts]
        )

    def _state(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        """Return the state called `name` of each parameter: zeros at first, shaped like it (`step`: 0-d)."""
        for parameter in parameters:
            if name not in self.state[parameter]:
                zero = (
                    torch.zeros((), dtype=torch.float32, device="cpu")
                    if name == "step"
                    else torch.zeros_like(parameter)
                )
                self.state[parameter][name] = zero
        return [self.state[parameter][name] for parameter in parameters]


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]
