"""Edits in the worker: inpainting, refining and interpolating, sent step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.commands.edit.edit import read_mask, read_original
from ddpm.commands.edit.edit_sheets import (
    EditSheet,
    inpainting_sheet,
    interpolation_sheet,
    refinement_sheet,
)
from ddpm.config import SamplingConfig
from ddpm.data.pixels import to_uint8
from ddpm.models import image_editing
from ddpm.models.base import DiffusionModel
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.settings import resolve_settings
from ddpm.studio.drawing import KEPT_FRAMES, evenly_spaced
from ddpm.studio.lessons.breakages import diffusion_model
from ddpm.studio.worker_tasks import Task


def edit(task: Task) -> dict[str, Any]:
    """Draw the images of an edit, uint8 [N, C, H, W], and the sheet that its command writes.

    Arguments: `kind` (inpaint, refine or interpolate), `target`, `overrides`, `seed`, `n`, `label`;
    `image` and `mask` (paths), `strength`; `pairs` and `between`. Events and answer are those of `draw`, and
    the event `sheet` with the images of the sheet, its rows and columns.
    """
    request = task.arguments
    opened = task.shelf.open(request["target"])
    model = diffusion_model(opened)
    settings = resolve_settings(opened.model, request["overrides"])
    task.send("started", shape=list(model.spec.image_shape), threads=torch.get_num_threads())
    images, sheet = KINDS[request["kind"]](model, settings, task)
    pixels = to_uint8(images).cpu().numpy()
    task.send("images", pixels.tobytes(), shape=list(pixels.shape))
    place = {"rows": sheet.rows, "columns": sheet.columns}
    task.send("sheet", sheet.images.tobytes(), shape=list(sheet.images.shape), **place)
    return {"caption": sheet.caption, "comment": "", "labels": None}


Edited = tuple[Tensor, EditSheet]  # the images of the page, and the sheet that the command writes


def _inpaint(model: DiffusionModel, settings: SamplingConfig, task: Task) -> Edited:
    request = task.arguments
    path, mask = Path(request["image"]), Path(request["mask"])
    image, region = read_original(path, model.spec), read_mask(mask, path, model.spec.image_shape)
    seeds = range(request["seed"], request["seed"] + request["n"])
    labels = choose_labels(model, seeds, request["label"])
    watch = EditFrames(task, settings.steps).take
    variants = image_editing.inpaint(model, image, region, seeds, settings, labels, watch=watch)
    return variants, inpainting_sheet(model, settings, image, region, variants, seeds.start)


def _refine(model: DiffusionModel, settings: SamplingConfig, task: Task) -> Edited:
    request, strength = task.arguments, task.arguments["strength"]
    image = read_original(Path(request["image"]), model.spec)
    seeds = range(request["seed"], request["seed"] + request["n"])
    labels = choose_labels(model, seeds, request["label"])
    shortened = image_editing.refine_settings(model, strength, settings)
    watch = EditFrames(task, shortened.steps).take
    variants = image_editing.refine(model, image, strength, seeds, settings, labels, watch=watch)
    return variants, refinement_sheet(model, shortened, image, variants, strength, seeds.start)


def _interpolate(model: DiffusionModel, settings: SamplingConfig, task: Task) -> Edited:
    request = task.arguments
    columns, pairs, seed = request["between"] + 2, request["pairs"], request["seed"]
    settings = image_editing.deterministic_settings(settings)
    frames = EditFrames(task, settings.steps)
    rows = []
    for pair in range(pairs):
        ends = (seed + 2 * pair, seed + 2 * pair + 1)
        labels = choose_labels(
            model, [ends[0]] * columns, request["label"], start=pair * columns, columns=columns
        )
        watch = partial(frames.take, offset=pair * columns)
        rows.append(
            image_editing.interpolate(
                model, ends, request["between"], settings, labels, watch=watch
            )
        )
    images = torch.cat(rows)
    return images, interpolation_sheet(model, settings, images, pairs, seed)


KINDS: dict[str, Callable[[DiffusionModel, SamplingConfig, Task], Edited]] = {
    "inpaint": _inpaint,
    "refine": _refine,
    "interpolate": _interpolate,
}


@dataclass
class EditFrames:
    """Sends the states of an edit to the server, at most `KEPT_FRAMES` of each chunk of images."""

    task: Task
    steps: int  # states of a chunk
    seen: int = 0  # states so far

    def take(self, start: int, x: Tensor, offset: int = 0) -> None:
        """Send a state of the images from `offset` + `start` on. Raises CancelledError."""
        self.task.check()
        chosen = evenly_spaced(self.steps, KEPT_FRAMES)
        index = self.seen % self.steps
        self.seen += 1
        if index not in chosen:
            return
        pixels = to_uint8(x).cpu().numpy().tobytes()
        self.task.send(
            "frame",
            pixels + pixels,  # an edit keeps no predictions
            index=chosen.index(index),
            step=index + 1,
            steps=self.steps,
            t=None,
            log_snr=None,
            start=offset + start,
            count=len(x),
        )
