"""The moving average of weights that samples are drawn with (Ho et al. 2020, section 4; decay 0.9999)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Ema:
    """An exponential moving average of a network's parameters, warmed up.

    The decay at step n is min(decay, (1 + n) / (10 + n)), so that short runs are not held back by
    their random start. decay 0: the average is the network itself.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.source = network
        self.network = (
            network if decay == 0 else copy.deepcopy(network).requires_grad_(False).eval()
        )

    def decay_at(self, step: int) -> float:
        """The decay used after optimizer step `step` (from 1)."""
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """average ← decay · average + (1 - decay) · weights."""
        if self.network is self.source:
            return
        averages: list[Tensor] = list(self.network.parameters())
        weights: list[Tensor] = list(self.source.parameters())
        torch._foreach_lerp_(averages, weights, 1 - self.decay_at(step))  # all in one call
        for average, buffer in zip(self.network.buffers(), self.source.buffers(), strict=True):
            average.copy_(buffer)
