"""Plot of quality over cost: a curve per sampler, over network evaluations and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ddpm.visuals.figures import (
    add_legend_above,
    add_note,
    draw_floor,
    log_ticks,
    new_figure,
    plain_log_ticks,
    render,
    style_axes,
)
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import COLOR_CYCLE, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vPX<>"
_AXES = ("network evaluations per image", "milliseconds per image")


class TradeoffPoint(NamedTuple):
    """Cost of one measured setting, and its distance with the interval."""

    evaluations: int
    milliseconds: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TradeoffChart:
    """Contents of the figure."""

    label: str  # of the distance
    curves: Mapping[str, Sequence[TradeoffPoint]]  # by sampler, rising evaluations
    floor: tuple[float, float, float]  # value, low, high
    chosen: tuple[str, TradeoffPoint]  # name in the legend, and point
    baseline: tuple[str, TradeoffPoint] | None = None
    note: str = ""


def save_tradeoff_plot(path: Path | str, chart: TradeoffChart) -> None:
    """Write the figure of `tradeoff_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(tradeoff_figure(chart)))


def tradeoff_figure(chart: TradeoffChart) -> Figure:
    """Return a figure of two panels, over evaluations and milliseconds, on logarithmic axes."""
    figure = new_figure(4.6)
    panels = figure.subplots(1, 2, sharey=True)
    for column, axes in enumerate(panels):
        draw_floor(axes, chart.floor)
        for index, (name, points) in enumerate(chart.curves.items()):
            _draw_curve(axes, column, index, name, points)
        if chart.baseline is not None:
            name, point = chart.baseline
            _draw_interval(axes, column, point)
            axes.plot(point[column], point.value, "*", color=INK, markersize=11, ls="", label=name)
        name, point = chart.chosen
        ring = {"mfc": "none", "mec": INK, "markersize": 15, "markeredgewidth": 1.8}
        axes.plot(point[column], point.value, "o", ls="", label=name, **ring)
        axes.set_xscale("log")
        style_axes(axes, _AXES[column], "" if column else chart.label)
        low, high = axes.get_xlim()
        plain_log_ticks(axes, (1.0,) if high / low > 1000 else (1.0, 2.0, 5.0))
    log_ticks(panels[0])
    handles, labels = panels[0].get_legend_handles_labels()
    add_legend_above(figure, handles, labels)
    if chart.note:
        add_note(figure, chart.note)
    return figure


def _draw_curve(
    axes: Axes, column: int, index: int, name: str, points: Sequence[TradeoffPoint]
) -> None:
    color = COLOR_CYCLE[index % len(COLOR_CYCLE)]
    positive = [point for point in points if point.value > 0]
    for point in positive:
        _draw_interval(axes, column, point, color)
    axes.plot(
        [point[column] for point in positive],
        [point.value for point in positive],
        color=color,
        marker=_MARKERS[index % len(_MARKERS)],
        markersize=4.5,
        linewidth=1.4,
        label=name,
    )


def _draw_interval(axes: Axes, column: int, point: TradeoffPoint, color: str = INK) -> None:
    """Draw the interval of a point."""
    if point.low > 0:
        axes.plot(
            [point[column]] * 2, [point.low, point.high], color=color, alpha=0.35, linewidth=1.2
        )
