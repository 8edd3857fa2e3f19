"""The floor of a distance: the value that n real images outside the reference have.

The floor is the mean over sets scattered through the real images, like independent draws. Images
from a collection resemble their neighbors in it (in MNIST, digits of one writer stand together):
n consecutive images lie farther from the reference than n scattered ones, 1.9 to 3.8 times as far
for 1,000 MNIST test images in `digits` features. Generated images read from files may be such a
series, so their floor interval and ratio interval also cover as many consecutive sets. A ratio
interval that covers 1 then means that real images may lie as far from the reference. Images sampled
from a model, each from its own seed, are independent but for their classes, which are spread evenly: only
scattered sets count for them.

Scattered sets come from one pool of N images and overlap, which lowers the spread of their values:
by the factor sqrt(1 - (n/N)²) for a distance that grows with the square of a set's deviation, like
a Fréchet distance between real sets, and by sqrt(1 - n/N) for one that grows linearly. These are
0.99 and 0.95 at n = N/10, and 0.87 and 0.71 at n = N/2. The interval ends are quantiles of 20
values, which are 16 % too narrow for normal values.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.evaluation.metrics import Metric, Reference, Sample

SETS = 20  # of each kind


def floor_sets(available: int, n: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return the indices of scattered sets and of consecutive sets, n each.

    Both lists are empty if fewer than 2n images are available: the sets would overlap too much.
    """
    if available < 2 * n:
        return [], []
    generator = torch.Generator().manual_seed(seed)
    scattered = [
        torch.randperm(available, generator=generator, device="cpu")[:n] for _ in range(SETS)
    ]
    starts = (
        torch.linspace(0, available - n, SETS, dtype=torch.float32, device="cpu").long().tolist()
    )
    return scattered, [torch.arange(start, start + n, device="cpu") for start in starts]


def measure_sets(metric: Metric, real: Sample, reference: Reference, sets: list[Tensor]) -> Tensor:
    """Return the metric of each set of real images, [len(sets)]."""
    empty = torch.empty(0, dtype=torch.float64, device="cpu")
    values = [
        metric.measure(
            real.select(index),
            reference,
            torch.ones(1, len(index), dtype=torch.float64, device="cpu"),
        )
        for index in sets
    ]
    return torch.cat([empty, *values])
