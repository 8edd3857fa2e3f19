"""The three sets of images of an evaluation, and which of them are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.features import check_images
from ddpm.messages import Message, message

MIN_IMAGES = 10  # images on each side: fewer say nothing, and five neighbors need six


@dataclass(frozen=True)
class ImageSets:
    """Three sets of uint8 images [N, C, H, W] of one shape.

    `floor` are real images that are not in `reference`: n of them, measured like the generated
    ones, give the value that a perfect generator would have at this n. `independent`: each
    generated image was drawn for itself, as a model does, and not collected (`floor.py`).
    `trained`: images outside the reference that were trained on as well: copies of them are copies.
    """

    generated: Tensor
    reference: Tensor
    floor: Tensor
    independent: bool = False
    trained: tuple[Tensor, ...] = ()

    def check(self) -> None:
        """RequestError unless the three are usable and of one shape."""
        check_real_images(self.reference, self.floor)
        check_matching("generated images", self.generated, self.reference)

    def count(self, n: int | None) -> tuple[int, list[Message]]:
        """Return the n that all sets allow, and a note where it is lower than requested."""
        available = len(self.generated)
        asked = available if n is None else n
        if asked > available:
            raise RequestError(
                f"{asked} images were asked for, but there are only {available} generated ones; "
                f"use -n {available} or draw more."
            )
        return limit_count(asked, len(self.reference), len(self.floor))


def check_real_images(reference: Tensor, floor: Tensor) -> None:
    """RequestError unless both sets of real images are usable and of one shape."""
    check_matching("reference images", reference, reference)
    check_matching("real images outside the reference", floor, reference)


def check_matching(name: str, images: Tensor, reference: Tensor) -> None:
    """RequestError unless `images`, called `name`, are enough and of the reference's shape."""
    check_images(images, f"The {name}")
    if len(images) < MIN_IMAGES:
        one = len(images) == 1
        there = (
            f"is only 1 {name.replace('images', 'image')}"
            if one
            else f"are only {len(images)} {name}"
        )
        raise RequestError(f"There {there}; an evaluation needs at least {MIN_IMAGES}.")
    if images.shape[1:] != reference.shape[1:]:
        raise RequestError(
            f"The {name} are {format_shape(images.shape[1:])}, but the reference images are "
            f"{format_shape(reference.shape[1:])}; evaluate against a reference of the same shape "
            "(images under test are never resized)."
        )


def limit_count(asked: int, reference: int, floor: int) -> tuple[int, list[Message]]:
    """Return the n that so many real images allow, and a note where it is lower than `asked`."""
    if asked < MIN_IMAGES:
        raise RequestError(f"-n is {asked}, but an evaluation needs at least {MIN_IMAGES} images.")
    count = min(asked, floor, reference)
    if count == asked:
        return count, []
    code = "n_reference" if count == reference else "n_floor"
    return count, [message(code, asked=asked, n=count)]


def choose_indices(available: int, count: int, seed: int) -> Tensor:
    """Indices of `count` images without repeats, in order; of all where there are no more."""
    if available <= count:
        return torch.arange(available)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(available, generator=generator)[:count].sort().values


def format_shape(shape: Sequence[int]) -> str:
    """(C, H, W) as `28x28 gray`, width first."""
    channels, height, width = shape
    return f"{width}x{height} {'gray' if channels == 1 else 'color'}"
