"""Images sampled from seeds in chunks of fixed size."""

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
from ddpm.terminal import Progress
from ddpm.visuals.animations import frame_indices


@dataclass
class Trajectory:
    """Recorded frames of the reverse process, each uint8 [N, C, H, W], noisiest first."""

    images: int  # record at most this many, from the first seed on
    max_frames: int | None = None  # keep this many, evenly spaced in log-SNR; None keeps all
    states: list[Images] = field(default_factory=list)  # x_t
    predictions: list[Images] = field(default_factory=list)  # x0 predicted by the previous step
    log_snr: list[float] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)  # of the sampler's steps

    def for_chunk(self, start: int, stop: int) -> Trajectory | None:
        """Return an empty trajectory for images `start` to `stop`, or None if none of them is recorded."""
        count = min(stop, self.images) - start
        return Trajectory(count, self.max_frames) if count > 0 else None

    def add(self, frame: Frame) -> None:
        """Append a frame of one chunk."""
        self.states.append(to_uint8(frame.x[: self.images]).cpu().numpy())
        self.predictions.append(to_uint8(frame.x0[: self.images]).cpu().numpy())
        self.log_snr.append(frame.log_snr)

    def select_frames(self) -> None:
        """Drop all but `max_frames` frames of a complete chunk."""
        last = len(self.log_snr) - 1
        count = last + 1 if self.max_frames is None else self.max_frames
        chosen = frame_indices(self.log_snr, count)
        self.percents = [100 * i // max(last, 1) for i in chosen]
        self.states = [self.states[i] for i in chosen]
        self.predictions = [self.predictions[i] for i in chosen]
        self.log_snr = [self.log_snr[i] for i in chosen]

    def concatenate(self, chunks: Sequence[Trajectory]) -> None:
        """Set the frames to those of all chunks, which have the same noise levels."""
        self.log_snr, self.percents = chunks[0].log_snr, chunks[0].percents
        states = zip(*(chunk.states for chunk in chunks), strict=True)
        self.states = [np.concatenate(parts) for parts in states]
        predictions = zip(*(chunk.predictions for chunk in chunks), strict=True)
        self.predictions = [np.concatenate(parts) for parts in predictions]


def sample_images(
    model: GenerativeModel,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    settings: SamplingConfig,
    *,
    trajectory: Trajectory | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Images:
    """Return images uint8 [len(seeds), C, H, W]; image i depends on seed i alone.

    `settings.chunk` images are sampled at a time. The last chunk is padded, so that an image has the same
    bits however many are sampled. `trajectory` is filled with the frames of the first images.
    """

    def sample_chunk(start: int) -> tuple[Images, Trajectory | None]:
        stop = min(start + settings.chunk, len(seeds))
        recorded = None if trajectory is None else trajectory.for_chunk(start, stop)
        chunk_labels = None if labels is None else _pad(labels[start:stop], settings.chunk)
        chunk_seeds = _pad(seeds[start:stop], settings.chunk)
        frame = None
        for frame in model.trajectory(chunk_seeds, chunk_labels, settings):
            if recorded is not None:
                recorded.add(frame)
        if frame is None:
            raise RequestError("The sampler took no steps. Pass --steps 1 or more.")
        if recorded is not None:
            recorded.select_frames()
        progress(stop)
        images: Images = to_uint8(frame.x[: stop - start]).cpu().numpy()
        return images, recorded

    chunks = map_across_ranks(range(0, len(seeds), settings.chunk), sample_chunk)
    if trajectory is not None:
        trajectory.concatenate([recorded for _, recorded in chunks if recorded is not None])
    return np.concatenate([images for images, _ in chunks])


def sample_with_progress(
    model: GenerativeModel,
    seeds: Sequence[int],
    labels: Sequence[int] | None,
    settings: SamplingConfig,
    trajectory: Trajectory | None = None,
) -> Images:
    """Call `sample_images` without gradients, under a progress bar."""
    with Progress("sampling", len(seeds)) as bar, torch.no_grad():
        return sample_images(
            model, seeds, labels, settings, trajectory=trajectory, progress=bar.advance_to
        )


def _pad(values: Sequence[int], length: int) -> list[int]:
    """Return `values` extended to `length` by repeating the last one."""
    return [*values, *[values[-1]] * (length - len(values))]
