"""Augmentation sheet: a few images and their augmented views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddpm.config import Config, DataConfig, with_overrides
from ddpm.data.augmentation import Augmentation
from ddpm.data.catalogue import is_path
from ddpm.data.pixels import to_model, to_uint8
from ddpm.errors import RequestError
from ddpm.files import real_path
from ddpm.loading.datasets import open_dataset
from ddpm.models.augment_pipe import AugmentPipe
from ddpm.presets import PRESETS, get_preset
from ddpm.randomness import generator_for
from ddpm.terminal import escape
from ddpm.visuals.grids import save_grid
from ddpm.visuals.saving import check_picture_path

COLUMNS = 8
TRAINING_ROWS = 3  # rows with the augmentation of a training step
DEFAULT_AUGMENT = 0.15  # data.augment to show if it is off (Karras et al. 2022, for faces)


def augmentation_sheet(target: str, overrides: Sequence[str], out: Path) -> list[str]:
    """Draw originals above augmented rows into `out`; return the lines to print.

    RequestError if the images are not found, or if the configuration has no augmentation.
    """
    check_picture_path(out)
    config, note = _with_augmentation(_target_config(target, overrides))
    data = config.data
    images = _example_images(config)
    rows = {"original": images}
    if data.augment:
        rows |= {
            name: _one_transform(images, name, config.training.seed) for name in data.transforms
        }
    for step in range(TRAINING_ROWS):
        rows[f"training {step + 1}"] = _training_views(images, data, config.training.seed, step)
    cells = to_uint8(torch.cat([to_model(images) for images in rows.values()])).numpy()
    description = _describe_augmentation(data) + note
    save_grid(out, cells, len(rows), len(images), row_titles=list(rows), caption=description)
    return [description, escape(str(out))]


def _target_config(target: str, overrides: Sequence[str]) -> Config:
    """Return the configuration of a preset, or the preset `folder` with these images."""
    if target in PRESETS:
        return with_overrides(get_preset(target).config, overrides)
    folder = get_preset("folder").config
    path = str(real_path(Path(target).expanduser())) if is_path(target) else target
    return with_overrides(replace(folder, data=replace(folder.data, path=path)), overrides)


def _with_augmentation(config: Config) -> tuple[Config, str]:
    """Return the configuration to draw and a note. RequestError if it has no augmentation."""
    data = config.data
    if data.augment or data.flip or data.shift or data.crop:
        return config, ""
    if not config.has_reverse_process:
        raise RequestError(
            "This configuration has no augmentation; add --set data.flip=true or --set data.shift=2."
        )
    augmented = with_overrides(config, [f"data.augment={DEFAULT_AUGMENT}"])
    return augmented, f" (data.augment is off; shown with {DEFAULT_AUGMENT})"


def _example_images(config: Config) -> Tensor:
    """Return up to 8 training images, uint8 [N, C, H, W], evenly spread over the data set."""
    dataset = open_dataset(config)
    count = min(COLUMNS, len(dataset.train))
    chosen = dataset.train[np.linspace(0, len(dataset.train) - 1, count).round().astype(int)]
    return torch.from_numpy(np.array(dataset.images[chosen]))


def _one_transform(images: Tensor, transform: str, seed: int) -> Tensor:
    """Apply one transform to every image."""
    pipe = AugmentPipe(1.0, (transform,))
    views, _ = pipe(to_model(images), generator_for(seed, "preview", transform))
    return to_uint8(views)


def _training_views(images: Tensor, data: DataConfig, seed: int, step: int) -> Tensor:
    """Apply the augmentation of a training step."""
    images = Augmentation(data.flip, data.shift, data.crop)(images, seed, step)
    if not data.augment:
        return images
    pipe = AugmentPipe(data.augment, data.transforms)
    return to_uint8(pipe(to_model(images), generator_for(seed, "transforms", step + 1))[0])


def _describe_augmentation(data: DataConfig) -> str:
    """Return the augmentation in one line."""
    parts = ["flip"] if data.flip else []
    parts += [f"shift of {data.shift} pixels"] if data.shift else []
    parts += [f"crop of {data.crop:g}"] if data.crop else []
    if data.augment:
        names = ", ".join(data.transforms)
        parts += [f"with probability {data.augment:g} each, conditioned: {names}"]
    return "; ".join(parts)
