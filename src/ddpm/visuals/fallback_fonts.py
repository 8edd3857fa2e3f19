"""Fonts for characters that DejaVu Sans lacks: the bundled Chinese subset, then the system's fonts."""

from __future__ import annotations

import atexit
import lzma
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources
from itertools import groupby
from pathlib import Path

from PIL import ImageFont

from ddpm.terminal import print_line
from ddpm.visuals.style import TEXT_SIZE, font_path

_BUNDLED = "StudioSerifTC-Regular.otf"
_reported: set[str] = set()  # characters without a font that were named already


def fallback_fonts(text: str) -> list[Path]:
    """Return the font files for the characters of `text` that DejaVu Sans lacks, in order of preference.

    Print each character that no font has, once per process.
    """
    missing = {char for char in text if char > "~"} - _characters(font_path())
    found = []
    for path in _candidates() if missing else ():
        if missing & _characters(path):
            found.append(path)
            missing -= _characters(path)
        if not missing:
            break
    _report(missing)
    return found


def font_runs(text: str, size: int = TEXT_SIZE) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """Return the pieces of `text`, each with the first font that has its characters."""
    paths = [font_path(), *fallback_fonts(text)]

    def first(char: str) -> Path:
        return next((path for path in paths if char in _characters(path)), paths[0])

    return [("".join(run), _opened(path, size)) for path, run in groupby(text, first)]


@lru_cache
def _opened(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _candidates() -> Iterator[Path]:
    yield _bundled_font()
    from matplotlib.font_manager import findSystemFonts

    yield from map(Path, sorted(findSystemFonts()))


@lru_cache
def _bundled_font() -> Path:
    """Unpack the bundled subset into a temporary folder, which is deleted when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="ddpm-fonts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    packed = resources.files("ddpm") / "documents" / "fonts" / f"{_BUNDLED}.xz"
    path = folder / _BUNDLED
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    return path


@cache
def _characters(path: Path) -> frozenset[str]:
    """Return the characters of a font file; none if it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, fontNumber=0, lazy=True) as font:
            return frozenset(map(chr, font.getBestCmap() or {}))
    except (OSError, TTLibError, KeyError, AssertionError, ValueError):
        return frozenset()


def _report(missing: set[str]) -> None:
    unnamed = missing - _reported
    if unnamed:
        _reported.update(unnamed)
        names = " ".join(f"{char} (U+{ord(char):04X})" for char in sorted(unnamed)[:5])
        more = f" and {len(unnamed) - 5} more" if len(unnamed) > 5 else ""
        print_line(f"warning: no installed font has {names}{more}; pictures show boxes instead.")
