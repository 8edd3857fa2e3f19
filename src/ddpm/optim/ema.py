"""The exponential moving average of weights that samples are made with (Ho et al. 2020, section 4)."""

from __future__ import annotations

import copy
import math
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def decay_at(decay: float, step: int) -> float:
    """Return the decay after optimizer step `step` (from 1)."""
    return min(decay, (1 + step) / (10 + step))


def relative_length(decay: float, steps: int) -> float:
    """Return the standard deviation of the average's profile after `steps`, relative to `steps`.

    This is σ_rel of `optim/posthoc_ema.py`. During the warm-up it is 0.09, since
    (1 + n) / (10 + n) ≈ (1 - 1/n)^9, the power-function average of γ = 8.
    """
    remaining, total, first, second = 1.0, 0.0, 0.0, 0.0
    for step in range(steps, 0, -1):
        share = remaining * (1 - decay_at(decay, step))
        remaining *= decay_at(decay, step)
        total, first, second = total + share, first + share * step, second + share * step**2
    mean = first / total
    return math.sqrt(max(0.0, second / total - mean**2)) / steps


class Ema(Generic[Network]):
    """An exponential moving average of a network's parameters, warmed up.

    The decay at step n is min(decay, (1 + n) / (10 + n)), so that the random initial weights are
    forgotten in short runs too. decay 0: the average is the network itself.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.decay = decay
        self.source = network
        self.network: Network = (
            network if decay == 0 else copy.deepcopy(network).requires_grad_(False).eval()
        )

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Set average ← decay · average + (1 - decay) · weights; buffers are copied."""
        if self.network is self.source:
            return
        averages: list[Tensor] = list(self.network.parameters())
        weights: list[Tensor] = list(self.source.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay_at(self.decay, step))  # one call
        for average, buffer in zip(self.network.buffers(), self.source.buffers(), strict=True):
            average.copy_(buffer)
