"""Scaled dot-product attention, as every network here uses it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

MIN_FUSED_LENGTH = 128  # longer sequences run faster with torch's fused attention on the CPU
HEAD_CHANNELS = 64


def head_count(channels: int) -> int:
    """Return the number of attention heads: about 64 channels each, and a divisor of `channels`."""
    return next(h for h in range(max(1, channels // HEAD_CHANNELS), 0, -1) if channels % h == 0)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax(q kᵀ / √d) v for q, k, v [N, heads, positions, d] (Vaswani et al. 2017, Eq. 1).

    Uses torch's fused kernel, except for short sequences on the CPU, where its backward pass takes up
    to four times as long as plain products.
    """
    if q.device.type != "cpu" or q.shape[2] > MIN_FUSED_LENGTH:
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # [N, heads, positions, positions]
    mixed: Tensor = scores.float().softmax(-1).to(v.dtype) @ v
    return mixed
