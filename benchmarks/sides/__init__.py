"""What is compared: each side trains and draws in its library's own way, behind one small protocol."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor, nn

RATE = 1e-3  # Adam's, on every side
CLIP = 1.0  # gradient norm, likewise: the default of both peers' training scripts and of ours


@dataclass(frozen=True)
class Setup:
    """What a worker process is told on its command line."""

    side: str  # a key of `SIDES`
    network: str = ""  # ours: a key of `matching.MATCHED`, or a preset's name
    precision: str = "fp32"
    batch: int = 64
    device: str = "cpu"
    threads: int = 0  # 0: torch's choice
    seed: int = 0
    images: str = ""  # an .npy of uint8 [N, C, H, W]; none: random bytes, 10,000 of 1x28x28


class Side(Protocol):
    """A network with its objective, optimizer, moving average and sampler."""

    network: nn.Module
    versions: dict[str, str]

    @property
    def compiled(self) -> bool:
        """Whether training steps run a network that torch.compile made."""

    def step(self) -> Tensor:
        """Train on one batch of `Setup.batch` images; the loss, without its graph."""

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """The network's answer to x [N, C, H, W] at t [N]."""

    def draw(self, n: int, steps: int, seed: int) -> Tensor:
        """`n` images from the averaged weights with `steps` solver steps, uint8 [n, C, H, W]."""

    def state(self) -> dict[str, Any]:
        """All that training goes on from."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""


SIDES = {
    "ours": ("benchmarks.sides.ours", "Ours"),
    "lucidrains": ("benchmarks.sides.lucidrains", "Lucidrains"),
    "diffusers": ("benchmarks.sides.huggingface", "Diffusers"),
}
PEERS = tuple(name for name in SIDES if name != "ours")


def make_side(setup: Setup, images: Tensor) -> Side:
    """The side that `setup` names, on `images` uint8 [N, C, H, W]."""
    module, name = SIDES[setup.side]
    side: Side = getattr(import_module(module), name)(setup, images)
    return side
