"""A first look at every image of a set, without decoding them all: identity, sizes, modes, colour.

It is kept in the cache under the set's fingerprint, so that an unchanged set is not read again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.cache import explain_disk_errors, remove_abandoned
from ddpm.data.content_hash import UNREADABLE, SetHash, item_hash
from ddpm.data.decoding import RULE, Header, decode, ignore_pillow_warnings, read_header
from ddpm.data.image_source import BrokenImageError, ImageSource, no_usable_image
from ddpm.data.threads import Progress, map_in_threads
from ddpm.files import parse_json, write_json

_GREY_SAMPLE = 256  # images whose pixels decide whether a set is grey
_LARGEST_NATIVE = 64  # pixels: sets of larger images are made this small unless a size is asked for


@dataclass(frozen=True)
class Survey:
    """What is known of a set before it is decoded."""

    content_hash: str  # of names, contents and labels
    sizes: dict[str, int]  # "HxW" -> images, the commonest first
    modes: dict[str, int]  # Pillow's mode -> images
    grey: bool  # every image of a sample of 256 is grey

    @property
    def size(self) -> tuple[int, int]:
        """Size ``auto``: the commonest one up to 64 pixels, else 64 x 64."""
        height, width = map(int, next(iter(self.sizes)).split("x"))
        side = _LARGEST_NATIVE
        return (height, width) if max(height, width) <= side else (side, side)


def survey_source(source: ImageSource, cache_dir: Path, progress: Progress | None = None) -> Survey:
    """The survey of ``source``, from ``cache_dir`` where nothing has changed since."""
    file = _file(source, cache_dir)
    known = _read(file)
    if known is None:
        known, complete = _survey(source, progress)
        if complete:  # a file that cannot be read now may be readable next time
            with explain_disk_errors(cache_dir):
                remove_abandoned(file.parent)
                write_json(file, {"rule": RULE, **dataclasses.asdict(known)})
    return known


def cached_survey(source: ImageSource, cache_dir: Path) -> Survey | None:
    """The same, or None where ``source`` was not looked at before; nothing is written."""
    return _read(_file(source, cache_dir))


def _file(source: ImageSource, cache_dir: Path) -> Path:
    return cache_dir / "surveys" / f"{source.fingerprint[:32]}.json"


def _read(file: Path) -> Survey | None:
    try:
        values: dict[str, Any] = parse_json(file.read_text(encoding="utf-8"))
        return Survey(**values) if values.pop("rule") == RULE else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # absent, damaged, or of another version


def _survey(source: ImageSource, progress: Progress | None) -> tuple[Survey, bool]:
    """The survey, and whether every file could be read."""
    content, tally = SetHash(source), _Tally()
    with ignore_pillow_warnings():
        looks = map_in_threads(lambda index: _read_item(source, index), len(source), progress)
        for item, (found, header) in enumerate(looks):
            content.add(found)
            tally.complete &= found != UNREADABLE
            tally.add(item, header)
    if not tally.sizes:
        raise no_usable_image(source, *tally.first_broken)
    known = Survey(
        content_hash=content.hexdigest(),
        sizes=_commonest_first(tally.sizes),
        modes=_commonest_first(tally.modes),
        grey=False,
    )
    grey = tally.grey or _sample_is_grey(source, known.size)
    return dataclasses.replace(known, grey=grey), tally.complete


@dataclass
class _Tally:
    """What the headers of a set say, counted."""

    sizes: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    grey: bool = True  # every one of them
    complete: bool = True  # every file could be read
    first_broken: tuple[int, str] = (0, "")  # (item, reason)

    def add(self, item: int, header: Header | str) -> None:
        """A header, or the reason why there is none."""
        if isinstance(header, Header):
            self.sizes[f"{header.height}x{header.width}"] += 1
            self.modes[header.mode] += 1
            self.grey &= header.grey
        elif not self.first_broken[1]:
            self.first_broken = item, header


def _read_item(source: ImageSource, index: int) -> tuple[str, Header | str]:
    """One item's content hash, and its header or the reason why it has none."""
    content = UNREADABLE
    try:
        item = source.load(index)
        content = item_hash(item)
        return content, read_header(item)
    except BrokenImageError as error:
        return content, str(error)


def _commonest_first(counts: Counter[str]) -> dict[str, int]:
    """How often each occurs, the commonest first, equally common ones by name."""
    return {value: counts[value] for value in sorted(counts, key=lambda v: (-counts[v], v))}


def _sample_is_grey(source: ImageSource, size: tuple[int, int]) -> bool:
    """R = G = B in every pixel of up to 256 images, spread evenly over the set?"""
    sample = np.linspace(0, len(source) - 1, min(_GREY_SAMPLE, len(source))).round().astype(int)

    def is_grey(position: int) -> bool:
        try:
            red, green, blue = decode(source.load(int(sample[position])), size, 3)
        except BrokenImageError:
            return True  # says nothing
        return np.array_equal(red, green) and np.array_equal(green, blue)

    with ignore_pillow_warnings():
        return all(map_in_threads(is_grey, len(sample)))
