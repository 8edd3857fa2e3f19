"""Sheets of edits: what stands in which cell, and what the caption says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ddpm.commands.edit.edit_sheets import inpainting_sheet, interpolation_sheet, refinement_sheet
from ddpm.models.ddpm import Ddpm

WHITE, BLACK = torch.ones(1, 8, 8), -torch.ones(1, 8, 8)
VARIANTS = torch.stack([BLACK, WHITE])


def test_an_inpainting_begins_with_the_image_and_its_hole(small_ddpm: Callable[..., Ddpm]) -> None:
    model, region = small_ddpm(), torch.zeros(1, 8, 8)
    region[..., 4:] = 1
    sheet = inpainting_sheet(model, model.spec.config.sampling, WHITE, region, VARIANTS, seed=7)
    image, masked, first, second = sheet.images[:, 0]
    assert (sheet.rows, sheet.columns) == (1, 4)
    assert (image == 255).all() and (first == 0).all() and (second == 255).all()
    assert (masked[:, :4] == 255).all() and set(np.unique(masked[:, 4:])) <= {127, 128}
    assert sheet.caption.startswith("image, mask, 2 variants (") and "seeds 7–8" in sheet.caption


def test_a_refinement_begins_with_the_image(small_ddpm: Callable[..., Ddpm]) -> None:
    model = small_ddpm()
    settings = replace(model.spec.config.sampling, steps=2)
    sheet = refinement_sheet(model, settings, WHITE, VARIANTS, 0.5, seed=0)
    assert [int(image.mean()) for image in sheet.images] == [255, 0, 255]
    assert (sheet.rows, sheet.columns) == (1, 3)
    assert "at strength 0.5" in sheet.caption and "2 steps" in sheet.caption


def test_an_interpolation_has_a_row_for_each_pair(
    small_ddpm: Callable[..., Ddpm], workplace: Path
) -> None:
    model, images = small_ddpm(), torch.zeros(6, 1, 8, 8)
    sheet = interpolation_sheet(model, model.spec.config.sampling, images, pairs=2, seed=4)
    assert (sheet.rows, sheet.columns) == (2, 3) and "seeds 4–7" in sheet.caption
    sheet.save(Path("sheet.png"))
    with Image.open("sheet.png") as picture:
        assert picture.format == "PNG" and picture.width > picture.height / 2
