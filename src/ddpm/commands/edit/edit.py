"""Pictures of interpolations, inpaintings and refinements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ddpm.commands.edit.edit_sheets import (
    inpainting_sheet,
    interpolation_sheet,
    refinement_sheet,
)
from ddpm.config import SamplingConfig
from ddpm.data.image_files import image_shape, read_image
from ddpm.data.pixels import to_model
from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel, open_model
from ddpm.messages import sentence
from ddpm.models import image_editing
from ddpm.models.base import DiffusionModel, as_diffusion
from ddpm.models.memory_limits import check_image_memory
from ddpm.models.spec import ModelSpec
from ddpm.sampling.labels import blended_labels, choose_labels
from ddpm.sampling.settings import resolve_settings, settings_suffix
from ddpm.terminal import Progress, print_line
from ddpm.visuals.layout import fit_layout
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
    to_label: str | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> Path:
    """Sample rows of images between pairs of seeds; return the picture's path.

    With `to_label`, each row also goes from the class `label` to this one.
    """
    opened, model, settings = _open_diffusion_model(target, overrides, device, out)
    settings = image_editing.deterministic_settings(settings)
    rows, columns = [], between + 2
    _check_picture(model, pairs, columns)
    with _announce_and_open_bar(opened, settings) as bar:
        for pair in range(pairs):
            ends = (seed + 2 * pair, seed + 2 * pair + 1)
            labels = choose_labels(
                model, [ends[0]] * columns, label, start=pair * columns, columns=columns
            )
            if to_label is not None:
                labels = blended_labels(model, label, to_label, columns)

            def report(done: int, total: int, pair: int = pair) -> None:
                bar.report(pair * total + done, pairs * total)

            rows.append(
                image_editing.interpolate(model, ends, between, settings, labels, progress=report)
            )
    path = out or _default_path(
        opened, "interpolation" + _name_suffix(overrides, seed, _label_path(label, to_label))
    )
    interpolation_sheet(model, settings, torch.cat(rows), pairs, seed).save(path)
    return path


def _label_path(label: str | None, to_label: str | None) -> str | None:
    """Return the labels as part of a file name: `3`, or `3-to-8`."""
    return label if to_label is None else f"{label}-to-{to_label}"


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
    """Draw the image, the image without the masked part, and `n` variants in a row; return the path.

    RequestError if the model is not a diffusion model, or if the mask marks nothing or everything or has
    another shape.
    """
    opened, model, settings = _open_diffusion_model(target, overrides, device, out)
    _check_picture(model, 1, n + 2)
    region = read_mask(mask, image, model.spec.image_shape)
    original = read_original(image, model.spec)
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    with _announce_and_open_bar(opened, settings) as bar:
        variants = image_editing.inpaint(
            model, original, region, seeds, settings, labels, progress=bar.report
        )
    name = f"{image.stem}-{mask.stem}-inpainted" + _name_suffix(overrides, seed, label)
    path = out or _default_path(opened, name)
    inpainting_sheet(model, settings, original, region, variants, seed).save(path)
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
    """Draw the image and `n` variants in a row; return the picture's path."""
    opened, model, settings = _open_diffusion_model(target, overrides, device, out)
    _check_picture(model, 1, n + 1)
    original = read_original(image, model.spec)
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    shortened = image_editing.refine_settings(model, strength, settings)
    with _announce_and_open_bar(opened, shortened) as bar:
        variants = image_editing.refine(
            model, original, strength, seeds, settings, labels, progress=bar.report
        )
    name = f"{image.stem}-refined-{strength:g}" + _name_suffix(overrides, seed, label)
    path = out or _default_path(opened, name)
    refinement_sheet(model, shortened, original, variants, strength, seed).save(path)
    return path


def _open_diffusion_model(
    target: str, overrides: Sequence[str], device: str, out: Path | None
) -> tuple[OpenedModel, DiffusionModel, SamplingConfig]:
    """Open the model and resolve its settings. RequestError if it is not a diffusion model."""
    if out is not None:
        check_picture_path(out)
    opened = open_model(target, device)
    model, family = as_diffusion(opened.model), opened.model.spec.config.family
    if model is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, but only diffusion models edit images; pass "
            f"{family.required_model}."
        )
    return opened, model, resolve_settings(opened.model, overrides)


def _check_picture(model: DiffusionModel, rows: int, columns: int) -> None:
    """Raise RequestError, before anything is sampled, if the picture would be too large."""
    fit_layout(rows, columns, model.spec.image_shape[1:])
    check_image_memory(rows * columns, model.spec.image_shape, f"{rows:,} x {columns:,}")


def _announce_and_open_bar(opened: OpenedModel, settings: SamplingConfig) -> Progress:
    """Print the sampling settings and return a progress bar of the steps."""
    print_line(f"{sentence(opened.model.describe_sampling(settings))} from {opened.origin}")
    return Progress("sampling", settings.steps, unit="steps")


def read_original(image: Path, spec: ModelSpec) -> Tensor:
    """Read an image as the model was trained on such images, float [C, H, W] in [-1, 1]."""
    return to_model(torch.from_numpy(read_image(image, spec.image_shape, spec.config.data.range)))


def read_mask(mask: Path, image: Path, shape: tuple[int, int, int]) -> Tensor:
    """Read a mask, float [1, H, W]: 1 where the image is redrawn, 0 elsewhere.

    RequestError if its aspect ratio is not the image's, or if it is all white or all black.
    """
    (_, height, width), (_, rows, columns) = image_shape(image), image_shape(mask)
    # With another aspect ratio (beyond one pixel), mask and image would be cropped differently.
    if min(abs(rows - height * columns / width), abs(columns - width * rows / height)) > 1:
        raise RequestError(
            f"{mask} is {rows}x{columns}, but {image} is {height}x{width}; use the same aspect ratio."
        )
    region = torch.from_numpy(read_image(mask, (1, *shape[1:])) >= MASK_THRESHOLD).float()
    if region.any() and not region.all():
        return region
    found, missing = ("white", "black") if region.any() else ("black", "white")
    full_mask = read_image(mask, (1, rows, columns)) >= MASK_THRESHOLD
    if full_mask.any() and not full_mask.all():
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
    """Return a file name suffix of the settings that are not defaults, so that file names differ."""
    seed_part = f"-seed-{seed}" if seed else ""
    label_part = "" if label is None else f"-label-{label}"
    return seed_part + label_part + settings_suffix(overrides)


def _default_path(opened: OpenedModel, name: str) -> Path:
    """Return the path of a picture in the run's samples folder; without a run, in the current folder."""
    if opened.run is None:
        return Path(f"{opened.name}-{name}.png")
    return opened.run.samples / f"{name}.png"
