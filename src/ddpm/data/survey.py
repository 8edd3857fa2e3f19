"""Survey of a data set before decoding: content hash, sizes, modes, gray or color.

Surveys are cached under the fingerprint of the set, so an unchanged set is not read again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.cache import explain_disk_errors, remove_abandoned_folders
from ddpm.data.content_hash import UNREADABLE, DatasetHash, item_hash
from ddpm.data.decoding import DECODING_VERSION, Header, decode, ignore_pillow_warnings, read_header
from ddpm.data.fitting import auto_size
from ddpm.data.image_source import BrokenImageError, ImageSource, no_usable_image_error
from ddpm.data.threads import ProgressCallback, map_in_threads
from ddpm.files import read_json, write_json


@dataclass(frozen=True)
class Survey:
    """Facts about a data set that are known before decoding."""

    content_hash: str  # over names, contents and labels
    sizes: dict[str, int]  # "HxW" → number of images, most frequent first
    modes: dict[str, int]  # Pillow's mode → number of images
    gray: bool  # every image is gray, even if stored in color
    folder_hash: str = ""  # content hash with the labels of version 0.1, if only these differ

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of size `auto`; see `fitting.auto_size`."""
        return auto_size(self.sizes)


def survey_source(
    source: ImageSource, cache_dir: Path, progress: ProgressCallback | None = None
) -> Survey:
    """Return the survey of `source`, from `cache_dir` if the set has not changed."""
    file = survey_file(source, cache_dir)
    survey = _read_cache(file)
    if survey is None:
        survey, complete = _survey(source, progress)
        if complete:  # an unreadable file may be readable next time
            with explain_disk_errors(cache_dir):
                remove_abandoned_folders(file.parent)
                write_json(file, {"rule": DECODING_VERSION, **dataclasses.asdict(survey)})
    return survey


def cached_survey(source: ImageSource, cache_dir: Path) -> Survey | None:
    """Return the survey of `source` from the cache, or None if there is none."""
    return _read_cache(survey_file(source, cache_dir))


def survey_file(source: ImageSource, cache_dir: Path) -> Path:
    """Return the path of the cached survey of `source`."""
    return cache_dir / "surveys" / f"{source.fingerprint[:32]}.json"


def _read_cache(file: Path) -> Survey | None:
    try:
        values: dict[str, Any] = read_json(file)
        return Survey(**values) if values.pop("rule") == DECODING_VERSION else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # absent, damaged or written by another version


def _survey(source: ImageSource, progress: ProgressCallback | None) -> tuple[Survey, bool]:
    """Return the survey, and whether every file could be read."""
    content, tally = DatasetHash(source), _Tally()
    with ignore_pillow_warnings():
        results = map_in_threads(lambda index: _read_item(source, index), len(source), progress)
        for item, (file_hash, header) in enumerate(results):
            content.add(file_hash)
            tally.complete &= file_hash != UNREADABLE
            tally.add(item, header)
    if not tally.sizes:
        raise no_usable_image_error(source, *tally.first_broken)
    survey = Survey(
        content_hash=content.hexdigest(),
        sizes=_by_frequency(tally.sizes),
        modes=_by_frequency(tally.modes),
        gray=False,
        folder_hash=""
        if source.folder_labels is None
        else content.hexdigest_with(source.folder_labels),
    )
    gray = tally.gray or _is_gray(source, survey.size, progress)
    return dataclasses.replace(survey, gray=gray), tally.complete


@dataclass
class _Tally:
    """Counts over the headers of a set."""

    sizes: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    gray: bool = True  # every header is gray
    complete: bool = True  # every file could be read
    first_broken: tuple[int, str] = (0, "")  # (item, reason)

    def add(self, item: int, header: Header | str) -> None:
        """Count a header, or the reason why there is none."""
        if isinstance(header, Header):
            self.sizes[f"{header.height}x{header.width}"] += 1
            self.modes[header.mode] += 1
            self.gray &= header.gray
        elif not self.first_broken[1]:
            self.first_broken = item, header


def _read_item(source: ImageSource, index: int) -> tuple[str, Header | str]:
    """Return the content hash of an item, and its header or why it has none."""
    content = UNREADABLE
    try:
        item = source.load(index)
        content = item_hash(item)
        return content, read_header(item)
    except BrokenImageError as error:
        return content, str(error)


def _by_frequency(counts: Counter[str]) -> dict[str, int]:
    """Return the counts, most frequent first, equal ones by name."""
    return {value: counts[value] for value in sorted(counts, key=lambda v: (-counts[v], v))}


def _is_gray(source: ImageSource, size: tuple[int, int], progress: ProgressCallback | None) -> bool:
    """Return whether R = G = B in every pixel of every image. Stops at the first image in color."""

    def image_is_gray(item: int) -> bool:
        try:
            data = source.load(item)
            if read_header(data).gray:
                return True
            red, green, blue = decode(data, size, 3)
        except BrokenImageError:
            return True  # no evidence of color
        return np.array_equal(red, green) and np.array_equal(green, blue)

    with ignore_pillow_warnings():
        return all(map_in_threads(image_is_gray, len(source), progress))
