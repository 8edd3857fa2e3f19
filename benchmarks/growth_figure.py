"""Figure of `growth`: a panel for every axis and measure, with logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fit import exponent, line
from benchmarks.machine import Result
from ddpm.visuals.figures import add_note, new_figure, render, style_axes
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import BLUE, FAINT, GREEN, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOM = 2.5  # factor left free above the points, and below
LEAST = 30.0  # highest over lowest of a panel, at least: a level line must look level
SMOOTH = 40  # points of the gray line


def growth_picture(path: Path, result: Result, axes: Sequence[Any]) -> None:
    """Write the figure: time above, memory below, a column for each of `axes` (`growth.Axis`).

    The gray line is the fit of a fixed part and a proportional part. The number in each panel is the
    exponent of the points.
    """
    figure = new_figure(4.6)
    panels = figure.subplots(2, len(axes), sharex="col")
    for column, axis in enumerate(axes):
        points = result["points"][axis.key]
        x = [point["x"] for point in points]
        for row, (key, color) in enumerate([(axis.timed, BLUE), ("memory", GREEN)]):
            _panel(panels[row, column], x, [point[key] for point in points], color)
        title = "drawing" if axis.timed == "drawing" else "a training step"
        panels[0, column].set_title(title, fontsize=9, color=INK, loc="left")
        style_axes(panels[0, column], "", "" if column else "seconds")
        style_axes(panels[1, column], axis.words, "" if column else "MiB")
    add_note(
        figure,
        "Both axes are logarithmic. Gray: the straight line (a fixed part and a proportional one) nearest "
        "to the points.\nThe number is the exponent of the larger half of the points. "
        f"Preset {result['preset']}, {result['precision']}, {result['machine']['processor']}, "
        f"threads: {result['machine']['threads']}.",
    )
    save_picture(path, render(figure))


def _panel(axes: Axes, x: Sequence[float], y: Sequence[float], color: str) -> None:
    """Draw the points, the line fitted to them, and their exponent."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    straight = line(x, y)
    smooth = [x[0] * (x[-1] / x[0]) ** (i / SMOOTH) for i in range(SMOOTH + 1)]
    axes.plot(smooth, [straight.at(value) for value in smooth], color=FAINT, linewidth=4)
    axes.plot(x, y, color=color, linewidth=1.2, marker="o", markersize=4)
    high = max(y) * ROOM
    axes.set_ylim(min(min(y) / ROOM, high / LEAST), high)
    place = {"transform": axes.transAxes, "va": "top", "color": MUTED, "fontsize": 9}
    axes.text(0.05, 0.97, f"{exponent(x, y):.2f}", **place)  # type: ignore[arg-type]
    axes.xaxis.set_major_locator(FixedLocator([x[0], x[-1]]))
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    for one in (axes.xaxis, axes.yaxis):
        one.set_major_formatter(FuncFormatter(_short))
        one.set_minor_locator(NullLocator())


def _short(value: float, _: object) -> str:
    return f"{value / 1000:.3g}k" if value >= 1000 else f"{value:g}"
