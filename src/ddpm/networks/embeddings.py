"""Embeddings of the time t in a noise schedule, and of class labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAX_PERIOD = 10_000.0  # Vaswani et al. 2017, section 3.5
FULL_SCALE = 1000.0  # t is scaled to 0..1000 for any number of steps: every dimension varies


def frequencies(dim: int, formula: str = "standard") -> Tensor:
    """Return angular frequencies [dim / 2] of `dim` embedding dimensions.

    standard: 10000^(-2k/dim), Vaswani et al. 2017. slide: 10000^(-4k/dim), the formula printed in the
    course's sample code, whose exponent is doubled: half of its dimensions are almost constant in t.
    """
    if dim < 2 or dim % 2:
        raise ValueError(f"A time embedding needs an even number of dimensions, not {dim}.")
    exponent = {"standard": 2.0, "slide": 4.0}[formula]
    k = torch.arange(dim // 2, dtype=torch.float64, device="cpu")
    return torch.pow(
        torch.tensor(MAX_PERIOD, dtype=torch.float64, device="cpu"), -exponent * k / dim
    )


class Sinusoids(nn.Module):
    """Sines and cosines of times t in 0..num_steps-1, at `dim` / 2 frequencies each."""

    frequency: Tensor

    def __init__(self, dim: int, *, num_steps: int = 1000, formula: str = "standard") -> None:
        super().__init__()
        scale = FULL_SCALE / num_steps
        table = (frequencies(dim, formula) * scale).to(torch.float32)
        self.register_buffer("frequency", table, persistent=False)

    def sinusoids(self, t: Tensor) -> Tensor:
        """Return sin and cos of t [N] times each frequency, float32 [N, dim]."""
        angle = t.to(torch.float32)[:, None] * self.frequency  # [N, dim/2]
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class TimeEmbedding(Sinusoids):
    """t [N] in 0..num_steps-1 → [N, out_dim]: sines and cosines, then a two-layer perceptron."""

    def __init__(
        self, dim: int, out_dim: int, *, num_steps: int = 1000, formula: str = "standard"
    ) -> None:
        super().__init__(dim, num_steps=num_steps, formula=formula)
        self.layers = nn.Sequential(nn.Linear(dim, out_dim), nn.SiLU(), nn.Linear(out_dim, out_dim))

    def forward(self, t: Tensor) -> Tensor:
        out: Tensor = self.layers(self.sinusoids(t))
        return out


def class_labels(labels: Tensor | None, t: Tensor, num_classes: int) -> Tensor:
    """Return the label of each image [N]; without labels `num_classes`, which means "no label".

    ValueError: the numbers of labels and images differ.
    """
    if labels is None:
        return torch.full_like(t, num_classes)
    if labels.shape != t.shape:
        raise ValueError(f"{len(labels)} labels for {len(t)} images; give one per image")
    return labels
