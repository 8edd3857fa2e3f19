"""Generated images to score: sampled from a model, or read from files without resizing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.cache import DecodedImages, decoded_images
from ddpm.data.catalogue import cache_dir
from ddpm.data.decoded_rows import Transform
from ddpm.data.decoding import GRAY_MODES
from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.data.survey import Survey, survey_source
from ddpm.distributed import local_main_first
from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import choose_indices
from ddpm.files import real_path
from ddpm.loading.bundled import bundled_name
from ddpm.loading.models import OpenedModel, open_model
from ddpm.messages import Message, join_sentences, message, sentence
from ddpm.runs import find_checkpoint, find_run
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_with_progress
from ddpm.sampling.settings import check_steps, resolve_settings
from ddpm.terminal import Progress, print_line

Shape = tuple[int, int, int]  # C, H, W


class GeneratedImages(Protocol):
    """A source of generated images, opened before any image is sampled or read."""

    @property
    def name(self) -> str:
        """Name of the run, the weights, or the file or folder."""

    @property
    def opened(self) -> OpenedModel | None:
        """The model that samples the images; None for image files."""

    @property
    def available(self) -> int | None:
        """Number of images that can be decoded; None if any number can be drawn."""

    @property
    def notes(self) -> list[Message]:
        """Notes on images that are left out."""

    def shape(self, reference: Sequence[int]) -> Shape:
        """Return the shape (C, H, W) of the images when scored against a reference of shape (C, H, W)."""

    def load(self, count: int, seed: int, reference: Sequence[int]) -> Tensor:
        """Sample or read `count` images, uint8 [count, C, H, W]."""

    def facts(self) -> dict[str, Any]:
        """Return plain values for evaluation.json: kind, model, drawn, seeds, step, …"""


@dataclass
class ModelSamples:
    """Images sampled from a model with given sampling settings. Image i comes from seed i."""

    opened: OpenedModel
    settings: SamplingConfig
    seeds: range = range(0)
    images_per_second: float | None = None

    @property
    def name(self) -> str:
        return self.opened.name

    @property
    def available(self) -> int | None:
        return None

    @property
    def notes(self) -> list[Message]:
        return []

    def shape(self, reference: Sequence[int]) -> Shape:
        return self.opened.model.spec.image_shape

    def load(self, count: int, seed: int, reference: Sequence[int]) -> Tensor:
        """Sample the images of seeds `seed` … `seed + count - 1`, in the model's chunks."""
        self.seeds = range(seed, seed + count)
        model, description = self.opened.model, self.opened.model.describe_sampling(self.settings)
        print_line(
            f"sampling {count} images with {sentence(description)} from {self.opened.origin}"
        )
        labels = choose_labels(model, self.seeds, None)
        start = time.perf_counter()
        images = sample_with_progress(model, self.seeds, labels, self.settings)
        self.images_per_second = count / (time.perf_counter() - start)
        return torch.from_numpy(images)

    def facts(self) -> dict[str, Any]:
        return {
            "kind": "weights" if self.opened.run is None else "run",
            "model": self.opened.model.spec.config.model,
            "drawn": self.opened.model.describe_sampling(self.settings),
            "seeds": [self.seeds[0], self.seeds[-1]] if self.seeds else None,
            "step": self.opened.step,
            "average": self.opened.average,
            "images_per_second": self.images_per_second,
        }


@dataclass(frozen=True)
class ImageFiles:
    """A folder, zip or array of images of one size. Images are never resized."""

    path: Path
    source: ImageSource
    survey: Survey
    decodable: int  # number of images that can be decoded
    broken: Sequence[tuple[str, str]] = ()  # name and reason of each other image

    @property
    def name(self) -> str:
        return real_path(self.path).name if self.path.is_dir() else self.path.stem

    @property
    def opened(self) -> None:
        return None

    @property
    def available(self) -> int | None:
        return self.decodable

    @property
    def notes(self) -> list[Message]:
        if not self.broken:
            return []
        (name, reason), count = self.broken[0], len(self.broken)
        if count == 1:
            return [message("broken_image", name=name, reason=reason)]
        return [message("broken_images", count=count, name=name, reason=reason)]

    def shape(self, reference: Sequence[int]) -> Shape:
        """Return 3 channels if the reference has 3 and the files store color, else the files' own."""
        height, width = _common_size(self.survey)
        stored_gray = set(self.survey.modes) <= GRAY_MODES
        gray = stored_gray if reference[0] == 3 else self.survey.gray
        return (1 if gray else 3), height, width

    def load(self, count: int, seed: int, reference: Sequence[int]) -> Tensor:
        """Read `count` images in file order; `seed` chooses them where there are more."""
        channels, height, width = self.shape(reference)
        decoded = _decode(self.source, self.survey, Transform((height, width), channels))
        chosen = choose_indices(len(decoded.images), count, seed).numpy()
        return torch.from_numpy(np.array(decoded.images[chosen]))

    def facts(self) -> dict[str, Any]:
        absent = ("model", "drawn", "seeds", "step", "average", "images_per_second")
        return {"kind": "images", **dict.fromkeys(absent)}


def open_generated_images(target: str, overrides: Sequence[str], device: str) -> GeneratedImages:
    """Open a run, a weights file or bundled weights, else the images at the path `target`.

    RequestError if `target` cannot be opened, or if image files are given sampling overrides.
    """
    if is_model(target) or not Path(target).exists():
        opened = open_model(target, device)
        settings = resolve_settings(opened.model, overrides)
        check_steps(opened.model, settings)
        return ModelSamples(opened, settings)
    if overrides:
        raise RequestError(
            f"{target} holds image files, which take no sampling options; leave the options out, or "
            "pass a run."
        )
    return open_image_files(Path(target))


def is_model(target: str) -> bool:
    """Return whether `target` names a run, a checkpoint, a weights file or bundled weights."""
    found = find_run(target) or find_checkpoint(target) or bundled_name(target)
    return found is not None or Path(target).suffix in (".safetensors", ".onnx")


def open_image_files(path: Path) -> ImageFiles:
    """Decode the images at `path` into the cache and list the broken ones.

    RequestError if there are no images, or images of several sizes.
    """
    source = open_source(path)
    with Progress("surveying the images", 0) as bar:
        found = local_main_first(lambda: survey_source(source, cache_dir(), bar.report))
    if len(found.sizes) > 1:
        sizes = [f"{count} of {size}" for size, count in list(found.sizes.items())[:3]]
        more = ", …" if len(found.sizes) > 3 else ""
        raise RequestError(
            f"The images in {path} differ in size (height x width: {', '.join(sizes)}{more}); resize "
            "them to one size first, since generated images are never resized here."
        )
    decoded = _decode(source, found, Transform(_common_size(found), 1 if found.gray else 3))
    return ImageFiles(path, source, found, len(decoded.images), decoded.broken)


def describe_available(images: GeneratedImages) -> str:
    """Return the number of available images and the notes on broken ones, for an error message."""
    notes = join_sentences(images.notes)
    return f"{images.available}{f' ({notes})' if notes else ''}"


def _common_size(found: Survey) -> tuple[int, int]:
    """Return height and width of images of one size."""
    height, width = map(int, next(iter(found.sizes)).split("x"))
    return height, width


def _decode(source: ImageSource, found: Survey, transform: Transform) -> DecodedImages:
    with Progress("decoding", 0) as bar:
        return local_main_first(
            lambda: decoded_images(source, found.content_hash, transform, cache_dir(), bar.report)
        )
