"""The three sets of images of an evaluation, and which of them are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.features import check_images

FEWEST = 10  # images on each side: fewer say nothing, and five neighbors need six


@dataclass(frozen=True)
class ImageSets:
    """Three sets of uint8 images [N, C, H, W] of one shape.

    `floor` are real images that are not in `reference`: n of them, measured like the generated
    ones, give the value that a perfect generator would have at this n.
    """

    generated: Tensor
    reference: Tensor
    floor: Tensor

    def check(self) -> None:
        """RequestError unless the three are usable and of one shape."""
        named = {
            "generated images": self.generated,
            "reference images": self.reference,
            "real images outside the reference": self.floor,
        }
        for name, images in named.items():
            check_images(images, f"The {name}")
            if len(images) < FEWEST:
                raise RequestError(
                    f"There are only {len(images)} {name}; an evaluation needs at least {FEWEST}."
                )
            if images.shape[1:] != self.reference.shape[1:]:
                raise RequestError(
                    f"The {name} are {_shape(images)}, but the reference images are "
                    f"{_shape(self.reference)}; evaluate against a reference of the same shape."
                )

    def count(self, n: int | None) -> tuple[int, str]:
        """The n that all sets allow, and the sentence that says why it is lower than asked."""
        available = len(self.generated)
        asked = available if n is None else n
        if asked > available:
            raise RequestError(
                f"{asked} images were asked for, but there are only {available} generated ones; "
                f"use -n {available} or draw more."
            )
        if asked < FEWEST:
            raise RequestError(f"-n is {asked}, but an evaluation needs at least {FEWEST} images.")
        count = min(asked, len(self.floor), len(self.reference))
        if count == asked:
            return count, ""
        short = "reference images" if count == len(self.reference) else "real images outside it"
        return count, f"n lowered from {asked} to {count}: there are only {count} {short}"


def choose(available: int, count: int, seed: int) -> Tensor:
    """Indices of `count` images without repeats, in order; of all where there are no more."""
    if available <= count:
        return torch.arange(available)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(available, generator=generator)[:count].sort().values


def _shape(images: Tensor) -> str:
    channels, height, width = images.shape[1:]
    return f"{width}x{height} {'gray' if channels == 1 else 'color'}"
