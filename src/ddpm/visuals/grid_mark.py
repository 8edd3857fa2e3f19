"""Mark of a grid: a comment in its file with everything needed to draw it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.layout import Layout

_KEY, _KIND, _FORMAT = "ddpm-studio", "grid", 2
_MAX_LAYOUT = 4096  # largest value of each field of a layout


@dataclass(frozen=True)
class GridMark:
    """Layout of a grid, the seeds of its images in order, and what drew them."""

    layout: Layout
    channels: int
    seeds: tuple[int, ...]
    weights_hash: str  # see `models/fingerprint.py`
    label: str | None = None  # None: classes chosen by the seeds
    sampling: Mapping[str, Any] = field(default_factory=dict)  # sampling settings
    format: int = _FORMAT

    @property
    def has_random_classes(self) -> bool:
        """Whether the class of each image was drawn at random from its seed, as it was in format 1."""
        return self.format == 1 and self.label is None

    def comment(self) -> str:
        """Return the mark as one line of JSON."""
        row = {_KEY: _KIND, "format": self.format, **asdict(self.layout), "channels": self.channels}
        row |= {"seeds": self.seeds, "run": self.weights_hash, "label": self.label}
        return json.dumps({**row, "sampling": dict(self.sampling)}, separators=(",", ":"))


def read_grid_mark(picture: Image.Image) -> GridMark | None:
    """Return the mark in the comment of a JPEG or PNG; None if the picture has none.

    Raises RequestError if the mark is damaged. The caller prepends the file name to the message.
    """
    comment = picture.info.get("comment", picture.info.get("Comment", ""))
    text = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or row.get(_KEY) != _KIND:
        return None
    if type(row.get("format")) is int and row["format"] > _FORMAT:
        raise RequestError(
            "was written by a newer version of ddpm-studio; update it to read the grid"
        )
    try:
        return _mark(row)
    except (KeyError, TypeError, ValueError) as error:
        raise RequestError(
            "has a damaged comment about how it was drawn; write the grid again with ddpm sample"
        ) from error


def _mark(row: Mapping[str, Any]) -> GridMark:
    """Return the mark of a row. Raises KeyError, TypeError or ValueError if a value is missing or invalid."""
    names = ("rows", "columns", "height", "width", "scale", "gap")
    layout = Layout(
        **{name: _integer(row[name], int(name != "gap"), _MAX_LAYOUT) for name in names}
    )
    seeds = tuple(_integer(seed, 0, 2**63 - 1) for seed in row["seeds"])
    if row["channels"] not in (1, 3) or not 1 <= len(seeds) <= layout.rows * layout.columns:
        raise ValueError("channels or seeds do not fit the layout")
    label, sampling = row["label"], row["sampling"]
    if not isinstance(sampling, dict) or not isinstance(label, str | None):
        raise TypeError("label must be text, sampling an object")
    version = _integer(row["format"], 1, _FORMAT)
    return GridMark(layout, int(row["channels"]), seeds, str(row["run"]), label, sampling, version)


def _integer(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r} is not a whole number from {low} to {high}")
    return value
