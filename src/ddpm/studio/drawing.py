"""Drawing in the worker: images of seeds, sent step by step as they lose their noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ddpm.data.pixels import to_uint8
from ddpm.messages import sentence
from ddpm.models.base import Frame, GenerativeModel, as_diffusion
from ddpm.quantities import format_seeds
from ddpm.sampling.labels import choose_labels, class_index
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.samples import Trajectory, sample_images
from ddpm.sampling.settings import check_steps, resolve_settings
from ddpm.studio.worker_tasks import Task

KEPT_FRAMES = 48  # of a drawing, evenly spaced over its steps


def draw(task: Task) -> dict[str, Any]:
    """Draw images uint8 [N, C, H, W] and send them with the frames of the reverse process.

    Arguments: `target`, `overrides` (sampling.key=value), `seed`, `n`, `label`, `shape` (rows, columns of
    the grid). The images have the bits that `ddpm sample` gives them: the chunk is part of `overrides`.
    Events: `started`; `frame` with x_t and the predicted x0 of a chunk; the answer has all images.
    """
    request = task.arguments
    opened = task.shelf.open(request["target"])
    model = opened.model
    settings = resolve_settings(model, request["overrides"])
    check_steps(model, settings)
    seeds = range(request["seed"], request["seed"] + request["n"])
    if request["label"] is not None and model.spec.num_classes:
        class_index(model.spec.class_names, request["label"])  # raises: the page takes one class
    labels = choose_labels(model, seeds, request["label"])
    times = _times(model, settings)
    task.send("started", shape=list(model.spec.image_shape), threads=torch.get_num_threads())
    with torch.no_grad():
        images = sample_images(
            model, seeds, labels, settings, trajectory=LiveFrames(task, times, len(seeds))
        )
    rows, columns = request["shape"]
    label = "" if request["label"] is None else f"label {request['label']}, "
    caption = f"{format_seeds(seeds)}, {label}{sentence(model.describe_sampling(settings))}"
    comment = grid_comment(model, settings, seeds, request["label"], (rows, columns))
    task.send("images", images.tobytes(), shape=list(images.shape))
    return {"caption": caption, "comment": comment, "labels": _label_names(model, labels)}


def _times(model: GenerativeModel, settings: Any) -> list[int]:
    """Return the time t of every level that is visited; [] for a family without levels."""
    diffusion = as_diffusion(model)
    if diffusion is None:
        return []
    times: list[int] = diffusion.levels(settings).t.tolist()
    return times


def _label_names(model: GenerativeModel, labels: Sequence[int] | None) -> list[str] | None:
    return None if labels is None else [model.spec.class_names[label] for label in labels]


class LiveFrames(Trajectory):
    """Recorder that sends the frames of a chunk to the server instead of keeping them."""

    def __init__(self, task: Task, times: Sequence[int], images: int, start: int = 0) -> None:
        super().__init__(images)
        self.task, self.times, self.start = task, times, start
        self.chosen: list[int] = []  # frames that are sent, known with the first one

    def for_chunk(self, start: int, stop: int) -> LiveFrames:
        """Return the recorder of the images `start` to `stop`."""
        return LiveFrames(self.task, self.times, stop - start, start)

    def add(self, frame: Frame) -> None:
        """Send a frame if it is among those that are kept. Raises CancelledError."""
        self.task.check()
        if not self.chosen:
            self.chosen = evenly_spaced(frame.remaining + 1, KEPT_FRAMES)
        last = self.chosen[-1]
        index = last - frame.remaining
        if index not in self.chosen:
            return
        pair = [to_uint8(x[: self.images]).cpu().numpy().tobytes() for x in (frame.x, frame.x0)]
        self.task.send(
            "frame",
            b"".join(pair),
            index=self.chosen.index(index),
            frames=len(self.chosen),
            step=index,
            steps=last,
            t=self.times[index] if index < len(self.times) else None,
            log_snr=frame.log_snr if math.isfinite(frame.log_snr) else None,
            start=self.start,
            count=self.images,
        )

    def select_frames(self) -> None:
        """Do nothing: the frames are sent."""

    def concatenate(self, chunks: Sequence[Trajectory]) -> None:
        """Do nothing: the frames are sent."""


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return at most `count` of the indices 0 to `total` - 1, the first and the last among them.

    >>> evenly_spaced(9, 3)
    [0, 4, 8]
    """
    kept = min(total, count)
    return [round(i * (total - 1) / max(kept - 1, 1)) for i in range(kept)]
