"""A first look at every image of a set, without decoding them all: identity, sizes, modes, colour.

It is kept in the cache under the set's fingerprint, so that an unchanged set is not read again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.decoding import RULE, Header, decode, quiet_pillow, read_header
from ddpm.data.parallel import Progress, in_order
from ddpm.data.source import BrokenImageError, ImageSource
from ddpm.errors import RequestError
from ddpm.files import write_json

_GREY_SAMPLE = 256  # images whose pixels decide whether a set is grey
_LARGEST_NATIVE = 64  # pixels: sets of larger images are made this small unless a size is asked for


@dataclass(frozen=True)
class Survey:
    """What is known of a set before it is decoded."""

    content_hash: str  # SHA-256 over names, lengths and contents, hexadecimal
    sizes: dict[str, int]  # "HxW" -> images, the commonest first
    modes: dict[str, int]  # Pillow's mode -> images
    grey: bool  # every image of a sample of 256 is grey

    @property
    def size(self) -> tuple[int, int]:
        """Size ``auto``: the commonest one up to 64 pixels, else 64 x 64."""
        height, width = map(int, next(iter(self.sizes)).split("x"))
        side = _LARGEST_NATIVE
        return (height, width) if max(height, width) <= side else (side, side)


def survey(source: ImageSource, cache_dir: Path, progress: Progress | None = None) -> Survey:
    """The survey of ``source``, from ``cache_dir`` where nothing has changed since."""
    file = cache_dir / "surveys" / f"{source.fingerprint[:32]}.json"
    known = _read(file)
    if known is None:
        known = _survey(source, progress)
        write_json(file, {"rule": RULE, **dataclasses.asdict(known)})
    return known


def _read(file: Path) -> Survey | None:
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Survey(**values) if values.pop("rule") == RULE else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # absent, damaged, or of another version


def _survey(source: ImageSource, progress: Progress | None) -> Survey:
    digest = hashlib.sha256()
    headers: list[Header] = []
    reasons: list[str] = []
    with quiet_pillow():
        looks = in_order(lambda index: _look(source, index), len(source), progress)
        for name, (content, found) in zip(source.names, looks, strict=True):
            digest.update(f"{name}\0{content}\n".encode())
            if isinstance(found, Header):
                headers.append(found)
            else:
                reasons.append(f"{name} {found}")
    if not headers:
        raise RequestError(
            f"None of the {len(source)} images in {source.name} can be used ({reasons[0]}); "
            "give a set of whole images."
        )
    if source.labels is not None:
        digest.update(source.labels.tobytes())
    known = Survey(
        content_hash=digest.hexdigest(),
        sizes=_counted(f"{header.height}x{header.width}" for header in headers),
        modes=_counted(header.mode for header in headers),
        grey=False,
    )
    grey = all(header.grey for header in headers) or _sample_is_grey(source, known.size)
    return dataclasses.replace(known, grey=grey)


def _look(source: ImageSource, index: int) -> tuple[str, Header | str]:
    """One item's length and content hash, and its header or why it has none."""
    try:
        item = source.load(index)
    except BrokenImageError as error:
        return "broken", str(error)
    data = item if isinstance(item, bytes) else item.tobytes()
    content = f"{len(data)} {hashlib.sha256(data).hexdigest()}"
    try:
        return content, read_header(item)
    except BrokenImageError as error:
        return content, str(error)


def _counted(values: Iterable[str]) -> dict[str, int]:
    """How often each occurs, the commonest first, equally common ones by name."""
    counts = Counter(values)
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

    with quiet_pillow():
        return all(in_order(is_grey, len(sample)))
