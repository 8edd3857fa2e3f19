"""Sides of the comparison: each trains and samples as its library does, behind one protocol."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor, nn

RATE = 1e-3  # Adam's, on every side
CLIP = 1.0  # gradient norm, likewise: the default of both peers' training scripts and of ours


@dataclass(frozen=True)
class Setup:
    """Arguments of a worker process."""

    side: str  # a key of `SIDES`
    network: str = ""  # ours: a key of `matching.MATCHED`, or a preset's name
    precision: str = "fp32"
    batch: int = 64
    device: str = "cpu"
    threads: int = 0  # 0: torch's choice
    seed: int = 0
    images: str = ""  # an .npy of uint8 [N, C, H, W]; none: random bytes, 10,000 of 1x28x28


class Side(Protocol):
    """Protocol of a side: a network with its objective, optimizer, moving average and sampler."""

    network: nn.Module
    versions: dict[str, str]

    @property
    def compiled(self) -> bool:
        """Return whether training steps run a compiled network."""

    def step(self) -> Tensor:
        """Train on one batch of `Setup.batch` images and return the detached loss."""

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the output of the network for x [N, C, H, W] at t [N]."""

    def draw(self, n: int, steps: int, seed: int) -> Tensor:
        """Draw `n` images from the averaged weights with `steps` solver steps, uint8 [n, C, H, W]."""

    def state(self) -> dict[str, Any]:
        """Return all that training needs to resume."""

    def load(self, state: dict[str, Any]) -> None:
        """Resume from what `state` returned."""


SIDES = {
    "ours": ("benchmarks.sides.ours", "Ours"),
    "lucidrains": ("benchmarks.sides.lucidrains", "Lucidrains"),
    "diffusers": ("benchmarks.sides.huggingface", "Diffusers"),
}
PEERS = tuple(name for name in SIDES if name != "ours")


def make_side(setup: Setup, images: Tensor) -> Side:
    """Return the side that `setup` names, on `images` uint8 [N, C, H, W]."""
    module, name = SIDES[setup.side]
    side: Side = getattr(import_module(module), name)(setup, images)
    return side
