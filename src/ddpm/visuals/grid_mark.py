"""What a grid says of itself in its file's comment, so that it can be drawn again and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.layout import Layout

_KEY, _KIND, _FORMAT = "ddpm-studio", "grid", 1
_LARGEST = 4096  # rows, columns, pixels of an image, its scale, the gap: no grid of ours has more


@dataclass(frozen=True)
class GridMark:
    """A grid's cells, the seed of each image in order, and what drew them."""

    layout: Layout
    channels: int
    seeds: tuple[int, ...]
    run: str  # hash of the weights, see `workflows.marking.weights_hash`
    label: str | None = None  # None: classes by the seeds
    sampling: Mapping[str, Any] = field(default_factory=dict)  # the sampler's settings

    def comment(self) -> str:
        """One line of JSON."""
        row = {_KEY: _KIND, "format": _FORMAT, **asdict(self.layout), "channels": self.channels}
        row |= {"seeds": self.seeds, "run": self.run, "label": self.label}
        return json.dumps({**row, "sampling": dict(self.sampling)}, separators=(",", ":"))


def read_grid_mark(picture: Image.Image) -> GridMark | None:
    """The mark in a JPEG's or PNG's comment; None where the picture was made elsewhere.

    RequestError where it is one of ours, but damaged.
    """
    comment = picture.info.get("comment", picture.info.get("Comment", ""))
    text = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or row.get(_KEY) != _KIND:
        return None
    try:
        return _mark(row)
    except (KeyError, TypeError, ValueError) as error:
        raise RequestError(
            "the comment that says how the grid was drawn is damaged; draw the grid again"
        ) from error


def _mark(row: Mapping[str, Any]) -> GridMark:
    """KeyError, TypeError or ValueError where a value is missing or cannot be."""
    names = ("rows", "columns", "height", "width", "scale", "gap")
    layout = Layout(**{name: _whole(row[name], int(name != "gap"), _LARGEST) for name in names})
    seeds = tuple(_whole(seed, 0, 2**63 - 1) for seed in row["seeds"])
    if row["channels"] not in (1, 3) or not 1 <= len(seeds) <= layout.rows * layout.columns:
        raise ValueError("no grid has these")
    label, sampling = row["label"], row["sampling"]
    if not isinstance(sampling, dict) or not isinstance(label, str | None):
        raise TypeError("label is a word, sampling an object")
    return GridMark(layout, int(row["channels"]), seeds, str(row["run"]), label, sampling)


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r} is no whole number from {low} to {high}")
    return value
