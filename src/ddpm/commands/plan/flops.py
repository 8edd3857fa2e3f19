"""How much of what a graphics card can do a training makes use of ("model FLOP utilization")."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ddpm.data.pixels import to_model
from ddpm.device import autocast
from ddpm.models.base import GenerativeModel, as_diffusion

COUNTED = 8  # images on which operations are counted; an image's do not depend on how many
SIDE = 8192  # of the square matrices that are multiplied for the peak
TIMES = 20


def utilization(model: GenerativeModel, images: Tensor, rate: float) -> float | None:
    """Operations a second of steps at `rate` images/s, as a share of those of a large product of matrices.

    Both in bf16, on the model's graphics card, one measured right after the other; `images` are uint8
    [N, C, H, W]. None elsewhere, in another precision and for a model that is no single network.
    """
    diffusion = as_diffusion(model)
    if diffusion is None or (diffusion.device.type, diffusion.precision) != ("cuda", "bf16"):
        return None
    x = to_model(images[:COUNTED]).to(diffusion.device)
    return rate * operations(diffusion.network, x, diffusion.precision) / peak(diffusion.device)


def operations(network: nn.Module, x: Tensor, precision: str) -> float:
    """Those of one image's way through `network` and back; a multiplication and an addition are two.

    Convolutions, matrix products and attention are counted, as torch counts them; x [N, C, H, W].
    """
    t = torch.zeros(len(x), dtype=torch.long, device=x.device)
    counter = FlopCounterMode(display=False)
    with counter:
        with autocast(precision, x.device):
            answer: Tensor = network(x, t)
        answer.float().sum().backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)
    return counter.get_total_flops() / len(x)


def peak(device: torch.device) -> float:
    """Operations a second of SIDE x SIDE matrices multiplied in bf16 on a graphics card."""
    matrix = torch.randn(SIDE, SIDE, device=device, dtype=torch.bfloat16)
    for _ in range(3):  # warm-up
        matrix @ matrix
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    for _ in range(TIMES):
        matrix @ matrix
    torch.cuda.synchronize(device)
    return 2 * SIDE**3 * TIMES / (time.perf_counter() - began)
