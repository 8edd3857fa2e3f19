"""Matplotlib figures in one style, without global state, and their rendering to pictures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ddpm.terminal import escape, shorten
from ddpm.visuals.fallback_fonts import fallback_fonts
from ddpm.visuals.style import BACKGROUND, DPI, FAINT, FIGURE_WIDTH, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_TITLE_LENGTH = 72  # characters in a title
MAX_NOTE_LENGTH = 140  # characters in a line of a note
MAX_NAME_LENGTH = 40  # letters in a legend


def new_figure(height: float) -> Figure:
    """Return an empty figure, `height` inches high, with automatic layout."""
    from matplotlib.figure import Figure

    return Figure((FIGURE_WIDTH, height), dpi=DPI, facecolor=BACKGROUND, layout="constrained")


def style_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Style axes: two spines, faint horizontal grid lines, small gray labels."""
    axes.set_facecolor(BACKGROUND)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=9, length=3, width=0.8, color=FAINT)
    axes.tick_params(which="minor", length=0, labelsize=8, colors=MUTED)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(x_label, color=MUTED, fontsize=9.5)
    axes.set_ylabel(y_label, color=MUTED, fontsize=9.5)


def add_title(axes: Axes, text: str) -> None:
    """Add a title at the left; a $ in it is not parsed as a formula."""
    axes.set_title(
        shorten(text, MAX_TITLE_LENGTH),
        loc="left",
        color=INK,
        fontsize=12,
        pad=10,
        parse_math=False,
    )


def add_legend(axes: Axes, title: str = "", columns: int = 1, *, above: bool = False) -> None:
    """Add a legend without a frame, above the panel or in its emptiest corner."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        place = {"loc": "lower right", "bbox_to_anchor": (1, 1)} if above else {"loc": "best"}
        box = axes.legend(
            handles, labels, title=title, ncols=columns, fontsize=9, labelcolor=INK,
            facecolor=BACKGROUND, edgecolor="none", framealpha=0.85, **place,
        )  # fmt: skip
        box.get_title().set(color=MUTED, fontsize=9)


def add_legend_above(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Add a legend above all panels; long names are shortened, many names take several rows."""
    names = [shorten(label, MAX_NAME_LENGTH) for label in labels]
    columns = max(1, min(len(names), 110 // (max(map(len, names), default=1) + 8)))
    box = figure.legend(
        handles, names, loc="outside upper left", ncols=columns, frameon=False, fontsize=9
    )
    for text in box.get_texts():
        text.set(color=INK, parse_math=False)


def add_note(figure: Figure, text: str) -> None:
    """Add small text at the bottom right; it is not parsed as a formula."""
    figure.supxlabel(
        shorten(text, MAX_NOTE_LENGTH),
        x=0.99,
        ha="right",
        fontsize=8,
        color=MUTED,
        parse_math=False,
    )


def thousands_ticks(axes: Axes) -> None:
    """Format x ticks as 20,000."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def short_ticks(axes: Axes) -> None:
    """Format x ticks from 10,000 on as 10k."""
    from matplotlib.ticker import FuncFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    from matplotlib.ticker import EngFormatter

    return EngFormatter(sep="")(value) if abs(value) >= 10_000 else f"{value:g}"


def plain_log_ticks(axes: Axes, subs: Sequence[float]) -> None:
    """Label the logarithmic x axis with plain numbers (10, 20, 50) at `subs` times each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def draw_floor(axes: Axes, floor: tuple[float, float, float]) -> None:
    """Draw the floor of real images (value, low, high) as a line and a gray band on a logarithmic y axis."""
    value, low, high = floor
    if low > 0:  # a band that reaches 0 has no lower edge on this axis
        axes.axhspan(low, high, color=INK, alpha=0.1, linewidth=0)
    if value > 0:
        line = axes.axhline(value, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)))
        line.set_label("floor (real images)")


def log_ticks(axes: Axes) -> None:
    """Make the y axis logarithmic. Ticks are plain numbers; a short axis also has ticks at 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs: Sequence[float] = (1.0,) if high / low > 300 else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def render(figure: Figure) -> Image.Image:
    """Return the figure as an RGB picture. Characters that no installed font has are drawn as boxes."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(escape(text.get_text(), "\n"))
        fonts = fallback_fonts(text.get_text())
        if fonts:
            text.set_fontfamily(["DejaVu Sans", *map(_family, fonts)])
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(buffer, format="png", dpi=DPI)
    return Image.open(buffer).convert("RGB")


@cache
def _family(path: Path) -> str:
    """Make a font file known to matplotlib; return the name of its family."""
    from matplotlib.font_manager import FontProperties, fontManager

    fontManager.addfont(path)
    return FontProperties(fname=path).get_name()
