"""Range of the stored pixel values of a data set, and the limits that `data.range` stretches.

12-bit pictures in 16-bit files and masks of 0 and 1 use a small part of what their files can hold, so
they are nearly black. The range is measured before resizing and shared by all images of a set.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ddpm.data.cache import explain_disk_errors
from ddpm.data.decoding import DEEP_MODES, Limits, ignore_pillow_warnings, read_limits
from ddpm.data.image_source import BrokenImageError, ImageSource
from ddpm.data.mapped_array import MappedImages
from ddpm.data.survey import survey_file
from ddpm.data.threads import ProgressCallback, map_in_threads
from ddpm.errors import RequestError
from ddpm.files import read_json, write_json

SMALL_SHARE = 0.5  # of the range; a set that uses less is reported
_BLOCK = 1024  # images scanned at a time
_MAX_VALUE = 65535


@dataclass(frozen=True)
class ValueRange:
    """Lowest and highest stored pixel value of a set, and the highest that its files can hold."""

    low: int
    high: int
    full: int  # 255 or 65535; 0 if the set has files of both depths

    @property
    def is_small(self) -> bool:
        """Whether the values span less than half of what the files can hold."""
        return self.high - self.low < SMALL_SHARE * self.full


def parse_range(text: str) -> Limits | Literal["auto"] | None:
    """Return (low, high) of "LOW:HIGH", "auto", or None for "full". Raises RequestError for other text."""
    plain = str(text).strip().lower()
    if plain == "auto":
        return "auto"
    if plain == "full":
        return None
    match = re.fullmatch(r"([0-9]{1,5}):([0-9]{1,5})", plain)
    low, high = map(int, match.groups()) if match else (0, 0)
    if not low < high <= _MAX_VALUE:
        raise RequestError(
            f"data.range cannot be {text!r}. Use full, auto, or LOW:HIGH such as 0:4095: whole numbers "
            f"up to {_MAX_VALUE}, the lower one first."
        )
    return low, high


def measure_range(
    source: ImageSource, cache_dir: Path, progress: ProgressCallback | None = None
) -> ValueRange:
    """Return the range of the stored pixel values of `source`, from the cache if it has not changed."""
    file = _cache_file(source, cache_dir)
    found = cached_range(source, cache_dir)
    if found is None:
        found = _measure(source, progress)
        with explain_disk_errors(cache_dir):
            write_json(file, dataclasses.asdict(found))
    return found


def cached_range(source: ImageSource, cache_dir: Path) -> ValueRange | None:
    """Return the range of the stored pixel values from the cache, or None if it is not in it."""
    try:
        return ValueRange(**read_json(_cache_file(source, cache_dir)))
    except (OSError, ValueError, TypeError):
        return None


def stretched_limits(measured: ValueRange, name: str) -> Limits:
    """Return the limits of `data.range=auto`. Raises RequestError if the files differ in depth."""
    if not measured.full:
        raise RequestError(
            f"{name} has pictures with 8 and with 16 bits, so data.range=auto finds no common limits. "
            "Save them with one depth, or set data.range=full."
        )
    is_constant = measured.low == measured.high
    return (0, measured.full) if is_constant else (measured.low, measured.high)


def range_for(trained: str, modes: Mapping[str, int]) -> str:
    """Return the `data.range` of a run for images of other `modes`: 16-bit limits need 16-bit images."""
    limits = parse_range(trained)
    needs_16_bits = limits is not None and limits != "auto" and limits[1] > 255
    return "full" if needs_16_bits and not DEEP_MODES & modes.keys() else trained


def spans_half(images: MappedImages) -> bool:
    """Return whether decoded images uint8 [N, C, H, W] span half of 0 … 255. Stops once they do."""
    low, high = 255, 0
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        low, high = min(low, int(block.min())), max(high, int(block.max()))
        if high - low >= SMALL_SHARE * 255:
            return True
    return False


def describe_range(facts: Mapping[str, Any] | None) -> str:
    """Return one line on a small range, or on the stretched one; empty if there is neither."""
    if not facts:
        return ""
    values = f"pixel values {facts['low']} to {facts['high']}"
    if facts["stretched"]:
        return f"{values} are stretched to the whole range (data.range)"
    percent = 100 * (facts["high"] - facts["low"]) / facts["full"]
    return (
        f"{values} of 0 to {facts['full']} ({percent:.2g} % of the range), so the images have little "
        "contrast; to stretch them, train with --set data.range=auto"
    )


def range_facts(
    source: ImageSource, images: MappedImages, limits: Limits | None, cache_dir: Path
) -> dict[str, Any] | None:
    """Return the range for the report: the stretched one, or a small one; None for an ordinary set.

    `images`: the decoded images. The stored values are only measured if these span less than half.
    """
    if limits is not None:
        return {"low": limits[0], "high": limits[1], "full": 0, "stretched": True}
    if spans_half(images):
        return None
    measured = measure_range(source, cache_dir)
    return {**dataclasses.asdict(measured), "stretched": False} if measured.is_small else None


def _measure(source: ImageSource, progress: ProgressCallback | None) -> ValueRange:
    def limits(item: int) -> tuple[int, int, int] | None:
        try:
            return read_limits(source.load(item))
        except BrokenImageError:
            return None

    low, high, depths = _MAX_VALUE, 0, set()
    with ignore_pillow_warnings():
        for found in map_in_threads(limits, len(source), progress):
            if found is not None:
                low, high = min(low, found[0]), max(high, found[1])
                depths.add(found[2])
    return ValueRange(min(low, high), high, depths.pop() if len(depths) == 1 else 0)


def _cache_file(source: ImageSource, cache_dir: Path) -> Path:
    return survey_file(source, cache_dir).with_suffix(".range.json")
