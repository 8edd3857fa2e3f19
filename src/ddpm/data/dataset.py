"""Data sets ready for training: decoded, without duplicates, split into training and held-out images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpm.data.cache import DecodedImages, cached_images, decoded_images
from ddpm.data.decoded_rows import Transform
from ddpm.data.decoding import Limits
from ddpm.data.duplicates import first_occurrences
from ddpm.data.fitting import measure_fit
from ddpm.data.image_source import ImageSource
from ddpm.data.mapped_array import MappedImages
from ddpm.data.source_detection import open_source
from ddpm.data.survey import Survey, cached_survey, survey_source
from ddpm.data.threads import ProgressCallback
from ddpm.data.value_range import (
    cached_range,
    measure_range,
    parse_range,
    range_facts,
    stretched_limits,
)
from ddpm.errors import RequestError
from ddpm.messages import Message, message

TEST_FILES = message("test_files")  # heldout_reason of IDX sets
_HELDOUT_SHARE = 0.02
_MAX_HELDOUT = 500
_MIN_SPLIT = 50  # images; smaller sets are not split
_MAX_SIDE = 1024
_BLOCK = 1 << 16  # rows added up at a time
_MAX_LISTED = 1000  # names of broken or skipped files in the report


@dataclass(frozen=True)
class Preparation:
    """Settings of the prepared images; see `config.DataConfig`."""

    size: int | str = "auto"  # a number (square), "HxW" or "auto"
    channels: int | str = "auto"  # 1, 3, or "auto": 1 if every image is gray
    value_range: str = (
        "full"  # "full", "auto" or "LOW:HIGH": stored pixel values that are stretched
    )
    all_images: bool = False  # keep duplicates and hold nothing out
    labels: str = "auto"  # "none": keep images without a class; or FILE:COLUMN of a table

    def check(self) -> None:
        """Raise RequestError if a setting is invalid."""
        parse_size(self.size)
        _parse_channels(self.channels)
        parse_range(self.value_range)


@dataclass(frozen=True)
class Dataset:
    """Images of one shape, split into training and held-out rows of `images`."""

    name: str
    images: MappedImages  # uint8 [N, C, H, W], memory-mapped, every decoded image
    labels: NDArray[np.int64] | None  # [N], 0 … K-1
    class_names: tuple[str, ...]  # K names; () without labels
    train: NDArray[np.int64]  # used for training, ascending
    heldout: NDArray[np.int64]  # never trained on; may be empty
    heldout_reason: Message  # how the held-out images were chosen, or why there are none
    report: dict[str, Any]  # counts, broken files, content hash, size, channels, mean, std: JSON
    folder_hash: str = ""  # content hash with the labels of version 0.1, if only these differ

    def has_content(self, recorded: str | None, *, with_labels: bool) -> bool:
        """Return whether a recorded content hash is that of these images; None always is.

        Version 0.1 took every folder for a class, which only matters to a model that learns labels.
        """
        known = {None, self.report["content_hash"]}
        return recorded in (known if with_labels else known | {self.folder_hash})


class _Split(NamedTuple):
    train: NDArray[np.int64]
    heldout: NDArray[np.int64]
    duplicates: int  # number of dropped images
    reason: Message


def prepare_dataset(
    path: Path,
    settings: Preparation = Preparation(),
    *,
    cache_dir: Path,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Return the images at `path` (see `source_detection.open_source`), decoded into `cache_dir`.

    Exact duplicates are dropped. The held-out images are the set's own test images, else 2 % of
    the images (at most 500), chosen by the hashes of their files. With `all_images` duplicates stay and
    nothing but the set's own test images is held out. `progress(done, total)` counts the
    images twice: as they are read, then as they are decoded.

    Raises RequestError if there are fewer than two usable images.
    """
    settings.check()  # errors here come before any image is read
    source = open_source(path, settings.labels)
    return prepare_from_source(source, settings, cache_dir=cache_dir, progress=progress)


def prepare_from_source(
    source: ImageSource,
    settings: Preparation = Preparation(),
    *,
    cache_dir: Path,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Return the images of `source`; see `prepare_dataset`."""
    settings.check()
    survey = survey_source(source, cache_dir, progress)
    limits = parse_range(settings.value_range)
    if limits == "auto":
        limits = stretched_limits(measure_range(source, cache_dir, progress), source.name)
    transform = _transform(survey, settings, limits)
    decoded = decoded_images(source, survey.content_hash, transform, cache_dir, progress)
    split = _split(source, decoded, settings.all_images)
    if len(split.train) < 2:
        raise _too_few_error(source.name, decoded)
    return Dataset(
        name=source.name,
        images=decoded.images,
        labels=None if source.labels is None else source.labels[decoded.items],
        class_names=source.class_names,
        train=split.train,
        heldout=split.heldout,
        heldout_reason=split.reason,
        report={
            **_report(source, survey, decoded, split, auto=parse_size(settings.size) is None),
            "range": range_facts(source, decoded.images, transform.limits, cache_dir),
        },
        folder_hash=survey.folder_hash,
    )


def is_prepared(path: Path, settings: Preparation, *, cache_dir: Path) -> bool:
    """Return whether `prepare_dataset` would find the images in the cache."""
    source = open_source(path, settings.labels)
    survey, limits = cached_survey(source, cache_dir), parse_range(settings.value_range)
    if limits == "auto" and (measured := cached_range(source, cache_dir)) is not None:
        limits = stretched_limits(measured, source.name)
    if survey is None or limits == "auto":
        return False
    transform = _transform(survey, settings, limits)
    return cached_images(survey.content_hash, transform, cache_dir) is not None


def _transform(survey: Survey, settings: Preparation, limits: Limits | None) -> Transform:
    """Return size, channels and limits of the decoded images."""
    size, channels = parse_size(settings.size), _parse_channels(settings.channels)
    return Transform(
        size or survey.size,
        channels or (1 if survey.gray else 3),
        limits,
    )


def parse_size(size: int | str) -> tuple[int, int] | None:
    """Return (height, width) of `28`, `"28"` or `"45x33"` (HxW), and None for "auto"."""
    text = str(size).strip().lower()
    if text == "auto":
        return None
    match = re.fullmatch(r"([0-9]{1,6})(?:[x×]([0-9]{1,6}))?", text)
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(height, width) < 2 or max(height, width) > _MAX_SIDE:
        raise RequestError(
            f"data.size cannot be {size!r}. Use auto, a number such as 64 or HxW such as 45x33, "
            f"2 to {_MAX_SIDE} pixels a side."
        )
    return height, width


def _parse_channels(channels: int | str) -> int | None:
    choices: dict[str, int | None] = {"1": 1, "3": 3, "auto": None}
    if str(channels) not in choices:
        raise RequestError(f"data.channels cannot be {channels!r}. Use 1, 3 or auto.")
    return choices[str(channels)]


def _split(source: ImageSource, decoded: DecodedImages, all_images: bool) -> _Split:
    """Split the rows into training and held-out ones; duplicates are in neither."""
    none = np.empty(0, np.int64)
    if all_images:  # except the test files of an IDX set, which evaluate models
        rows = np.flatnonzero(~np.isin(decoded.items, source.test))
        return _Split(rows, none, 0, message("heldout_none"))
    # The first of equal images is kept. Test files come last, so training images win.
    unique = np.flatnonzero(first_occurrences(decoded.pixel_hashes))
    dropped = len(decoded.items) - len(unique)
    if source.test:
        heldout = np.isin(decoded.items[unique], source.test)
        return _Split(unique[~heldout], unique[heldout], dropped, TEST_FILES)
    if len(unique) < _MIN_SPLIT:
        return _Split(unique, none, dropped, message("heldout_too_few", fewest=_MIN_SPLIT))
    heldout = _select_by_hash(decoded.file_hashes[unique])
    reason = message("heldout_by_hash", percent=100 * _HELDOUT_SHARE)
    return _Split(unique[~heldout], unique[heldout], dropped, reason)


def _select_by_hash(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return a mask of the hashes in the lowest 2 % of all possible values, at least 1 and at most 500.

    Apart from these bounds the choice depends on each image alone, so adding images to a set does not
    move the others between training and held-out images.
    """
    low = np.flatnonzero(hashes < np.uint64(int(_HELDOUT_SHARE * 2**64)))
    if not len(low):
        low = np.argmin(hashes, keepdims=True)
    mask = np.zeros(len(hashes), dtype=bool)
    mask[low[np.argsort(hashes[low], kind="stable")[:_MAX_HELDOUT]]] = True
    return mask


def _report(
    source: ImageSource, survey: Survey, decoded: DecodedImages, split: _Split, *, auto: bool
) -> dict[str, Any]:
    mean, std = _mean_and_std(decoded, split.train)
    _, channels, height, width = decoded.images.shape
    used = len(split.train) + len(split.heldout)
    return {
        "given": used + split.duplicates + len(decoded.broken),
        "used": len(split.train),
        "held_out": len(split.heldout),
        "duplicate": split.duplicates,
        "broken": len(decoded.broken),
        "broken_files": [
            {"name": name, "reason": reason} for name, reason in decoded.broken[:_MAX_LISTED]
        ],
        "ignored": list(source.unopened_archives[:_MAX_LISTED]),
        "skipped": dict(source.other_files),
        "notes": list(source.notes),
        "kind": source.kind,
        "content_hash": survey.content_hash,
        "size": f"{height}x{width}",
        "channels": channels,
        "fit": measure_fit(survey.sizes, (height, width), auto),
        "mean": mean,
        "std": std,
    }


def _mean_and_std(
    decoded: DecodedImages, rows: NDArray[np.int64]
) -> tuple[list[float], list[float]]:
    """Return the mean and standard deviation of each channel over `rows`, pixels in [0, 1]."""
    _, _, height, width = decoded.images.shape
    blocks = np.array_split(rows, -(-len(rows) // _BLOCK))
    sums = sum(decoded.sums[block].sum(0) for block in blocks)  # integers, so exact in any order
    mean, square = (sums / (len(rows) * height * width)).T  # [C] each
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return (mean / 255).tolist(), (std / 255).tolist()


def _too_few_error(name: str, decoded: DecodedImages) -> RequestError:
    """Return the error for a set with a single distinct image."""
    count, detail = len(decoded.items), ""
    what = "one usable image" if count == 1 else f"{count} images that are all equal"
    if decoded.broken:
        file, reason = decoded.broken[0]
        detail = f" ({file} {reason})"
    return RequestError(f"{name} holds {what}{detail}. Pass at least two different images.")
