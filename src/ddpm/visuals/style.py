"""Style of every picture: colors, sizes and the font."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

BACKGROUND = "#ffffff"
INK = "#24292f"  # titles and captions
MUTED = "#656d76"  # axis labels, notes
FAINT = "#d8dee4"  # grid lines, frames of axes

# Okabe & Ito 2008: distinguishable with every kind of color vision.
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
COLOR_CYCLE = (BLUE, VERMILION, GREEN, PURPLE, "#e69f00", "#56b4e9")
# Bands of the noise range, little noise to much: light to dark, legible in gray.
BAND_COLORS = ("#7fcdbb", "#41b6c4", "#1d91c0", "#0c2c84")

TEXT_SIZE = 14  # pixels, captions and titles of pictures
TITLE_SIZE = 16
FIGURE_WIDTH = 8.0  # inches, plots
DPI = 150


@lru_cache
def font_path() -> Path:
    """Return the file of DejaVu Sans, which matplotlib brings. Does not import matplotlib, which is slow."""
    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None  # a dependency of this package
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
