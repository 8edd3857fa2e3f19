"""Folders that number the parts of a set, such as 00000/, 01000/, and are no classes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAMED_PART = re.compile(
    r"(part|parts|shard|chunk|batch|fold|subset|split|pack|volume|images?|imgs?)[ _.-]?\d+"
)
_MIN_DIGITS = 3
_MIN_STEP = 100  # between the numbers of parts such as 00000, 01000
_PART_SIZE = 1000  # images in a part of EDM and StyleGAN: image 1234 is in 00001


@dataclass(frozen=True)
class NumberedFolder:
    """A folder: its name, and the lowest and highest number in its images' names (None: no numbers)."""

    name: str
    count: int  # images
    first: int | None
    last: int | None


def are_numbered_parts(folders: Iterable[NumberedFolder]) -> bool:
    """Return whether all folders are parts of one set.

    They are called `part1`, `part2` …, are far apart (00000, 01000), or hold images that are numbered
    through all folders.
    """
    merged: dict[str, NumberedFolder] = {}
    for folder in folders:
        name = folder.name.casefold()
        merged[name] = _merged(merged[name], folder) if name in merged else folder
    if len(merged) < 2:
        return False
    words = [_NAMED_PART.fullmatch(name) for name in merged]
    if all(words):
        return len({match[1] for match in words if match}) == 1
    lengths = {len(name) for name in merged}
    if not all(map(str.isdecimal, merged)) or len(lengths) > 1 or min(lengths) < _MIN_DIGITS:
        return False
    numbers = sorted(map(int, merged))
    step = min(b - a for a, b in itertools.pairwise(numbers))
    if step >= _MIN_STEP and all(number % step == 0 for number in numbers):
        return True
    return _are_numbered_through([merged[name] for name in sorted(merged, key=int)])


def _merged(a: NumberedFolder, b: NumberedFolder) -> NumberedFolder:
    if a.first is None or a.last is None or b.first is None or b.last is None:
        return NumberedFolder(a.name, a.count + b.count, None, None)
    return NumberedFolder(a.name, a.count + b.count, min(a.first, b.first), max(a.last, b.last))


def _are_numbered_through(folders: list[NumberedFolder]) -> bool:
    """Return whether the images' numbers tell their folder: thousands, last digits, or in sequence."""
    spans = [(f.first, f.last) for f in folders if f.first is not None and f.last is not None]
    if len(spans) < len(folders):
        return False
    names = [int(folder.name) for folder in folders]
    pairs = list(zip(names, spans, strict=True))
    if all(name == low // _PART_SIZE == high // _PART_SIZE for name, (low, high) in pairs):
        return True
    if all(name == low % _PART_SIZE == high % _PART_SIZE for name, (low, high) in pairs):
        return True
    follow = all(a[1] + 1 == b[0] for a, b in itertools.pairwise(spans))
    counts = [folder.count for folder in folders]
    return follow and len({*counts[:-1]}) == 1 and counts[-1] <= counts[0]
