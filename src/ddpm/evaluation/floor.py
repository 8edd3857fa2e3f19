"""The floor of a distance, from many sets of n real images where there are enough.

Real images that were collected together are alike (in MNIST one writer's digits stand in a row):
n consecutive ones lie farther from the reference than n scattered ones do, 1.9 to 3.8 times as far
for 1,000 MNIST test images in `digits` features. So half the sets are scattered through the real
images and half are consecutive. The floor is the mean of the scattered ones, the strict choice; its
interval, and that of a ratio to it, spans both: a ratio whose interval covers 1 says that the
images lie no farther from the reference than n real ones may.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.evaluation.metrics import Metric, Reference, Sample

DRAWS = 20  # sets of each kind


def floor_sets(available: int, n: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Indices of scattered sets and of consecutive ones; none below 2n, where all would be alike."""
    if available < 2 * n:
        return [], []
    generator = torch.Generator().manual_seed(seed)
    scattered = [torch.randperm(available, generator=generator)[:n] for _ in range(DRAWS)]
    starts = torch.linspace(0, available - n, DRAWS).long().tolist()
    return scattered, [torch.arange(start, start + n) for start in starts]


def measure_sets(
    metric: Metric, real: Sample, reference: Reference, n: int, seed: int
) -> tuple[Tensor, Tensor]:
    """The metric of scattered and of consecutive sets of n of the real images, [20] each or [0]."""
    once = torch.ones(1, n, dtype=torch.float64)
    scattered, consecutive = (
        [metric.measure(real.part(index), reference, once) for index in sets]
        for sets in floor_sets(len(real.images), n, seed)
    )
    nothing = torch.empty(0, dtype=torch.float64)
    return torch.cat([nothing, *scattered]), torch.cat([nothing, *consecutive])
