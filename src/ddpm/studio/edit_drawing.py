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
from ddpm.config import SamplingConfig
from ddpm.data.pixels import to_uint8
from ddpm.messages import sentence
from ddpm.models import image_editing
from ddpm.models.base import DiffusionModel
from ddpm.quantities import format_seeds
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.settings import resolve_settings
from ddpm.studio.drawing import KEPT_FRAMES, evenly_spaced
from ddpm.studio.lessons.breakages import diffusion_model
from ddpm.studio.worker_tasks import Task


def edit(task: Task) -> dict[str, Any]:
    """Draw the images of an edit, uint8 [N, C, H, W], with the bits that its command gives them.

    Arguments: `kind` (inpaint, refine or interpolate), `target`, `overrides`, `seed`, `n`, `label`;
    `image` and `mask` (paths), `strength`; `pairs` and `between`. Events and answer are those of `draw`.
    """
    request = task.arguments
    opened = task.shelf.open(request["target"])
    model = diffusion_model(opened)
    settings = resolve_settings(opened.model, request["overrides"])
    task.send("started", shape=list(model.spec.image_shape), threads=torch.get_num_threads())
    images = KINDS[request["kind"]](model, settings, task)
    pixels = to_uint8(images).cpu().numpy()
    task.send("images", pixels.tobytes(), shape=list(pixels.shape))
    count = 2 * request["pairs"] if request["kind"] == "interpolate" else request["n"]
    seeds = format_seeds(range(request["seed"], request["seed"] + count))
    how = sentence(model.describe_sampling(settings))
    return {"caption": f"{request['kind']}, {seeds}, {how}", "comment": "", "labels": None}


def _inpaint(model: DiffusionModel, settings: SamplingConfig, task: Task) -> Tensor:
    request = task.arguments
    image, mask = Path(request["image"]), Path(request["mask"])
    region = read_mask(mask, image, model.spec.image_shape)
    seeds = range(request["seed"], request["seed"] + request["n"])
    frames = EditFrames(task, settings.steps)
    return image_editing.inpaint(
        model,
        read_original(image, model.spec),
        region,
        seeds,
        settings,
        choose_labels(model, seeds, request["label"]),
        watch=frames.take,
    )


def _refine(model: DiffusionModel, settings: SamplingConfig, task: Task) -> Tensor:
    request = task.arguments
    seeds = range(request["seed"], request["seed"] + request["n"])
    strength = request["strength"]
    steps = image_editing.refine_settings(model, strength, settings).steps
    frames = EditFrames(task, steps)
    return image_editing.refine(
        model,
        read_original(Path(request["image"]), model.spec),
        strength,
        seeds,
        settings,
        choose_labels(model, seeds, request["label"]),
        watch=frames.take,
    )


def _interpolate(model: DiffusionModel, settings: SamplingConfig, task: Task) -> Tensor:
    request = task.arguments
    columns, pairs = request["between"] + 2, request["pairs"]
    frames = EditFrames(task, settings.steps)
    rows = []
    for pair in range(pairs):
        ends = (request["seed"] + 2 * pair, request["seed"] + 2 * pair + 1)
        labels = choose_labels(
            model, [ends[0]] * columns, request["label"], start=pair * columns, columns=columns
        )
        watch = partial(frames.take, offset=pair * columns)
        rows.append(
            image_editing.interpolate(
                model, ends, request["between"], settings, labels, watch=watch
            )
        )
    return torch.cat(rows)


KINDS: dict[str, Callable[[DiffusionModel, SamplingConfig, Task], Tensor]] = {
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
