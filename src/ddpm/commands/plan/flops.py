"""Model FLOP utilization (MFU): the share of a GPU's peak that training uses."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ddpm.data.pixels import to_model
from ddpm.device import autocast
from ddpm.models.base import GenerativeModel, as_diffusion

COUNTED_IMAGES = 8  # FLOPs per image do not depend on it
MATRIX_SIDE = 8192  # rows and columns of the matrices whose product measures the peak
REPEATS = 20


def utilization(model: GenerativeModel, images: Tensor, rate: float) -> float | None:
    """Return the FLOPs per second of training at `rate` images/s over those of a large matrix product.

    `images` are uint8 [N, C, H, W]. None unless the model is a diffusion model that trains in bf16 on CUDA.
    """
    diffusion = as_diffusion(model)
    if diffusion is None or (diffusion.device.type, diffusion.precision) != ("cuda", "bf16"):
        return None
    x = to_model(images[:COUNTED_IMAGES]).to(diffusion.device)
    return (
        rate
        * flops_per_image(diffusion.network, x, diffusion.precision)
        / peak_flops(diffusion.device)
    )


def flops_per_image(network: nn.Module, x: Tensor, precision: str) -> float:
    """Count the FLOPs of a forward and backward pass for one image; x [N, C, H, W].

    torch counts convolutions, matrix products and attention; a multiply-add is two operations.
    """
    t = torch.zeros(len(x), dtype=torch.long, device=x.device)
    counter = FlopCounterMode(display=False)
    with counter:
        with autocast(precision, x.device):
            prediction: Tensor = network(x, t)
        prediction.float().sum().backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)
    return counter.get_total_flops() / len(x)


def peak_flops(device: torch.device) -> float:
    """Measure the FLOPs per second of a `MATRIX_SIDE` x `MATRIX_SIDE` matrix product in bf16 on a GPU."""
    generator = torch.Generator(device).manual_seed(0)
    matrix = torch.randn(
        MATRIX_SIDE, MATRIX_SIDE, generator=generator, device=device, dtype=torch.bfloat16
    )
    for _ in range(3):  # warm-up
        matrix @ matrix
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    for _ in range(REPEATS):
        matrix @ matrix
    torch.cuda.synchronize(device)
    return 2 * MATRIX_SIDE**3 * REPEATS / (time.perf_counter() - began)
