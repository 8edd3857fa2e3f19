"""Tensors of a lesson as pictures and as the numbers of one pixel."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor

from ddpm.data.pixels import to_uint8


@dataclass(frozen=True)
class Pixel:
    """A pixel whose values a lesson shows: row and column; the first channel of color images."""

    row: int
    column: int


def data_url(x: Tensor, scale: float = 1.0) -> str:
    """Return x [C, H, W] / scale, clipped to [-1, 1], as the `data:` address of a PNG."""
    pixels = to_uint8(x / scale).permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def tensor_panel(x: Tensor, pixel: Pixel, *, scale: float = 1.0) -> dict[str, Any]:
    """Return a tensor [C, H, W] as a picture, its value at `pixel`, and its mean, deviation and range.

    `scale` is the value shown as white; -scale is black.
    """
    return {
        "picture": data_url(x, scale),
        "scale": scale,
        "value": float(x[0, pixel.row, pixel.column]),
        "mean": float(x.mean()),
        "std": float(x.std(correction=0)),
        "low": float(x.min()),
        "high": float(x.max()),
    }


def min_max_url(x: Tensor) -> str:
    """Return x [C, H, W] stretched to its own range: a display that hides errors of brightness."""
    low, high = x.min(), x.max()
    return data_url(2 * (x - low) / (high - low).clamp(min=1e-8) - 1)
