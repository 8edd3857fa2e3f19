"""Every random number comes from a seed and a place, so that nothing random has to be saved.

A training step's numbers depend on (seed, step), an image's on its own seed: resuming at step k or
drawing image i needs no state of what came before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from numbers and words: SHA-256 of their text, so neighbours are unrelated."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator_for(*parts: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device`, seeded by `derive_seed(*parts)`."""
    return torch.Generator(device).manual_seed(derive_seed(*parts))


class ImageNoise:
    """Standard normal noise for a batch in which image i draws from seed i alone.

    Calling it gives the next [N, *shape] float32 tensor. Drawn on the CPU whatever the device, so the
    same seed gives the same picture everywhere up to rounding. (PyTorch's CPU generator hears the lowest
    32 bits of a seed only.)
    """

    def __init__(
        self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        self.shape = tuple(shape)
        self.device = device
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self) -> Tensor:
        drawn = [torch.randn(self.shape, generator=generator) for generator in self.generators]
        return torch.stack(drawn).to(self.device)
