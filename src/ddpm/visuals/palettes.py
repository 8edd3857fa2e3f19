"""The palette that all frames of a GIF share, and images as indices into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from ddpm.visuals.layout import Pixels
from ddpm.visuals.style import BACKGROUND, INK

Floats = NDArray[np.float64]

_SAMPLED = 20_000  # pixels that a palette is made from
_ROUNDS = 4  # of k-means
_RAMP = 4  # entries from the ink to the background, for words and gaps


@dataclass(frozen=True)
class Palette:
    """At most 256 colors, uint8 [K, 3]; `grey` where they are evenly spaced greys, black first."""

    colors: Pixels
    grey: bool

    @property
    def background(self) -> int:
        """The index of white, which every palette holds."""
        return len(self.colors) - 1

    def indices(self, pixels: Pixels) -> Pixels:
        """The nearest entry of every pixel: [N, H, W] from grey [N, H, W] or color [N, H, W, 3]."""
        if self.grey:
            nearest = np.rint(pixels * ((len(self.colors) - 1) / 255))
            greys: Pixels = nearest.astype(np.uint8)
            return greys
        count, height, width = pixels.shape[:3]
        tall = Image.fromarray(pixels.reshape(count * height, width, 3))
        found = tall.quantize(palette=self._book(), dither=Image.Dither.NONE)
        return np.array(found, np.uint8).reshape(count, height, width)

    def picture(self, indices: Pixels) -> Image.Image:
        """Indices [H, W] as a picture of this palette."""
        height, width = indices.shape
        picture = Image.frombytes("P", (width, height), indices.tobytes())
        picture.putpalette(self.colors.tobytes())
        return picture

    def _book(self) -> Image.Image:
        """256 entries, the free ones filled with the first color so that none of them is nearer."""
        filled = np.concatenate([self.colors, self.colors[:1].repeat(256 - len(self.colors), 0)])
        book = Image.new("P", (1, 1))
        book.putpalette(filled.tobytes())
        return book


def make_palette(samples: Sequence[Pixels], count: int) -> Palette:
    """`count` colors (16 … 256) for images like `samples` [N, H, W] or [N, H, W, 3].

    Greys are evenly spaced: off by at most 255 / (2 (count - 1)). Colors are the means of a few rounds
    of k-means begun at an octree's, which keeps the hues of small parts where a median cut turns them
    grey; beside them a short ramp of greys that ends in white.
    """
    if samples[0].ndim == 3:
        levels = np.rint(np.linspace(0, 255, count)).astype(np.uint8)
        return Palette(levels[:, None].repeat(3, axis=1), grey=True)
    pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples])
    sparse = np.ascontiguousarray(pixels[:: 1 + len(pixels) // _SAMPLED])
    found = Image.fromarray(sparse[None]).quantize(count - _RAMP, method=Image.Quantize.FASTOCTREE)
    entries = np.array(found.getpalette(), np.float64).reshape(-1, 3)[: count - _RAMP]
    ends = [ImageColor.getrgb(name)[:3] for name in (INK, BACKGROUND)]
    ramp = np.linspace(ends[0], ends[1], _RAMP)
    colors = np.concatenate([_means(sparse.astype(np.float64), entries), ramp])
    return Palette(np.rint(colors).astype(np.uint8), grey=False)


def _means(pixels: Floats, entries: Floats) -> Floats:
    """`entries` [K, 3] moved to the means of the `pixels` [N, 3] nearest to them (Lloyd 1982)."""
    for _ in range(_ROUNDS):
        nearest = ((entries**2).sum(axis=1) - 2 * pixels @ entries.T).argmin(axis=1)
        counts = np.bincount(nearest, minlength=len(entries))
        sums = np.stack([np.bincount(nearest, band, len(entries)) for band in pixels.T], axis=1)
        entries = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], entries)
    return entries
