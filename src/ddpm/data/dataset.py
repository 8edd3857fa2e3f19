"""A set of images ready for training: decoded, counted, duplicates found, a holdout set apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpm.data.cache import Decoded, cached_images, decoded_images
from ddpm.data.decoded_rows import Transform
from ddpm.data.duplicates import first_occurrences
from ddpm.data.image_source import ImageSource
from ddpm.data.mapped_array import Images
from ddpm.data.source_detection import open_source
from ddpm.data.survey import Survey, cached_survey, survey_source
from ddpm.data.threads import Progress
from ddpm.errors import RequestError
from ddpm.messages import Message, message

TEST_FILES = message("test_files")  # where the holdout of an IDX set comes from
_HELDOUT_SHARE = 0.02
_HELDOUT_MOST = 500
_HELDOUT_FROM = 50  # images: smaller sets hold nothing out
_LARGEST_SIDE = 1024
_BLOCK = 1 << 16  # rows whose sums are in memory together
_BROKEN_LISTED = 1000  # in environment.json, too


@dataclass(frozen=True)
class Dataset:
    """Images of one shape and the part each plays. Indices point into ``images``."""

    name: str
    images: Images  # [N, C, H, W], memory-mapped, every decoded image
    labels: NDArray[np.int64] | None  # [N], 0 … K-1
    class_names: tuple[str, ...]  # K of them; () where there are no labels
    train: NDArray[np.int64]  # used for training, ascending
    heldout: NDArray[np.int64]  # never trained on; may be empty
    heldout_reason: Message  # where the holdout comes from, or why there is none
    report: dict[str, Any]  # counts, broken files, content hash, size, channels, mean, std: JSON


class _Split(NamedTuple):
    train: NDArray[np.int64]
    heldout: NDArray[np.int64]
    duplicates: int  # dropped
    reason: Message


def prepare_dataset(
    path: Path,
    *,
    size: int | str = "auto",
    channels: int | str = "auto",
    all_images: bool = False,
    cache_dir: Path,
    progress: Progress | None = None,
) -> Dataset:
    """The images at ``path`` (see ``sources.open_source``), decoded into ``cache_dir`` once.

    ``size``: a number (square), "HxW" or "auto"; ``channels``: 1, 3 or "auto" (1 where every image
    is grey). Exact duplicates are dropped. Held out are the test files of IDX sets, else 2 % of the
    images, at most 500, chosen by the hash of their files. ``all_images`` holds nothing out and
    keeps duplicates (of an IDX set it takes the training files). ``progress(done, total)`` runs
    twice over the images: read, then decoded.

    RequestError where there are fewer than two usable images.
    """
    parse_size(size), _parse_channels(channels)  # refused before anything is looked for
    return prepare_from_source(
        open_source(path),
        size=size,
        channels=channels,
        all_images=all_images,
        cache_dir=cache_dir,
        progress=progress,
    )


def prepare_from_source(
    source: ImageSource,
    *,
    size: int | str = "auto",
    channels: int | str = "auto",
    all_images: bool = False,
    cache_dir: Path,
    progress: Progress | None = None,
) -> Dataset:
    """The same of a set that is open already."""
    wanted = parse_size(size), _parse_channels(channels)
    seen = survey_source(source, cache_dir, progress)
    transform = _transform(seen, *wanted)
    decoded = decoded_images(source, seen.content_hash, transform, cache_dir, progress)
    split = _split(source, decoded, all_images)
    if len(split.train) < 2:
        raise _too_few(source.name, decoded)
    return Dataset(
        name=source.name,
        images=decoded.images,
        labels=None if source.labels is None else source.labels[decoded.items],
        class_names=source.class_names,
        train=split.train,
        heldout=split.heldout,
        heldout_reason=split.reason,
        report=_report(source, seen, decoded, split),
    )


def is_prepared(path: Path, *, size: int | str, channels: int | str, cache_dir: Path) -> bool:
    """Whether ``prepare_dataset`` would find the images in the cache, and so write nothing."""
    wanted = parse_size(size), _parse_channels(channels)
    seen = cached_survey(open_source(path), cache_dir)
    if seen is None:
        return False
    return cached_images(seen.content_hash, _transform(seen, *wanted), cache_dir) is not None


def _transform(seen: Survey, size: tuple[int, int] | None, channels: int | None) -> Transform:
    """What the images are brought to; None is "auto"."""
    return Transform(size or seen.size, channels or (1 if seen.grey else 3))


def parse_size(size: int | str) -> tuple[int, int] | None:
    """(height, width) of ``28``, ``"28"`` or ``"45x33"`` (HxW); None for "auto"."""
    text = str(size).strip().lower()
    if text == "auto":
        return None
    match = re.fullmatch(r"([0-9]{1,6})(?:[x×]([0-9]{1,6}))?", text)
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(height, width) < 2 or max(height, width) > _LARGEST_SIDE:
        raise RequestError(
            f"data.size cannot be {size!r}; use auto, a number such as 64 or HxW such as 45x33, "
            f"2 to {_LARGEST_SIDE} pixels a side."
        )
    return height, width


def _parse_channels(channels: int | str) -> int | None:
    choices: dict[str, int | None] = {"1": 1, "3": 3, "auto": None}
    if str(channels) not in choices:
        raise RequestError(f"data.channels cannot be {channels!r}; use 1, 3 or auto.")
    return choices[str(channels)]


def _split(source: ImageSource, decoded: Decoded, all_images: bool) -> _Split:
    """Which rows are trained on and which are held out; duplicates are in neither."""
    nothing = np.empty(0, np.int64)
    if all_images:  # of an IDX set, all that were given to train on: its test files measure models
        given = np.flatnonzero(~np.isin(decoded.items, source.test))
        return _Split(given, nothing, 0, message("heldout_none"))
    # The first of each group of equal images stays; test files come last: training keeps its own.
    unique = np.flatnonzero(first_occurrences(decoded.pixel_hashes))
    dropped = len(decoded.items) - len(unique)
    if source.test:
        heldout = np.isin(decoded.items[unique], source.test)
        return _Split(unique[~heldout], unique[heldout], dropped, TEST_FILES)
    if len(unique) < _HELDOUT_FROM:
        return _Split(unique, nothing, dropped, message("heldout_too_few", fewest=_HELDOUT_FROM))
    reason = message("heldout_by_hash", percent=100 * _HELDOUT_SHARE)
    heldout = _chosen_by_hash(decoded.file_hashes[unique])
    return _Split(
        unique[~heldout],
        unique[heldout],
        dropped,
        reason,
    )


def _chosen_by_hash(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """The images whose hash is in the lowest 2 % of all possible ones, at least 1 and at most 500.

    It depends on an image alone (but for those two bounds), so that images added later leave the
    others where they are.
    """
    low = np.flatnonzero(hashes < np.uint64(int(_HELDOUT_SHARE * 2**64)))
    if not len(low):
        low = np.argmin(hashes, keepdims=True)
    chosen = np.zeros(len(hashes), dtype=bool)
    chosen[low[np.argsort(hashes[low], kind="stable")[:_HELDOUT_MOST]]] = True
    return chosen


def _report(source: ImageSource, seen: Survey, decoded: Decoded, split: _Split) -> dict[str, Any]:
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
            {"name": name, "reason": why} for name, why in decoded.broken[:_BROKEN_LISTED]
        ],
        "ignored": list(source.ignored[:_BROKEN_LISTED]),
        "kind": source.kind,
        "content_hash": seen.content_hash,
        "size": f"{height}x{width}",
        "channels": channels,
        "mean": mean,
        "std": std,
    }


def _mean_and_std(decoded: Decoded, rows: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Each channel's mean and standard deviation over ``rows``, pixels in [0, 1]."""
    _, _, height, width = decoded.images.shape
    blocks = np.array_split(rows, -(-len(rows) // _BLOCK))
    sums = sum(decoded.sums[block].sum(0) for block in blocks)  # whole numbers: any order will do
    mean, square = (sums / (len(rows) * height * width)).T  # [C] each
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return (mean / 255).tolist(), (std / 255).tolist()


def _too_few(name: str, decoded: Decoded) -> RequestError:
    """Some image can be decoded here, else ``cache`` would have said so."""
    count, why = len(decoded.items), ""
    what = "one usable image" if count == 1 else f"{count} images that are all equal"
    if decoded.broken:
        file, reason = decoded.broken[0]
        why = f" ({file} {reason})"
    return RequestError(f"{name} holds {what}{why}; at least two different images are needed.")
