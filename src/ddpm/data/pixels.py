"""The one place that knows how bytes and model range are scaled into each other.

The mapping is fixed, never min-max: a grey value means the same in every image and every frame.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_model(images: Tensor) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1] (Ho et al. 2020, section 3.3): 0 is -1, 255 is 1."""
    return images.to(torch.float32) / 127.5 - 1.0


def to_uint8(x: Tensor) -> Tensor:
    """Floats of any shape -> uint8, rounded, clamped to [-1, 1]; inverts ``to_model`` exactly."""
    return ((x.to(torch.float32) + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
