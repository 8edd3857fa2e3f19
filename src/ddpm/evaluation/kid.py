"""The kernel distance KID (Bińkowski et al. 2018): unbiased MMD² with the kernel (x·y / D + 1)³."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.errors import RequestError

BLOCK = 128  # rows of the kernel matrix at once; small enough for the CPU cache


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return (x·y / D + 1)³ of x [N, D] and y [M, D], shape [N, M]."""
    base = torch.addmm(torch.ones((), dtype=x.dtype, device="cpu"), x / x.shape[1], y.T)
    return (base * base).mul_(base)


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """Return the unbiased MMD² of x [N, D] and y [M, D] (Gretton et al. 2012, eq. 3); may be negative."""
    weights = torch.ones(1, len(x), dtype=torch.float64, device="cpu")
    return weighted_mmd(x, y, weights).item()


def weighted_mmd(x: Tensor, y: Tensor, weights: Tensor, constant: Tensor | None = None) -> Tensor:
    """Return MMD² [B] of x [N, D], counted weights[b, i] times each, and y [M, D].

    Pairs of an image with itself are left out even if it counts twice, so the estimate stays
    unbiased under resampling. `constant`: mean_pair_kernel(y), if it is computed already.
    """
    x, y, w = x.double(), y.double(), weights.double()
    total = w.sum(dim=1)
    cross = torch.cat([kernel(part, y).mean(dim=1) for part in torch.split(x, BLOCK)])
    own = mean_pair_kernel(y) if constant is None else constant
    return mean_pair_kernel(x, w) - 2 * (w @ cross) / total + own


def mean_pair_kernel(x: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean of k(x_i, x_j) over i ≠ j of x [N, D]: [B] with weights [B, N], else [1]."""
    if len(x) < 2:
        raise RequestError("KID needs at least 2 images on both sides; give more images.")
    x = x.double()
    w = torch.ones(1, len(x), dtype=torch.float64, device="cpu") if weights is None else weights
    pairs = w.sum(dim=1).square() - w.square().sum(dim=1)
    return pair_sum(x, w) / pairs


def pair_sum(x: Tensor, weights: Tensor) -> Tensor:
    """Return Σ over i ≠ j of w_i w_j k(x_i, x_j) for each row of weights [B, N]."""
    total = torch.zeros(len(weights), dtype=torch.float64, device="cpu")
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        block = kernel(x[rows], x)
        block[
            torch.arange(len(block), device="cpu"),
            torch.arange(start, start + len(block), device="cpu"),
        ] = 0
        total += ((weights[:, rows] @ block) * weights).sum(dim=1)
    return total
