"""`ddpm interpolate`, `inpaint` and `refine`: a picture for each of the library's editing functions."""

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
from ddpm.terminal import Progress, say
from ddpm.visuals.grids import save_grid
from ddpm.visuals.saving import check_picture

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
    settings = image_editing.quieted(settings)
    rows = []
    with _told(opened, settings) as bar:
        for pair in range(pairs):
            ends = (seed + 2 * pair, seed + 2 * pair + 1)
            labels = choose_labels(model, [ends[0]] * (between + 2), label)

            def reach(done: int, total: int, pair: int = pair) -> None:
                bar.report(pair * total + done, pairs * total)

            rows.append(
                image_editing.interpolate(model, ends, between, settings, labels, progress=reach)
            )
    path = out or _beside(opened, "interpolation" + _asked(overrides, seed, label))
    seeds = f"seeds {seed}–{seed + 2 * pairs - 1}"
    caption = f"each row from one seed to the next, {seeds}, {sentence(model.drawing(settings))}"
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
    hole = _read_hole(mask, image, model.spec.image_shape)
    known = to_model(torch.from_numpy(read_image(image, model.spec.image_shape)))
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    with _told(opened, settings) as bar:
        answers = image_editing.inpaint(
            model, known, hole, seeds, settings, labels, progress=bar.report
        )
    holed = known * (1 - hole)  # grey where it is to be redrawn
    name = f"{image.stem}-{mask.stem}-inpainted" + _asked(overrides, seed, label)
    path = out or _beside(opened, name)
    shown = torch.cat([known[None], holed[None], answers.cpu()])
    caption = f"image, mask, {n} answers ({sentence(model.drawing(settings))}, seeds {seed}–{seed + n - 1})"
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
    walked = image_editing.shortened(model, strength, settings)
    with _told(opened, walked) as bar:
        answers = image_editing.refine(
            model, original, strength, seeds, settings, labels, progress=bar.report
        )
    name = f"{image.stem}-refined-{strength:g}" + _asked(overrides, seed, label)
    path = out or _beside(opened, name)
    how = f"{sentence(model.drawing(walked))}, seeds {seed}–{seed + n - 1}"
    caption = f"image, {n} answers at strength {strength:g} ({how})"
    save_grid(path, _pixels(torch.cat([original[None], answers.cpu()])), 1, n + 1, caption=caption)
    return path


def _open(
    target: str, overrides: Sequence[str], device: str, out: Path | None
) -> tuple[OpenedModel, DiffusionModel, SamplingConfig]:
    if out is not None:
        check_picture(out)
    opened = open_model(target, device)
    model, family = as_diffusion(opened.model), opened.model.spec.config.family
    if model is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, but only diffusion models edit images; name "
            f"{family.diffusion_model}."
        )
    return opened, model, resolve_settings(opened.model, overrides)


def _told(opened: OpenedModel, settings: SamplingConfig) -> Progress:
    """A line that says how it is drawn, and a bar of the steps."""
    say(f"{sentence(opened.model.drawing(settings))} from {opened.origin}")
    return Progress("drawing", settings.steps, unit="steps")


def _read_hole(mask: Path, image: Path, shape: tuple[int, int, int]) -> Tensor:
    """What is to be redrawn, float 0 or 1 [1, H, W]; RequestError where the mask does not say so."""
    (_, height, width), (_, tall, wide) = image_shape(image), image_shape(mask)
    # Of one aspect, but for the rounding of a pixel; else the two would be cropped differently.
    if min(abs(tall - height * wide / width), abs(wide - width * tall / height)) > 1:
        raise RequestError(
            f"{mask} is {tall}x{wide}, but {image} is {height}x{width}; draw the mask on the image itself."
        )
    hole = torch.from_numpy(read_image(mask, (1, *shape[1:])) >= MASK_EDGE).float()
    if hole.any() and not hole.all():
        return hole
    found, missing = ("white", "black") if hole.any() else ("black", "white")
    drawn = read_image(mask, (1, tall, wide)) >= MASK_EDGE
    if drawn.any() and not drawn.all():
        raise RequestError(
            f"Nothing of the {missing} in {mask} lies in the middle that is used, {shape[1]}x{shape[2]} "
            "after resizing; draw it larger or nearer to the middle."
        )
    transparent = " (what is transparent counts as white)" if found == "white" else ""
    raise RequestError(
        f"{mask} must be white where the image is to be redrawn and black where it is kept; "
        f"it is all {found}{transparent}."
    )


def _asked(overrides: Sequence[str], seed: int, label: str | None) -> str:
    """What is asked for beyond the usual, for a file's name, so that no answer replaces another."""
    of_seed = f"-seed-{seed}" if seed else ""
    of_label = "" if label is None else f"-label-{label}"
    return of_seed + of_label + settings_suffix(overrides)


def _beside(opened: OpenedModel, name: str) -> Path:
    if opened.run is None:
        return Path(f"{opened.name}-{name}.png")
    return opened.run.samples / f"{name}.png"


def _pixels(images: Tensor) -> Images:
    pixels: Images = np.asarray(to_uint8(images).cpu().numpy())
    return pixels
