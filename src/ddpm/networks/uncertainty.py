"""The learned uncertainty of the loss at each time (Karras et al. 2024, arXiv:2312.02696, appendix)."""

from __future__ import annotations

from torch import Tensor, nn

from ddpm.networks.embeddings import Sinusoids
from ddpm.networks.initialization import zero_init

DIMENSIONS = 128  # of the sinusoids of t


class Uncertainty(nn.Module):
    """u(t), the logarithm of the expected loss at time t: linear in sinusoids of t; starts at 0."""

    def __init__(self, num_steps: int) -> None:
        super().__init__()
        self.sinusoids = Sinusoids(DIMENSIONS, num_steps=num_steps)
        self.linear = zero_init(nn.Linear(DIMENSIONS, 1))

    def forward(self, t: Tensor) -> Tensor:
        """Return u [N] for times t [N]."""
        out: Tensor = self.linear(self.sinusoids.sinusoids(t)).float().squeeze(1)
        return out
