"""The images under test: drawn from a model with its own settings, or read as they are from files."""

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
from ddpm.data.cache import Decoded, decoded_images
from ddpm.data.catalogue import cache_dir
from ddpm.data.decoded_rows import Transform
from ddpm.data.decoding import GRAY_MODES
from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.data.survey import Survey, survey_source
from ddpm.distributed import local_main_first
from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import choose_indices
from ddpm.loading.models import OpenedModel, bundled_name, open_model
from ddpm.messages import Message, message, sentence, sentences
from ddpm.runs import find_run
from ddpm.sampling.draw import choose_labels, draw_with_progress
from ddpm.sampling.settings import check_steps, resolve_settings
from ddpm.terminal import Progress, say

Shape = tuple[int, int, int]  # C, H, W


class GeneratedImages(Protocol):
    """What is measured, before any image of it exists."""

    @property
    def name(self) -> str:
        """Of the run, the weights, or the file or folder."""

    @property
    def available(self) -> int | None:
        """How many whole images there are; None where any number can be drawn."""

    @property
    def notes(self) -> list[Message]:
        """Notes on images that are left out."""

    def shape(self, reference: Sequence[int]) -> Shape:
        """C, H, W of its images beside a reference of that shape."""

    def take(self, count: int, seed: int, reference: Sequence[int]) -> Tensor:
        """`count` images, uint8 [count, C, H, W]."""

    def facts(self) -> dict[str, Any]:
        """Plain values for evaluation.json: kind, model, drawn, seeds, step, images_per_second."""


@dataclass
class ModelSamples:
    """A model under its sampling settings; image i comes from seed i."""

    opened: OpenedModel
    settings: SamplingConfig
    seeds: range = range(0)
    rate: float | None = None  # images a second

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

    def take(self, count: int, seed: int, reference: Sequence[int]) -> Tensor:
        """Images of the seeds `seed`, `seed` + 1, …, in the model's own chunks."""
        self.seeds = range(seed, seed + count)
        model, words = self.opened.model, sentence(self.opened.model.drawing(self.settings))
        say(f"drawing {count} images with {words} from {self.opened.origin}")
        labels = choose_labels(model, self.seeds, None)
        began = time.perf_counter()
        images = draw_with_progress(model, self.seeds, labels, self.settings)
        self.rate = count / (time.perf_counter() - began)
        return torch.from_numpy(images)

    def facts(self) -> dict[str, Any]:
        return {
            "kind": "weights" if self.opened.run is None else "run",
            "model": self.opened.model.spec.config.model,
            "drawn": self.opened.model.drawing(self.settings),
            "seeds": [self.seeds[0], self.seeds[-1]] if self.seeds else None,
            "step": self.opened.step,
            "average": self.opened.average,
            "images_per_second": self.rate,
        }


@dataclass(frozen=True)
class ImageFiles:
    """A folder, zip or array of images, all of one size; nothing is resized."""

    path: Path
    source: ImageSource
    seen: Survey
    whole: int  # images that can be decoded
    broken: Sequence[tuple[str, str]] = ()  # the others: name and reason

    @property
    def name(self) -> str:
        return self.path.resolve().name if self.path.is_dir() else self.path.stem

    @property
    def available(self) -> int | None:
        return self.whole

    @property
    def notes(self) -> list[Message]:
        if not self.broken:
            return []
        (name, reason), count = self.broken[0], len(self.broken)
        if count == 1:
            return [message("broken_image", name=name, reason=reason)]
        return [message("broken_images", count=count, name=name, reason=reason)]

    def shape(self, reference: Sequence[int]) -> Shape:
        """Three channels where the reference has as many and the files hold color, else as they are."""
        height, width = _common_size(self.seen)
        stored_gray = set(self.seen.modes) <= GRAY_MODES
        gray = stored_gray if reference[0] == 3 else self.seen.gray
        return (1 if gray else 3), height, width

    def take(self, count: int, seed: int, reference: Sequence[int]) -> Tensor:
        """`count` of the images, chosen by `seed` where there are more, in the order of the files."""
        channels, height, width = self.shape(reference)
        found = _decode(self.source, self.seen, Transform((height, width), channels))
        chosen = choose_indices(len(found.images), count, seed).numpy()
        return torch.from_numpy(np.array(found.images[chosen]))

    def facts(self) -> dict[str, Any]:
        nothing = ("model", "drawn", "seeds", "step", "average", "images_per_second")
        return {"kind": "images", **dict.fromkeys(nothing)}


def open_generated_images(target: str, overrides: Sequence[str], device: str) -> GeneratedImages:
    """A run, a weights file or bundled weights, else images at the path `target`."""
    if is_model(target) or not Path(target).exists():
        opened = open_model(target, device)
        settings = resolve_settings(opened.model, overrides)
        check_steps(opened.model, settings)
        return ModelSamples(opened, settings)
    if overrides:
        raise RequestError(
            f"{target} holds images that are drawn already; options of sampling are for runs."
        )
    return open_image_files(Path(target))


def is_model(target: str) -> bool:
    """Whether `target` names something to draw from."""
    known = find_run(target) is not None or bundled_name(target) is not None
    return known or Path(target).suffix == ".safetensors"


def open_image_files(path: Path) -> ImageFiles:
    """The images at `path`, broken ones apart; RequestError where there are none, or several sizes.

    They are decoded here, into the cache: only then is it known how many are whole.
    """
    source = open_source(path)
    with Progress("looking through the images", 0) as bar:
        seen = local_main_first(lambda: survey_source(source, cache_dir(), bar.report))
    if len(seen.sizes) > 1:
        sizes = [f"{count} of {size}" for size, count in list(seen.sizes.items())[:3]]
        more = ", …" if len(seen.sizes) > 3 else ""
        raise RequestError(
            f"The images in {path} are of different sizes (height x width: {', '.join(sizes)}{more}); "
            "bring them to one size first, since images under test are never resized."
        )
    found = _decode(source, seen, Transform(_common_size(seen), 1 if seen.gray else 3))
    return ImageFiles(path, source, seen, len(found.images), found.broken)


def describe_available(subject: GeneratedImages) -> str:
    """How many images a sentence may ask of it, and which are broken."""
    notes = sentences(subject.notes)
    return f"{subject.available}{f' ({notes})' if notes else ''}"


def _common_size(seen: Survey) -> tuple[int, int]:
    """Height and width of images that are all of one size."""
    height, width = map(int, next(iter(seen.sizes)).split("x"))
    return height, width


def _decode(source: ImageSource, seen: Survey, transform: Transform) -> Decoded:
    with Progress("decoding", 0) as bar:
        return local_main_first(
            lambda: decoded_images(source, seen.content_hash, transform, cache_dir(), bar.report)
        )
