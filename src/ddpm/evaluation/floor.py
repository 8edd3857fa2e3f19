"""The floor of a distance, from many sets of n real images where there are enough.

The floor is the mean over sets scattered through the real images, as independent draws would be.
Images that were collected are alike where they stand together (in MNIST one writer's digits stand
in a row): n consecutive ones lie farther from the reference than n scattered ones do, 1.9 to 3.8
times as far for 1,000 MNIST test images in `digits` features. So where the images under test were
collected, too, as files are, as many consecutive sets count for the floor's interval, and that of a
ratio to it: a ratio whose interval covers 1 then says that the images lie no farther from the
reference than n real ones may. Images drawn from a model, each from its own seed, have no such
excuse: their floor is that of scattered sets alone.

The scattered sets are drawn from one pool of N, and the more images they have in common, the less
their values vary: by the factor sqrt(1 - (n/N)²) for a distance that grows with the square of a set's
deviation, as a Fréchet distance of real images to their like does, and by sqrt(1 - n/N) for one
that grows linearly with it. At n = N/10 that is 0.99 and 0.95, at n = N/2 0.87 and 0.71.
The interval's ends are quantiles of 20 values besides, which lie 16 % too near to each other where
the values are normal.
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


def measure_sets(metric: Metric, real: Sample, reference: Reference, sets: list[Tensor]) -> Tensor:
    """The metric of each of the sets of real images, [len(sets)]."""
    nothing = torch.empty(0, dtype=torch.float64)
    values = [
        metric.measure(real.part(index), reference, torch.ones(1, len(index), dtype=torch.float64))
        for index in sets
    ]
    return torch.cat([nothing, *values])
