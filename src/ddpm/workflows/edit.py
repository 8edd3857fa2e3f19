"""`ddpm interpolate`, `inpaint` and `refine`: a picture for each of the library's editing functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.pixels import to_model, to_uint8
from ddpm.errors import RequestError
from ddpm.models import editing
from ddpm.models.ddpm import Ddpm
from ddpm.models.student import Student
from ddpm.visuals.grids import save_grid
from ddpm.visuals.saving import check_picture
from ddpm.workflows.opening import Opened, open_model
from ddpm.workflows.pictures import read_image
from ddpm.workflows.progress import say
from ddpm.workflows.sample import Images, choose_labels
from ddpm.workflows.settings import chosen_settings

MASK_EDGE = 128  # a mask's grey value from which a pixel is redrawn


def write_interpolation(
    target: str,
    overrides: Sequence[str],
    *,
    pairs: int,
    between: int,
    seed: int = 0,
    label: str | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> Path:
    """Rows of images, each walking from one seed's image to the next seed's."""
    opened, model, settings = _open(target, overrides, device, out)
    rows = []
    for pair in range(pairs):
        ends = (seed + 2 * pair, seed + 2 * pair + 1)
        labels = choose_labels(model, [ends[0]] * (between + 2), label)
        rows.append(editing.interpolate(model, ends, between, settings, labels))
    path = out or _beside(opened, "interpolation")
    seeds = f"seeds {seed}–{seed + 2 * pairs - 1}"
    caption = f"each row from one seed to the next, {seeds}, {model.drawing(settings)}"
    save_grid(path, _pixels(torch.cat(rows)), pairs, between + 2, caption=caption)
    return path


def write_inpainting(
    target: str,
    overrides: Sequence[str],
    *,
    image: Path,
    mask: Path,
    n: int = 4,
    seed: int = 0,
    label: str | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> Path:
    """The image, the image with its hole, and n answers in one row."""
    opened, model, settings = _open(target, overrides, device, out)
    original = read_image(image, model.spec.image_shape)
    hole = torch.from_numpy(read_image(mask, (1, *model.spec.image_shape[1:])) >= MASK_EDGE).float()
    if not hole.any() or hole.all():
        raise RequestError(
            f"{mask} must be white where the image is to be redrawn and black where it is kept; "
            f"it is {'all white' if hole.all() else 'all black'}."
        )
    known = to_model(torch.from_numpy(original))
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    answers = editing.inpaint(model, known, hole, seeds, settings, labels)
    holed = known * (1 - hole)  # grey where it is to be redrawn
    path = out or _beside(opened, f"{image.stem}-inpainted")
    shown = torch.cat([known[None], holed[None], answers.cpu()])
    caption = f"image, mask, {n} answers ({model.drawing(settings)}, seeds {seed}–{seed + n - 1})"
    save_grid(path, _pixels(shown), 1, n + 2, caption=caption)
    return path


def write_refinement(
    target: str,
    overrides: Sequence[str],
    *,
    image: Path,
    strength: float,
    n: int = 4,
    seed: int = 0,
    label: str | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> Path:
    """The image and n answers in one row."""
    opened, model, settings = _open(target, overrides, device, out)
    original = to_model(torch.from_numpy(read_image(image, model.spec.image_shape)))
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    answers = editing.refine(model, original, strength, seeds, settings, labels)
    path = out or _beside(opened, f"{image.stem}-refined")
    how = f"{model.drawing(settings)}, seeds {seed}–{seed + n - 1}"
    caption = f"image, {n} answers at strength {strength:g} ({how})"
    save_grid(path, _pixels(torch.cat([original[None], answers.cpu()])), 1, n + 1, caption=caption)
    return path


def _open(
    target: str, overrides: Sequence[str], device: str, out: Path | None
) -> tuple[Opened, Ddpm, SamplingConfig]:
    if out is not None:
        check_picture(out)
    opened = open_model(target, device)
    if not isinstance(opened.model, Ddpm):
        student = isinstance(opened.model, Student)
        what = "few-step student" if student else "DCGAN"
        which = "its teacher" if student else "one of those"
        raise RequestError(
            f"{opened.name} is a {what}, but only diffusion models edit images; name {which}."
        )
    settings = chosen_settings(opened.model, overrides)
    say(f"{opened.model.drawing(settings)} from {opened.origin}")
    return opened, opened.model, settings


def _beside(opened: Opened, name: str) -> Path:
    if opened.run is None:
        return Path(f"{opened.name}-{name}.png")
    return opened.run.samples / f"{name}.png"


def _pixels(images: Tensor) -> Images:
    pixels: Images = np.asarray(to_uint8(images).cpu().numpy())
    return pixels
