"""`ddpm sample`: seeds become images, a grid, a folder of PNGs, an array or a GIF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ddpm.config import SamplingConfig
from ddpm.data.pixels import to_uint8
from ddpm.errors import RequestError
from ddpm.models.base import Frame, GenerativeModel
from ddpm.processes import dealt
from ddpm.randomness import derive_seed
from ddpm.workflows.progress import Progress

Images = NDArray[np.uint8]


@dataclass
class Trajectory:
    """Moments of the reverse process, uint8 [N, C, H, W] each, noisiest first."""

    states: list[Images] = field(default_factory=list)  # x_t
    predictions: list[Images] = field(default_factory=list)  # the clean image predicted on the way
    log_snr: list[float] = field(default_factory=list)

    def add(self, frame: Frame, count: int) -> None:
        """Append the first `count` images of a frame (the rest pads its chunk)."""
        self.states.append(to_uint8(frame.x[:count]).cpu().numpy())
        self.predictions.append(to_uint8(frame.x0[:count]).cpu().numpy())
        self.log_snr.append(frame.log_snr)


def draw(
    model: GenerativeModel,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    settings: SamplingConfig,
    *,
    trajectory: Trajectory | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Images:
    """Images uint8 [len(seeds), C, H, W], image i from seed i alone.

    Drawn in chunks of `settings.chunk`, the last one padded with its own last seed, so that an image
    does not depend on how many are drawn with it. `trajectory` collects the first chunk's moments.
    """

    def chunk_from(start: int) -> Images:
        chunk = list(seeds[start : start + settings.chunk])
        count, padding = len(chunk), settings.chunk - len(chunk)
        chosen = None if labels is None else list(labels[start : start + count])
        frame = None
        for frame in model.trajectory(
            chunk + padding * chunk[-1:],
            None if chosen is None else chosen + padding * chosen[-1:],
            settings,
        ):
            if trajectory is not None and start == 0:
                trajectory.add(frame, count)
        if frame is None:
            raise RequestError("The sampler made no steps; ask for at least one with --steps.")
        progress(start + count)
        images: Images = to_uint8(frame.x[:count]).cpu().numpy()
        return images

    return np.concatenate(dealt(range(0, len(seeds), settings.chunk), chunk_from))


def choose_labels(
    model: GenerativeModel, seeds: Sequence[int], label: str | None
) -> list[int] | None:
    """A class for each seed: the one asked for, else drawn by class frequency from the seed."""
    spec = model.spec
    if not spec.num_classes:
        if label is not None:
            mend = (
                "train with --set data.labels=true, or kmeans:10 where the images have none"
                if spec.config.model == "ddpm"
                else "leave it out"
            )
            raise RequestError(f"This model learned no labels, so --label cannot be used; {mend}.")
        return None
    if label is not None:
        return [class_index(spec.class_names, label)] * len(seeds)
    edges = np.cumsum(spec.class_counts)
    draws = [derive_seed(seed, "label") % int(edges[-1]) for seed in seeds]
    return [int(np.searchsorted(edges, draw, side="right")) for draw in draws]


def class_index(names: Sequence[str], label: str) -> int:
    """The position of a class name; RequestError lists the names."""
    if label not in names:
        raise RequestError(f"There is no label {label!r}; the labels are {', '.join(names)}.")
    return list(names).index(label)


def check_settings(model: GenerativeModel, settings: SamplingConfig) -> None:
    """RequestError where the model's schedule cannot be walked as `settings` say."""
    steps = model.spec.config.diffusion.num_steps
    if settings.steps > steps:
        raise RequestError(
            f"--steps {settings.steps} is more than the {steps} noise levels this model was trained on."
        )


def draw_with_bar(
    model: GenerativeModel,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    settings: SamplingConfig,
    trajectory: Trajectory | None = None,
) -> Images:
    """`draw` under a progress bar."""
    with Progress("drawing", len(seeds)) as bar, torch.no_grad():
        return draw(model, seeds, labels, settings, trajectory=trajectory, progress=bar.reach)
