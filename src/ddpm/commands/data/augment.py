"""`ddpm data augment`: what training makes of a few images, beside the images themselves."""

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
from ddpm.loading.datasets import open_dataset
from ddpm.models.augment_pipe import AugmentPipe
from ddpm.presets import PRESETS, get_preset
from ddpm.randomness import generator_for
from ddpm.visuals.grids import save_grid
from ddpm.visuals.saving import check_picture

COLUMNS = 8
ROUNDS = 3  # rows as training sees them
USUAL = 0.15  # data.augment, shown where none is asked for: the paper's for faces


def augmentation_sheet(target: str, overrides: Sequence[str], out: Path) -> list[str]:
    """Write originals above augmented rows to `out`; what was drawn, a line each."""
    check_picture(out)
    config, note = _shown(_meant(target, overrides))
    data = config.data
    images = _a_few(config)
    rows = {"original": images}
    if data.augment:
        rows |= {name: _alone(images, name, config.training.seed) for name in data.transforms}
    for step in range(ROUNDS):
        rows[f"training {step + 1}"] = _as_trained(images, data, config.training.seed, step)
    cells = to_uint8(torch.cat([to_model(images) for images in rows.values()])).numpy()
    words = _words(data) + note
    save_grid(out, cells, len(rows), len(images), row_titles=list(rows), caption=words)
    return [words, str(out)]


def _meant(target: str, overrides: Sequence[str]) -> Config:
    """The configuration of a preset, or that of a training on these images."""
    if target in PRESETS:
        return with_overrides(get_preset(target).config, overrides)
    folder = get_preset("folder").config
    path = str(Path(target).expanduser().resolve()) if is_path(target) else target
    return with_overrides(replace(folder, data=replace(folder.data, path=path)), overrides)


def _shown(config: Config) -> tuple[Config, str]:
    """The configuration whose augmentation is drawn, and a remark; RequestError where there is none."""
    data = config.data
    if data.augment or data.flip or data.shift or data.crop:
        return config, ""
    if not config.has_reverse_process:
        raise RequestError(
            "Nothing is augmented; ask for it with --set data.flip=true or --set data.shift=2."
        )
    asked = with_overrides(config, [f"data.augment={USUAL}"])
    return asked, f" (data.augment is off; this is {USUAL})"


def _a_few(config: Config) -> Tensor:
    """Training images uint8 [8, C, H, W] at most, spread evenly over the set."""
    dataset = open_dataset(config)
    count = min(COLUMNS, len(dataset.train))
    chosen = dataset.train[np.linspace(0, len(dataset.train) - 1, count).round().astype(int)]
    return torch.from_numpy(np.array(dataset.images[chosen]))


def _alone(images: Tensor, transform: str, seed: int) -> Tensor:
    """One transform, of every image."""
    geometry = AugmentPipe(1.0, (transform,))
    views, _ = geometry(to_model(images), generator_for(seed, "preview", transform))
    return to_uint8(views)


def _as_trained(images: Tensor, data: DataConfig, seed: int, step: int) -> Tensor:
    """Everything that a training does, with its chances."""
    images = Augmentation(data.flip, data.shift, data.crop)(images, seed, step)
    if not data.augment:
        return images
    geometry = AugmentPipe(data.augment, data.transforms)
    return to_uint8(geometry(to_model(images), generator_for(seed, "transforms", step + 1))[0])


def _words(data: DataConfig) -> str:
    """What is done, in a line."""
    done = ["flip"] if data.flip else []
    done += [f"shift of {data.shift} pixels"] if data.shift else []
    done += [f"crop of {data.crop:g}"] if data.crop else []
    if data.augment:
        names = ", ".join(data.transforms)
        done += [f"told with probability {data.augment:g} each: {names}"]
    return "; ".join(done)
