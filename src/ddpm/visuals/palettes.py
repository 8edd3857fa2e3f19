"""Color palettes of GIF frames, and images as indices into a palette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from ddpm.visuals.layout import Pixels
from ddpm.visuals.style import BACKGROUND, INK

Floats = NDArray[np.float64]

_MAX_SAMPLES = 20_000  # pixels that a palette is computed from
_ITERATIONS = 4  # of k-means
_RAMP = 4  # entries from the ink to the background, for text and gaps


@dataclass(frozen=True)
class Palette:
    """At most 256 colors, uint8 [K, 3]. If `gray`, they are evenly spaced grays from black to white."""

    colors: Pixels
    gray: bool

    @property
    def background(self) -> int:
        """Index of white, the last entry of every palette."""
        return len(self.colors) - 1

    def indices(self, pixels: Pixels) -> Pixels:
        """Return the nearest entry of every pixel [N, H, W]; pixels are [N, H, W] gray or [N, H, W, 3]."""
        if self.gray:
            nearest = np.rint(pixels * ((len(self.colors) - 1) / 255))
            indices: Pixels = nearest.astype(np.uint8)
            return indices
        count, height, width = pixels.shape[:3]
        stacked = Image.fromarray(pixels.reshape(count * height, width, 3))
        quantized = stacked.quantize(palette=self._palette_image(), dither=Image.Dither.NONE)
        return np.array(quantized, np.uint8).reshape(count, height, width)

    def picture(self, indices: Pixels) -> Image.Image:
        """Return indices [H, W] as a picture with this palette."""
        height, width = indices.shape
        picture = Image.frombytes("P", (width, height), indices.tobytes())
        picture.putpalette(self.colors.tobytes())
        return picture

    def _palette_image(self) -> Image.Image:
        """Return an image with a full palette; the first color fills the unused entries."""
        filled = np.concatenate([self.colors, self.colors[:1].repeat(256 - len(self.colors), 0)])
        image = Image.new("P", (1, 1))
        image.putpalette(filled.tobytes())
        return image


def make_palette(samples: Sequence[Pixels], count: int) -> Palette:
    """Return `count` colors (16 to 256) for images like `samples`, [N, H, W] or [N, H, W, 3].

    Grays are evenly spaced, with an error of at most 255 / (2 (count - 1)). Colors come from k-means
    started at an octree, which keeps the hue of small areas, plus a short ramp of grays up to white.
    """
    if samples[0].ndim == 3:
        levels = np.rint(np.linspace(0, 255, count)).astype(np.uint8)
        return Palette(levels[:, None].repeat(3, axis=1), gray=True)
    pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples])
    sparse = np.ascontiguousarray(pixels[:: 1 + len(pixels) // _MAX_SAMPLES])
    octree = Image.fromarray(sparse[None]).quantize(count - _RAMP, method=Image.Quantize.FASTOCTREE)
    entries = np.array(octree.getpalette(), np.float64).reshape(-1, 3)[: count - _RAMP]
    ends = [ImageColor.getrgb(name)[:3] for name in (INK, BACKGROUND)]
    ramp = np.linspace(ends[0], ends[1], _RAMP)
    colors = np.concatenate([_k_means(sparse.astype(np.float64), entries), ramp])
    return Palette(np.rint(colors).astype(np.uint8), gray=False)


def _k_means(pixels: Floats, entries: Floats) -> Floats:
    """Return the k-means centers of `pixels` [N, 3], starting at `entries` [K, 3] (Lloyd 1982)."""
    for _ in range(_ITERATIONS):
        nearest = ((entries**2).sum(axis=1) - 2 * pixels @ entries.T).argmin(axis=1)
        counts = np.bincount(nearest, minlength=len(entries))
        sums = np.stack(
            [np.bincount(nearest, channel, len(entries)) for channel in pixels.T], axis=1
        )
        entries = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], entries)
    return entries
