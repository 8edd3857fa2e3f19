"""Images sampled chunk by chunk into files, so that memory holds one chunk and an interruption loses one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.distributed import run_on_main, world_size
from ddpm.models.base import GenerativeModel
from ddpm.sampling.samples import Trajectory, sample_images
from ddpm.terminal import Progress, print_line

Labels = Callable[[int, int], Sequence[int] | None]  # classes of the images from start to stop


class ChunkFile(Protocol):
    """A file or folder that takes the images of one request, chunk by chunk."""

    path: Path
    seeds: range  # of all its images

    @property
    def count(self) -> int:
        """Number of images written so far."""

    def needs(self, start: int, stop: int) -> bool:
        """Whether an image from `start` to `stop` is missing."""

    def write(self, start: int, images: Images) -> None:
        """Write `images`, uint8 [N, C, H, W], the first of which has index `start`."""

    def finish(self) -> Path:
        """Write what is left to write and return the path."""


def sample_to_files(
    model: GenerativeModel,
    seeds: range,
    labels: Labels,
    settings: SamplingConfig,
    files: Sequence[ChunkFile],
    *,
    kept: int,
    trajectory: Trajectory | None,
) -> Images | None:
    """Sample the images that a file needs, and return the first `kept` ones; None for 0.

    Chunks start at multiples of `settings.chunk`, as in `sample_images`, so that images have the same bits
    whether or not the command was interrupted. Only the main process has `files`.
    """
    images, frames = [], []
    filmed = 0 if trajectory is None else trajectory.images
    stride = settings.chunk * world_size()
    first = min((file.count for file in files), default=0)
    with Progress("sampling", len(seeds), start=0 if kept else first) as bar, torch.no_grad():
        for start in range(0, len(seeds), stride):
            stop = min(start + stride, len(seeds))
            if not _is_needed(start, stop, max(kept, filmed), files):
                continue
            recorded = None if trajectory is None else trajectory.for_chunk(start, stop)
            drawn = sample_images(
                model,
                seeds[start:stop],
                labels(start, stop),
                settings,
                trajectory=recorded,
                progress=lambda done, start=start: bar.advance_to(start + done),  # type: ignore[misc]
            )
            _write_chunk(start, drawn, files)
            images += [drawn[: kept - start]] if start < kept else []
            frames += [] if recorded is None else [recorded]
    if trajectory is not None:
        trajectory.concatenate(frames)
    return np.concatenate(images) if images else None


def _is_needed(start: int, stop: int, kept: int, files: Sequence[ChunkFile]) -> bool:
    return start < kept or run_on_main(lambda: any(file.needs(start, stop) for file in files))


def _write_chunk(start: int, images: Images, files: Sequence[ChunkFile]) -> None:
    def write() -> None:
        for file in files:
            file.write(start, images)

    run_on_main(write)


def say_remaining(files: Sequence[ChunkFile]) -> None:
    """Say how many images the files already hold."""
    for file in files:
        if file.count:
            print_line(f"{file.path}: {file.count} of {len(file.seeds)} images are already sampled")


def say_interrupted(files: Sequence[ChunkFile]) -> None:
    """Say how many images an interrupted command leaves for the next one."""
    for file in files:
        print_line(
            f"{file.path}: {file.count} of {len(file.seeds)} images are saved; the same command samples the "
            "others"
        )
