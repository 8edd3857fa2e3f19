"""Weighted sums of classes in the place of one class: composed, negative and interpolated labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

_NEGLIGIBLE = 1e-9  # a remaining weight below it is rounding


class MixedLabel(int):
    """Classes with weights, in the place of the label of an image.

    The predicted image is the sum of those of the classes, times their weights; what is missing from a sum of
    1 goes to "no label" (composable diffusion, Liu et al. 2022, arXiv:2206.01714, Eq. 11). A negative weight
    leads away from a class. As a number, it is the class with the largest weight.
    """

    parts: tuple[tuple[int, float], ...]  # (class, weight)

    def __new__(cls, parts: Sequence[tuple[int, float]]) -> Self:
        found = super().__new__(cls, max(parts, key=lambda part: part[1])[0])
        found.parts = tuple(parts)
        return found


def blend(start: int, end: int, share: float) -> int:
    """Return the label at `share` 0 .. 1 of the way from class `start` to class `end`."""
    if share <= 0 or start == end:
        return start
    return end if share >= 1 else MixedLabel(((start, 1 - share), (end, share)))


class ClassTerm(NamedTuple):
    """One class for each image of a batch, and its weight; None: 1 for all."""

    classes: Tensor | None  # [N]; None: no label
    weights: Tensor | None = None  # [N, 1, 1, 1]


def class_terms(
    labels: Sequence[int] | None, num_classes: int, device: torch.device
) -> list[ClassTerm]:
    """Return the terms whose weighted predictions add up to the prediction for `labels`."""
    if labels is None:
        return [ClassTerm(None)]
    if not any(isinstance(label, MixedLabel) for label in labels):
        return [ClassTerm(torch.tensor(labels, device=device))]
    rows = [_parts(label, num_classes) for label in labels]
    longest = max(map(len, rows))
    padded = [row + [(num_classes, 0.0)] * (longest - len(row)) for row in rows]
    return [
        ClassTerm(
            torch.tensor([row[i][0] for row in padded], device=device),
            torch.tensor([row[i][1] for row in padded], device=device).view(-1, 1, 1, 1),
        )
        for i in range(longest)
    ]


def class_weights(labels: Sequence[int], num_classes: int) -> list[list[float]]:
    """Return the weight of every class in each label, [N, num_classes]; the rest of 1 is "no label"."""
    rows = [[0.0] * (num_classes + 1) for _ in labels]
    for row, label in zip(rows, labels, strict=True):
        for number, weight in _parts(label, num_classes):
            row[number] += weight
    return [row[:num_classes] for row in rows]


def _parts(label: int, num_classes: int) -> list[tuple[int, float]]:
    """Return the classes of a label and their weights, which add up to 1 with that of "no label"."""
    if not isinstance(label, MixedLabel):
        return [(label, 1.0)]
    rest = 1 - sum(weight for _, weight in label.parts)
    unlabeled = [(num_classes, rest)] if abs(rest) > _NEGLIGIBLE else []
    return [*label.parts, *unlabeled]
