"""Random numbers derived from a seed and a position, so that no generator state is ever saved.

A training step depends on (seed, step), an image on its own seed. Resuming at step k and drawing image i
need nothing from earlier steps or images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ddpm.arguments import check_wholes


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed: the SHA-256 of the parts, so that similar parts give unrelated seeds."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator_for(*parts: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator on `device`, seeded with `derive_seed(*parts)`."""
    return torch.Generator(device).manual_seed(derive_seed(*parts))


class ImageNoise:
    """Standard normal noise for a batch, where image i depends on seed i alone.

    Each call returns the next float32 tensor [N, *shape]. It is drawn on the CPU for every device, so that
    a seed gives the same image everywhere up to rounding. (PyTorch's CPU generator uses only the lowest
    32 bits of a seed.) RequestError: seeds or sides that are no whole numbers.
    """

    def __init__(
        self, seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        check_wholes("seeds", seeds, least=0)
        check_wholes("shape", shape, least=0)
        self.shape = tuple(shape)
        self.device = device
        self.generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

    def __call__(self) -> Tensor:
        noise = [
            torch.randn(self.shape, generator=generator, dtype=torch.float32, device="cpu")
            for generator in self.generators
        ]
        return torch.stack(noise).to(self.device)
