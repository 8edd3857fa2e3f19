"""Dropout whose masks are drawn from a seed, so that training neither uses nor changes global generators."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014) that draws its masks from `generator`, if it is set."""

    generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.generator is None or not self.training or not self.p:
            return super().forward(x)
        # as torch draws masks on the CPU, so that a seed gives the numbers of the global generator
        mask = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)
        return x * mask.div_(1 - self.p)


@contextlib.contextmanager
def seeded_dropout(
    network: nn.Module, seed: int, device: torch.device, *, compiled: bool
) -> Iterator[None]:
    """Draw the dropout masks of `network` on `device` from `seed` inside the block.

    Fused kernels of CUDA and compiled networks can only draw from the global generators, which are seeded
    and then restored.
    """
    if compiled or device.type == "cuda":
        with restored_generators(device):
            torch.manual_seed(seed)
            yield
        return
    layers = [layer for layer in network.modules() if isinstance(layer, Dropout)]
    generator = torch.Generator(device).manual_seed(seed)
    for layer in layers:
        layer.generator = generator
    try:
        yield
    finally:
        for layer in layers:
            layer.generator = None


@contextlib.contextmanager
def restored_generators(device: torch.device) -> Iterator[None]:
    """Restore the global generators of the CPU, and of all CUDA devices for a CUDA `device`, at the end."""
    devices = range(torch.cuda.device_count()) if device.type == "cuda" else ()
    with torch.random.fork_rng(list(devices)):
        yield
