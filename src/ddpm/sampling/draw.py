"""`ddpm sample`: seeds become images, a grid, a folder of PNGs, an array or a GIF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.data.pixels import to_uint8
from ddpm.distributed import map_across_ranks
from ddpm.errors import RequestError
from ddpm.models.base import Frame, GenerativeModel
from ddpm.randomness import derive_seed
from ddpm.terminal import Progress
from ddpm.visuals.animations import frame_indices


@dataclass
class Trajectory:
    """Moments of the reverse process of the first images drawn, uint8 [N, C, H, W] each, noisiest first."""

    images: int  # how many of those drawn are watched, or all where there are fewer
    moments: int | None = None  # how many are kept, evenly spaced in log-SNR; None: all
    states: list[Images] = field(default_factory=list)  # x_t
    predictions: list[Images] = field(default_factory=list)  # the clean image predicted on the way
    log_snr: list[float] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)  # of the steps, taken by then

    def add(self, frame: Frame) -> None:
        """Append a frame of one chunk."""
        self.states.append(to_uint8(frame.x[: self.images]).cpu().numpy())
        self.predictions.append(to_uint8(frame.x0[: self.images]).cpu().numpy())
        self.log_snr.append(frame.log_snr)

    def thin_out(self) -> None:
        """Once the chunk is drawn: forget what is more than `moments`, for memory's sake."""
        last = len(self.log_snr) - 1
        count = last + 1 if self.moments is None else self.moments
        chosen = frame_indices(self.log_snr, count)
        self.percents = [100 * i // max(last, 1) for i in chosen]
        self.states = [self.states[i] for i in chosen]
        self.predictions = [self.predictions[i] for i in chosen]
        self.log_snr = [self.log_snr[i] for i in chosen]

    def join(self, chunks: Sequence[Trajectory]) -> None:
        """Become the moments of all chunks, which have passed the same levels, image behind image."""
        self.log_snr, self.percents = chunks[0].log_snr, chunks[0].percents
        self.states = [np.concatenate(s) for s in zip(*(c.states for c in chunks), strict=True)]
        parts = zip(*(chunk.predictions for chunk in chunks), strict=True)
        self.predictions = [np.concatenate(moment) for moment in parts]


def draw_images(
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
    does not depend on how many are drawn with it. `trajectory` is filled with the moments of as many of
    them as it watches.
    """

    def chunk_from(start: int) -> tuple[Images, Trajectory | None]:
        chunk = list(seeds[start : start + settings.chunk])
        count, padding = len(chunk), settings.chunk - len(chunk)
        chosen = None if labels is None else list(labels[start : start + count])
        frame, watched = None, None
        if trajectory is not None and start < trajectory.images:
            watched = Trajectory(min(count, trajectory.images - start), trajectory.moments)
        for frame in model.trajectory(
            chunk + padding * chunk[-1:],
            None if chosen is None else chosen + padding * chosen[-1:],
            settings,
        ):
            if watched is not None:
                watched.add(frame)
        if frame is None:
            raise RequestError("The sampler made no steps; ask for at least one with --steps.")
        if watched is not None:
            watched.thin_out()
        progress(start + count)
        images: Images = to_uint8(frame.x[:count]).cpu().numpy()
        return images, watched

    drawn = map_across_ranks(range(0, len(seeds), settings.chunk), chunk_from)
    if trajectory is not None:
        trajectory.join([watched for _, watched in drawn if watched is not None])
    return np.concatenate([images for images, _ in drawn])


def choose_labels(
    model: GenerativeModel, seeds: Sequence[int], label: str | None
) -> list[int] | None:
    """A class for each seed: the one asked for, else drawn by class frequency from the seed."""
    spec = model.spec
    if not spec.num_classes:
        if label is not None:
            mend = (
                "train with --set data.labels=true, or kmeans:10 where the images have none"
                if spec.config.family.is_diffusion
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


def draw_with_progress(
    model: GenerativeModel,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    settings: SamplingConfig,
    trajectory: Trajectory | None = None,
) -> Images:
    """`draw_images` under a progress bar."""
    with Progress("drawing", len(seeds)) as bar, torch.no_grad():
        return draw_images(
            model, seeds, labels, settings, trajectory=trajectory, progress=bar.reach
        )
