"""The sets of images of an evaluation, their checks, and random subsets of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.features import check_images
from ddpm.messages import Message, message

MIN_IMAGES = 10  # in each set; the metrics of 5 neighbors need at least 6


@dataclass(frozen=True)
class ImageSets:
    """Sets of images uint8 [N, C, H, W] of one shape.

    floor: real images outside the reference; n of them score like a perfect generator at this n.
    independent: whether the generated images were drawn independently (see `floor.py`).
    trained: training images outside the reference, which generated images may copy, too.
    """

    generated: Tensor
    reference: Tensor
    floor: Tensor
    independent: bool = False
    trained: tuple[Tensor, ...] = ()

    def check(self) -> None:
        """Raise RequestError unless the sets are large enough and of one shape."""
        check_real_images(self.reference, self.floor)
        check_matching("generated images", self.generated, self.reference)

    def count(self, n: int | None) -> tuple[int, list[Message]]:
        """Return the n that all sets allow, and a note if it is lower than requested."""
        available = len(self.generated)
        requested = available if n is None else n
        if requested > available:
            raise RequestError(
                f"There are only {available} generated images, fewer than the {requested} requested; "
                f"use -n {available} or sample more."
            )
        return limit_count(requested, len(self.reference), len(self.floor))


def check_real_images(reference: Tensor, floor: Tensor) -> None:
    """Raise RequestError unless both sets of real images are large enough and of one shape."""
    check_matching("reference images", reference, reference)
    check_matching("real images outside the reference", floor, reference)


def check_matching(name: str, images: Tensor, reference: Tensor) -> None:
    """Raise RequestError unless `images`, called `name`, are enough and of the reference's shape."""
    check_images(images, f"The {name}")
    if len(images) < MIN_IMAGES:
        count = f"are only {len(images)} {name}"
        if len(images) == 1:
            count = f"is only 1 {name.replace('images', 'image')}"
        raise RequestError(f"There {count}; an evaluation needs at least {MIN_IMAGES}.")
    if images.shape[1:] != reference.shape[1:]:
        raise RequestError(
            f"The {name} are {format_shape(images.shape[1:])}, but the reference images are "
            f"{format_shape(reference.shape[1:])}; use a reference of the same shape "
            "(generated images are never resized)."
        )


def limit_count(requested: int, reference: int, floor: int) -> tuple[int, list[Message]]:
    """Return the n that the numbers of real images allow, and a note if it is lower than requested."""
    if requested < MIN_IMAGES:
        raise RequestError(
            f"-n is {requested}, but an evaluation needs at least {MIN_IMAGES} images."
        )
    count = min(requested, floor, reference)
    if count == requested:
        return count, []
    code = "n_reference" if count == reference else "n_floor"
    return count, [message(code, asked=requested, n=count)]


def choose_indices(available: int, count: int, seed: int) -> Tensor:
    """Return sorted indices of `count` random images, or of all if there are no more."""
    if available <= count:
        return torch.arange(available, device="cpu")
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(available, generator=generator, device="cpu")[:count].sort().values


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape (C, H, W) as text, width first: `28x28 gray`."""
    channels, height, width = shape
    return f"{width}x{height} {'gray' if channels == 1 else 'color'}"
