"""The fonts of a report, and the characters that none of them has.

Latin, Greek and Cyrillic come from the fonts inside typst; Chinese from two subsets in the
folder `fonts` (`scripts/subset_font.py` made them, `fonts/OFL.txt` is their license).
"""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from ddpm.errors import RequestError

SERIF, SANS = "Studio Serif TC", "Studio Sans TC"  # the subsets
LATIN, LATIN_CODE = "Libertinus Serif", "DejaVu Sans Mono"  # inside typst
BUNDLED = {SERIF: "StudioSerifTC-Regular.otf", SANS: "StudioSansTC-Bold.otf"}
PACKED = ".xz"
# Characters that Libertinus Serif has: Latin, Greek, Cyrillic, marks, arrows, mathematics.
# `tests/documents/test_typefaces.py` asks typst for each.
LATIN_RANGES = (
    (0x20, 0x7E), (0xA0, 0x24E), (0x391, 0x3A1), (0x3A3, 0x3CE), (0x400, 0x45F), (0x2010, 0x2022),
    (0x2030, 0x2037), (0x2074, 0x208E), (0x2190, 0x2199), (0x2200, 0x220D), (0x21D0, 0x21D5),
)  # fmt: skip
LATIN_OTHERS = frozenset("‹›∏∑−∓…€⁰ⁱ√∝∞∠∥∧∨∩∪∫∼≈≠≡≤≥≪≫⊂⊃⊕⊗⋅⋯")


@dataclass(frozen=True)
class Faces:
    """Font families in order of preference."""

    text: tuple[str, ...]
    code: tuple[str, ...]
    bold: frozenset[str] = frozenset()  # characters of the bold subset

    def heading(self, words: str) -> tuple[str, ...]:
        """Return the bold sans if it has every character, else the families of the text."""
        return (SANS,) if self.bold and self.bold.issuperset(words) else self.text


def faces(families: Sequence[str] = ()) -> Faces:
    """Return the font families of a report; `families` of the user's font come before the bundled serif."""
    fallbacks = (*families, SERIF)
    return Faces((LATIN, *fallbacks), (LATIN_CODE, *fallbacks), characters(SANS))


def unpack(folder: Path) -> None:
    """Write the bundled fonts into `folder`, where typst looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in BUNDLED.values():
        (folder / name).write_bytes(_bundled(name))


def _bundled(name: str) -> bytes:
    packed = resources.files("ddpm") / "documents" / "fonts" / (name + PACKED)
    return lzma.decompress(packed.read_bytes())


@lru_cache
def characters(family: str) -> frozenset[str]:
    """Return the characters of a bundled font."""
    return _characters(_bundled(BUNDLED[family]))


def _characters(content: bytes) -> frozenset[str]:
    from fontTools.ttLib import TTFont

    with TTFont(io.BytesIO(content), fontNumber=0, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap() or {}))


def characters_of(path: Path) -> frozenset[str]:
    """Return the characters of a font file (a collection: its first font); RequestError if it is no font."""
    from fontTools.ttLib import TTLibError

    try:
        found = _characters(path.read_bytes())
        if not found:
            raise ValueError("it has no characters")
        return found
    except (OSError, TTLibError, KeyError, AssertionError, ValueError) as error:
        raise RequestError(
            f"--font {path} cannot be read as a font ({error}); give a .ttf, .otf or .ttc file."
        ) from error


def without_glyph(texts: Iterable[str], own: frozenset[str] = frozenset()) -> list[str]:
    """Return the characters of `texts`, in order, that typst's, the bundled and the own font all lack."""
    known = characters(SERIF) | own
    wanted = dict.fromkeys("".join(texts))
    return [c for c in wanted if c.isprintable() and c not in known and not in_latin(c)]


def in_latin(character: str) -> bool:
    """Return whether the Latin font is known to have a character."""
    point = ord(character)
    ranges = any(low <= point <= high for low, high in LATIN_RANGES)
    return ranges or character in LATIN_OTHERS


def in_system_fonts(wanted: Iterable[str]) -> frozenset[str]:
    """Return the characters that at least one installed font has."""
    from fontTools.ttLib import TTFont, TTLibError
    from matplotlib.font_manager import findSystemFonts

    remaining, found = set(wanted), set()
    for path in sorted(findSystemFonts()):
        if not remaining:
            break
        try:
            with open(path, "rb") as file, TTFont(file, fontNumber=0, lazy=True) as font:
                available = {c for c in remaining if ord(c) in (font.getBestCmap() or {})}
        except (OSError, TTLibError, KeyError, AssertionError, ValueError):
            continue
        found |= available
        remaining -= available
    return frozenset(found)
