"""Pictures of interpolations, inpaintings and refinements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images, image_shape, read_image
from ddpm.data.pixels import to_model, to_uint8
from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel, open_model
from ddpm.messages import sentence
from ddpm.models import image_editing
from ddpm.models.base import DiffusionModel, as_diffusion
from ddpm.sampling.draw import choose_labels
from ddpm.sampling.settings import resolve_settings, settings_suffix
from ddpm.terminal import Progress, print_line
from ddpm.visuals.grids import save_grid
from ddpm.visuals.saving import check_picture_path

MASK_THRESHOLD = 128  # gray value of a mask from which a pixel is redrawn


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
    """Draw rows of images, each from one seed's image to the next seed's; return the picture's path."""
    opened, model, settings = _open(target, overrides, device, out)
    settings = image_editing.deterministic_settings(settings)
    rows = []
    with _drawing_bar(opened, settings) as bar:
        for pair in range(pairs):
            ends = (seed + 2 * pair, seed + 2 * pair + 1)
            labels = choose_labels(model, [ends[0]] * (between + 2), label)

            def reach(done: int, total: int, pair: int = pair) -> None:
                bar.report(pair * total + done, pairs * total)

            rows.append(
                image_editing.interpolate(model, ends, between, settings, labels, progress=reach)
            )
    path = out or _default_path(opened, "interpolation" + _name_suffix(overrides, seed, label))
    seeds = f"seeds {seed}–{seed + 2 * pairs - 1}"
    caption = f"each row from one seed to the next, {seeds}, {sentence(model.describe_sampling(settings))}"
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
    """Draw the image, the image without the masked part, and `n` answers in a row; return the path.

    RequestError: not a diffusion model, or a mask that marks nothing, everything or another shape.
    """
    opened, model, settings = _open(target, overrides, device, out)
    redrawn = _read_mask(mask, image, model.spec.image_shape)
    original = to_model(torch.from_numpy(read_image(image, model.spec.image_shape)))
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    with _drawing_bar(opened, settings) as bar:
        answers = image_editing.inpaint(
            model, original, redrawn, seeds, settings, labels, progress=bar.report
        )
    masked = original * (1 - redrawn)  # gray where the image is redrawn
    name = f"{image.stem}-{mask.stem}-inpainted" + _name_suffix(overrides, seed, label)
    path = out or _default_path(opened, name)
    shown = torch.cat([original[None], masked[None], answers.cpu()])
    how = sentence(model.describe_sampling(settings))
    caption = f"image, mask, {n} answers ({how}, seeds {seed}–{seed + n - 1})"
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
    """Draw the image and `n` answers in a row; return the picture's path."""
    opened, model, settings = _open(target, overrides, device, out)
    original = to_model(torch.from_numpy(read_image(image, model.spec.image_shape)))
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    walked = image_editing.refine_settings(model, strength, settings)
    with _drawing_bar(opened, walked) as bar:
        answers = image_editing.refine(
            model, original, strength, seeds, settings, labels, progress=bar.report
        )
    name = f"{image.stem}-refined-{strength:g}" + _name_suffix(overrides, seed, label)
    path = out or _default_path(opened, name)
    how = f"{sentence(model.describe_sampling(walked))}, seeds {seed}–{seed + n - 1}"
    caption = f"image, {n} answers at strength {strength:g} ({how})"
    save_grid(path, _pixels(torch.cat([original[None], answers.cpu()])), 1, n + 1, caption=caption)
    return path


def _open(
    target: str, overrides: Sequence[str], device: str, out: Path | None
) -> tuple[OpenedModel, DiffusionModel, SamplingConfig]:
    """Open the model and resolve its settings. RequestError if it is not a diffusion model."""
    if out is not None:
        check_picture_path(out)
    opened = open_model(target, device)
    model, family = as_diffusion(opened.model), opened.model.spec.config.family
    if model is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, but only diffusion models edit images; name "
            f"{family.required_model}."
        )
    return opened, model, resolve_settings(opened.model, overrides)


def _drawing_bar(opened: OpenedModel, settings: SamplingConfig) -> Progress:
    """Print the sampling settings and return a progress bar of the steps."""
    print_line(f"{sentence(opened.model.describe_sampling(settings))} from {opened.origin}")
    return Progress("drawing", settings.steps, unit="steps")


def _read_mask(mask: Path, image: Path, shape: tuple[int, int, int]) -> Tensor:
    """Read a mask, float [1, H, W]: 1 where the image is redrawn, 0 elsewhere.

    RequestError: another aspect ratio than the image, all white or all black.
    """
    (_, height, width), (_, tall, wide) = image_shape(image), image_shape(mask)
    # The same aspect ratio up to one pixel; otherwise mask and image would be cropped differently.
    if min(abs(tall - height * wide / width), abs(wide - width * tall / height)) > 1:
        raise RequestError(
            f"{mask} is {tall}x{wide}, but {image} is {height}x{width}; use a mask of the same aspect ratio."
        )
    redrawn = torch.from_numpy(read_image(mask, (1, *shape[1:])) >= MASK_THRESHOLD).float()
    if redrawn.any() and not redrawn.all():
        return redrawn
    found, missing = ("white", "black") if redrawn.any() else ("black", "white")
    drawn = read_image(mask, (1, tall, wide)) >= MASK_THRESHOLD
    if drawn.any() and not drawn.all():
        raise RequestError(
            f"The {missing} part of {mask} is cropped away when it is resized to {shape[1]}x{shape[2]}; draw "
            "it larger or nearer to the center."
        )
    transparent = " (transparent pixels count as white)" if found == "white" else ""
    raise RequestError(
        f"{mask} must be white where the image is redrawn and black where it is kept; "
        f"it is all {found}{transparent}."
    )


def _name_suffix(overrides: Sequence[str], seed: int, label: str | None) -> str:
    """Return the settings that are not defaults, for a file name: no picture replaces another's."""
    seed_part = f"-seed-{seed}" if seed else ""
    label_part = "" if label is None else f"-label-{label}"
    return seed_part + label_part + settings_suffix(overrides)


def _default_path(opened: OpenedModel, name: str) -> Path:
    """Return the path of a picture in the run's samples, or here for weights without a run."""
    if opened.run is None:
        return Path(f"{opened.name}-{name}.png")
    return opened.run.samples / f"{name}.png"


def _pixels(images: Tensor) -> Images:
    """Convert images in [-1, 1] to uint8 [N, C, H, W]."""
    pixels: Images = np.asarray(to_uint8(images).cpu().numpy())
    return pixels
