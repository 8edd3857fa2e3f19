"""Conversion between uint8 pixels and the models' range [-1, 1]. No other module scales pixels.

The mapping is fixed, never min-max, so a pixel value means the same in every image and frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.errors import RequestError


def to_model(images: Tensor) -> Tensor:
    """Return uint8 pixels of any shape as float32 in [-1, 1] (Ho et al. 2020, section 3.3).

    RequestError: anything but a uint8 tensor.
    """
    if not isinstance(images, Tensor) or images.dtype != torch.uint8:
        raise RequestError(f"Pixels must be a uint8 tensor, not {_describe(images)}.")
    return images.to(torch.float32) / 127.5 - 1.0


def to_unit_range(x: Tensor) -> Tensor:
    """Return floats in [-1, 1] of any shape in [0, 1], with gradients, neither clamped nor rounded."""
    return (x + 1.0) / 2


def to_uint8(x: Tensor) -> Tensor:
    """Return floats of any shape, clamped to [-1, 1], as rounded uint8. Inverts `to_model` exactly.

    RequestError: anything but a tensor of floats.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise RequestError(f"Model values must be a tensor of floats, not {_describe(x)}.")
    return ((x.to(torch.float32) + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _describe(value: object) -> str:
    return str(getattr(value, "dtype", f"a value of type {type(value).__name__}"))
