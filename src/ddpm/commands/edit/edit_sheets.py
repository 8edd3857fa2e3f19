"""Sheets that edits write: the image they start from, what is marked, and the variants, with a caption."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.data.pixels import to_uint8
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.visuals.grids import save_grid


@dataclass(frozen=True)
class EditSheet:
    """Images uint8 [N, C, H, W] in rows and columns, and the caption below them."""

    images: Images
    rows: int
    columns: int
    caption: str

    def save(self, path: Path) -> None:
        """Write the sheet to `path`, PNG or JPEG by its name."""
        save_grid(path, self.images, self.rows, self.columns, caption=self.caption)


def interpolation_sheet(
    model: GenerativeModel, settings: SamplingConfig, images: Tensor, pairs: int, seed: int
) -> EditSheet:
    """Return the sheet of `pairs` rows; `images` float [N, C, H, W] in [-1, 1], row by row."""
    seeds = f"seeds {seed}–{seed + 2 * pairs - 1}"
    how = sentence(model.describe_sampling(settings))
    caption = f"each row from one seed to the next, {seeds}, {how}"
    return EditSheet(_pixels(images), pairs, len(images) // pairs, caption)


def inpainting_sheet(
    model: GenerativeModel,
    settings: SamplingConfig,
    image: Tensor,
    region: Tensor,
    variants: Tensor,
    seed: int,
) -> EditSheet:
    """Return the sheet of the image, the image without the masked part, and the variants, in a row.

    `image` [C, H, W] and `variants` [N, C, H, W] are in [-1, 1]; `region` [1, H, W] is 1 where it is redrawn.
    """
    n = len(variants)
    masked = image * (1 - region)  # gray where the image is redrawn
    how = f"{sentence(model.describe_sampling(settings))}, seeds {seed}–{seed + n - 1}"
    shown = torch.cat([image[None], masked[None], variants.cpu()])
    return EditSheet(_pixels(shown), 1, n + 2, f"image, mask, {n} variants ({how})")


def refinement_sheet(
    model: GenerativeModel,
    settings: SamplingConfig,
    image: Tensor,
    variants: Tensor,
    strength: float,
    seed: int,
) -> EditSheet:
    """Return the sheet of the image and its variants in a row.

    `image` [C, H, W] and `variants` [N, C, H, W] are in [-1, 1]; `settings` are those of the shortened walk.
    """
    n = len(variants)
    how = f"{sentence(model.describe_sampling(settings))}, seeds {seed}–{seed + n - 1}"
    caption = f"image, {n} variants at strength {strength:g} ({how})"
    return EditSheet(_pixels(torch.cat([image[None], variants.cpu()])), 1, n + 1, caption)


def _pixels(images: Tensor) -> Images:
    """Convert images in [-1, 1] to uint8 [N, C, H, W]."""
    pixels: Images = np.asarray(to_uint8(images).cpu().numpy())
    return pixels
