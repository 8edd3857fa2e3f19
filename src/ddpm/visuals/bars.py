"""Bar panels: one per metric, with a bar and interval per entry and the floor of real images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ddpm.visuals.figures import (
    add_legend_above,
    add_note,
    new_figure,
    render,
    short_ticks,
    style_axes,
)
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import COLOR_CYCLE, FAINT, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_AXIS_STRETCH = 1.45  # axis length in longest bars; the numbers stand beyond them
_FULL_SIZE_TITLE = 38  # letters; longer titles are set smaller
_SIGNS = {"lower": "↓", "higher": "↑", "real": "≈"}
DIRECTION_NOTE = "↓ lower is better, ↑ higher, ≈ nearer to the floor"


class Bar(NamedTuple):
    """Value with its interval, None if the entry has no value, and text at the right end of the panel."""

    value: float | None
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True)
class BarPanel:
    """One metric of all entries."""

    title: str
    bars: Sequence[Bar]  # one for each entry
    better: str = ""  # lower, higher or real (near the floor)
    floor: tuple[float, float, float] | None = None  # value, low, high
    winner: int | None = None  # index of the entry better than all others


@dataclass(frozen=True)
class ClassShares:
    """Fractions of images per class, side by side for every entry; dashed lines show `floor`."""

    title: str
    groups: Sequence[str]
    entries: Sequence[Sequence[Bar]]  # for each entry, a bar per group
    floor: Sequence[float]


def save_bars_plot(
    path: Path | str,
    labels: Sequence[str],
    panels: Sequence[BarPanel],
    shares: ClassShares | None = None,
    note: str = "",
) -> None:
    """Write the figure of `bars_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(bars_figure(labels, panels, shares, note)))


def bars_figure(
    labels: Sequence[str],
    panels: Sequence[BarPanel],
    shares: ClassShares | None = None,
    note: str = "",
) -> Figure:
    """Return a figure with a panel for each metric and the class shares below; each entry has one color.

    `note` is small text at the bottom.
    """
    columns = 2 if len(panels) in (2, 4) else min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    heights = [0.1 + 0.19 * len(labels)] * rows + [1.5] * (shares is not None)
    figure = new_figure(sum(heights) + 0.5 * len(heights) + 0.6)
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for index, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(grid[divmod(index, columns)]), panel)
    if shares is not None:
        _draw_shares(figure.add_subplot(grid[rows, :]), shares)
    _add_entry_legend(figure, labels)
    if note:
        add_note(figure, note)
    return figure


def _add_entry_legend(figure: Figure, labels: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    colors = [COLOR_CYCLE[index % len(COLOR_CYCLE)] for index in range(len(labels))]
    add_legend_above(figure, [Patch(color=color, alpha=0.85) for color in colors], labels)


def _draw_panel(axes: Axes, panel: BarPanel) -> None:
    style_axes(axes, "", "")
    axes.grid(visible=False)
    title = f"{panel.title} {_SIGNS.get(panel.better, '')}".rstrip()
    size = min(9.0, 9.0 * _FULL_SIZE_TITLE / len(title))
    axes.set_title(title, loc="left", color=INK, fontsize=size, pad=4, parse_math=False)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(panel.bars) - 0.4, -0.6)
    _set_x_range(axes, panel)
    if panel.floor is not None:
        _draw_floor(axes, panel.floor)
    for index, bar in enumerate(panel.bars):
        _draw_bar(axes, index, bar, star=index == panel.winner)


def _set_x_range(axes: Axes, panel: BarPanel) -> None:
    """Set the x range from 0, or the lowest negative value, to the longest bar plus room for text."""
    numbers = [n for bar in panel.bars for n in bar[:3] if n is not None]
    numbers += list(panel.floor or ())
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    axes.set_xlim(low, low + (high - low) * _AXIS_STRETCH or 1.0)
    axes.locator_params(axis="x", nbins=4, prune="upper")  # the last label would stick out
    short_ticks(axes)
    if low < 0:
        axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)


def _draw_floor(axes: Axes, floor: tuple[float, float, float]) -> None:
    value, low, high = floor
    axes.axvspan(low, high, color=INK, alpha=0.12, linewidth=0)
    axes.axvline(value, color=INK, linewidth=1.0, linestyle=(0, (4, 2)), zorder=3)


def _draw_bar(axes: Axes, index: int, bar: Bar, star: bool) -> None:
    if bar.value is None:
        axes.text(0, index, f" {bar.text or 'none'}", va="center", fontsize=8, color=MUTED)
        return
    axes.barh(
        index, bar.value, height=0.72, color=COLOR_CYCLE[index % len(COLOR_CYCLE)], alpha=0.85
    )
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [index, index], color=INK, linewidth=1.1, zorder=4)
    text = f"★ {bar.text}" if star else bar.text
    across = axes.get_yaxis_transform()  # x from 0 to 1 across the panel
    axes.text(1.0, index, text, transform=across, ha="right", va="center", fontsize=8, color=INK)


def _draw_shares(axes: Axes, shares: ClassShares) -> None:
    style_axes(axes, "", "")
    axes.set_title(shares.title, loc="left", color=INK, fontsize=9, pad=4, parse_math=False)
    count = len(shares.entries)
    width = 0.8 / count
    for entry, bars in enumerate(shares.entries):
        positions = [group - 0.4 + (entry + 0.5) * width for group in range(len(bars))]
        values = [bar.value or 0.0 for bar in bars]
        axes.bar(
            positions, values, width * 0.94, color=COLOR_CYCLE[entry % len(COLOR_CYCLE)], alpha=0.85
        )
        for x, bar in zip(positions, bars, strict=True):
            if bar.low is not None and bar.high is not None:
                axes.plot([x, x], [bar.low, bar.high], color=INK, linewidth=0.8)
    for group, floor in enumerate(shares.floor):
        axes.plot(
            [group - 0.46, group + 0.46], [floor] * 2, color=INK, linewidth=1.2, dashes=(4, 2)
        )
    axes.set_xticks(range(len(shares.groups)), shares.groups)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.01)
    axes.set_ylim(bottom=0)
