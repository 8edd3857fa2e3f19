"""Tasks of the drawing worker for the Understand view."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel
from ddpm.models.base import DiffusionModel
from ddpm.studio.lessons.breakages import ReverseRequest, describe_breakages, diffusion_model
from ddpm.studio.lessons.forward_lesson import forward_step, schedule_curve
from ddpm.studio.lessons.reverse_lesson import (
    Walk,
    filmstrip,
    final_pictures,
    reverse_step,
    reverse_walk,
)
from ddpm.studio.lessons.starting_images import StartingImages
from ddpm.studio.lessons.tensor_pictures import Pixel
from ddpm.studio.lessons.training_lesson import training_step
from ddpm.studio.worker_tasks import Task

KEPT_WALKS = 16

_images = StartingImages()
_walks: OrderedDict[tuple[object, ...], Walk] = OrderedDict()


def answer_schedule(task: Task) -> dict[str, Any]:
    """Return the noise schedule of a model."""
    return schedule_curve(_open(task)[1].schedule)


def answer_images(task: Task) -> dict[str, Any]:
    """Return images that a lesson can start from; a payload is added to them and returned alone."""
    opened, _ = _open(task)
    return _images.add(opened, task.payload) if task.payload else _images.offer(opened)


def answer_forward(task: Task) -> dict[str, Any]:
    """Return x_t of one image at one time."""
    opened, model = _open(task)
    image, _ = _images.get(opened, task.arguments["image"])
    return forward_step(
        model, image, _time(model, task), task.arguments["seed"], _pixel(model, task)
    )


def answer_training(task: Task) -> dict[str, Any]:
    """Return one step of Algorithm 1 on one image, with the image's own label if it has one."""
    opened, model = _open(task)
    image, own_label = _images.get(opened, task.arguments["image"])
    label = _label(opened, task)
    return training_step(
        model,
        image,
        own_label if label is None else label,
        _time(model, task),
        task.arguments["seed"],
        _pixel(model, task),
    )


def answer_reverse(task: Task) -> dict[str, Any]:
    """Return one step of Algorithm 2, the strip of the whole walk, and the finished images."""
    opened, model = _open(task)
    arguments = task.arguments
    request = ReverseRequest(
        seed=arguments["seed"],
        count=arguments["count"],
        steps=arguments["steps"],
        label=_label(opened, task),
        breakage=arguments["mistake"],
    )
    walk = _walk(opened, request)
    step = min(arguments["step"], len(walk) - 1)
    return {
        "step": reverse_step(walk, step, _pixel(model, task)),
        "strip": filmstrip(walk),
        "final": final_pictures(walk),
    }


def answer_mistakes(task: Task) -> list[dict[str, str]]:
    """Return the mistakes that can be thrown like switches."""
    return list(describe_breakages())


def _open(task: Task) -> tuple[OpenedModel, DiffusionModel]:
    opened = task.shelf.open(task.arguments["target"])
    return opened, diffusion_model(opened)


def _walk(opened: OpenedModel, request: ReverseRequest) -> Walk:
    key = (opened.origin, id(opened.model), request)
    if key not in _walks:
        _walks[key] = reverse_walk(opened, request)
    _walks.move_to_end(key)
    while len(_walks) > KEPT_WALKS:
        _walks.popitem(last=False)
    return _walks[key]


def _time(model: DiffusionModel, task: Task) -> int:
    t: int = task.arguments["t"]
    if t >= len(model.schedule):
        raise RequestError(f"t goes from 0 to {len(model.schedule) - 1}, not to {t}.")
    return t


def _pixel(model: DiffusionModel, task: Task) -> Pixel:
    _, height, width = model.spec.image_shape
    row, column = task.arguments["row"], task.arguments["column"]
    if row >= height or column >= width:
        raise RequestError(f"The image has {height} rows and {width} columns; pick a pixel in it.")
    return Pixel(row, column)


def _label(opened: OpenedModel, task: Task) -> int | None:
    label: int | None = task.arguments.get("label")
    if label is not None and label >= opened.model.spec.num_classes:
        raise RequestError(f"{opened.name} has no label number {label}.")
    return label
