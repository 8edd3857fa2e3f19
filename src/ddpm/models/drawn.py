"""What Algorithm 1 of Ho et al. 2020 draws for a batch, and its micro-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor


class NoisedBatch(NamedTuple):
    """What lines 2-4 of Algorithm 1 draw for a batch, and its labels."""

    x0: Tensor  # [N, C, H, W]
    t: Tensor  # [N]
    noise: Tensor  # [N, C, H, W]
    labels: Tensor | None  # [N]
    told: Tensor | None = None  # [N, 9], how each image was transformed; None: not at all

    def part(self, part: slice) -> NoisedBatch:
        """That of some of the images."""
        labels, told = (None if v is None else v[part] for v in (self.labels, self.told))
        return NoisedBatch(self.x0[part], self.t[part], self.noise[part], labels, told)

    def split(self, size: int) -> Iterator[NoisedBatch]:
        """Micro-batches of `size` images, the last one perhaps smaller."""
        for start in range(0, len(self.x0), size):
            yield self.part(slice(start, start + size))
