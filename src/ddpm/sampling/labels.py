"""Labels that images are sampled with: from their seeds, one for all, or one for each row of a grid."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from unicodedata import normalize

import numpy as np

from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.mixed_labels import MixedLabel, blend
from ddpm.models.spec import ModelSpec
from ddpm.randomness import derive_seed
from ddpm.terminal import escape

ALL_LABELS = "all"
_GOLDEN_RATIO = 0x9E3779B97F4A7C15  # (√5 - 1) / 2 in units of 2^-64
_WEIGHTED = re.compile(r"(.+):([-+]?(?:\d{1,3}(?:\.\d*)?|\.\d+))")  # class:weight


def choose_labels(
    model: GenerativeModel,
    seeds: Sequence[int],
    label: str | None,
    *,
    start: int = 0,
    columns: int = 1,
    at_random: bool = False,
) -> list[int] | None:
    """Return a class for each seed, or None if the model has no classes.

    Without a `label` the class depends on the seed alone, and seeds in a row take the classes as often as the
    data has them: the multiples of the golden ratio, modulo 1, are spread evenly (Niederreiter 1992, section
    3.1), and each falls into the share of one class. `at_random` draws each class by itself instead, as
    grids were drawn whose mark has format 1. `label` is one class for all seeds, or several that take
    turns: each is the class of `columns` images, a row of a grid. The first seed is that of image `start`.
    RequestError if `label` names no class of the model.
    """
    spec = model.spec
    if label is not None:
        classes = parse_label(spec, label)
        rows = ((start + i) // columns for i in range(len(seeds)))
        return [classes[row % len(classes)] for row in rows]
    if not spec.num_classes:
        return None
    edges = np.cumsum(spec.class_counts)
    total = int(edges[-1])
    if at_random:
        draws = [derive_seed(seed, "label") % total for seed in seeds]
    else:  # frac(seed φ) total, in whole numbers
        draws = [(int(seed) * _GOLDEN_RATIO % 2**64) * total >> 64 for seed in seeds]
    return [int(np.searchsorted(edges, draw, side="right")) for draw in draws]


def parse_label(spec: ModelSpec, label: str) -> tuple[int, ...]:
    """Return the classes that `label` names: a class, several after commas, `all`, or one mixture.

    A mixture is a list in which every class has a weight: `3:0.5,8:0.5`, or `3:1,8:-0.5` (away from 8).
    Names that contain a comma are quoted in a list: `"a, b",c`. A class with exactly this name comes first.
    RequestError if a name is not a class, or if the model has none.
    """
    if not isinstance(label, str):
        raise RequestError(
            f"The label must be text, such as {str(label)!r}, not a value of type {type(label).__name__}."
        )
    if not spec.num_classes:
        advice = (
            "Train with --set data.labels=true, or data.labels=kmeans:10 if the images have none."
            if spec.config.family.is_diffusion
            else "Remove --label."
        )
        raise RequestError(f"This model learned no labels, so --label cannot be used. {advice}")
    names = spec.class_names
    if _nfc(label) in map(_nfc, names):
        return (class_index(names, label),)
    if label == ALL_LABELS:
        return tuple(range(len(names)))
    if (mixed := _mixture(names, label)) is not None:
        return (mixed,)
    return tuple(class_index(names, name) for name in _listed(label))


def _mixture(names: Sequence[str], label: str) -> MixedLabel | None:
    """Return the mixture that `label` describes, or None if a part of it has no weight."""
    found = [_WEIGHTED.fullmatch(part) for part in _listed(label)]
    parts = [(match[1], float(match[2])) for match in found if match]
    if len(parts) < len(found):
        return None
    return MixedLabel([(class_index(names, name), weight) for name, weight in parts])


def one_label(model: GenerativeModel, label: str | None) -> str | None:
    """Return `label`. RequestError if it names several classes."""
    if label is not None and len(parse_label(model.spec, label)) > 1:
        raise RequestError(f"{label!r} names several labels; pass one.")
    return label


def blended_labels(
    model: GenerativeModel, label: str | None, to_label: str, count: int
) -> list[int]:
    """Return `count` labels in equal steps from the class `label` to the class `to_label`.

    RequestError if one of them is missing or names several classes.
    """
    if label is None:
        raise RequestError(f"--to-label {to_label} needs a start: pass --label too.")
    ends = [parse_label(model.spec, name) for name in (label, to_label)]
    for name, classes in zip((label, to_label), ends, strict=True):
        if len(classes) > 1 or isinstance(classes[0], MixedLabel):
            raise RequestError(f"{name!r} is not one class; pass one class each.")
    (start,), (end,) = ends
    return [blend(start, end, i / max(1, count - 1)) for i in range(count)]


def class_index(names: Sequence[str], label: str) -> int:
    """Return the index of the class `label`. Raises RequestError, which lists `names`, if it is unknown."""
    normalized = [_nfc(name) for name in names]  # é may be typed as e and an accent
    if _nfc(label) not in normalized:
        raise RequestError(f"Label {label!r} does not exist; the labels are {', '.join(names)}.")
    return normalized.index(_nfc(label))


def _listed(label: str) -> list[str]:
    """Return the names in a list of labels: split at commas outside of double quotes."""
    try:
        rows = list(csv.reader([label], skipinitialspace=True, strict=True))
    except csv.Error:  # an open quotation mark
        return [label]
    return [name.strip() for name in rows[0]] if len(rows) == 1 and rows[0] else [label]


def _nfc(text: str) -> str:
    """Return a name in the form in which names are compared: as it is shown, in composed characters."""
    return normalize("NFC", escape(text))
