"""Plot of a distance over the EMA length of the weights that drew the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from ddpm.visuals.style import BLUE, INK, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class EmaLengthPoint(NamedTuple):
    """Length of one EMA, and the distance of its images with the interval."""

    length: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class EmaLengthChart:
    """Contents of the figure."""

    label: str  # of the distance
    post_hoc: Sequence[EmaLengthPoint]  # by rising length
    run_ema: EmaLengthPoint  # the run's own EMA; length 0 if these are the last weights
    floor: tuple[float, float, float]  # value, low, high
    chosen: EmaLengthPoint
    note: str = ""


def save_ema_length_plot(path: Path | str, chart: EmaLengthChart) -> None:
    """Write the figure of `ema_length_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(ema_length_figure(chart)))


def ema_length_figure(chart: EmaLengthChart) -> Figure:
    """Return a figure of distances with intervals on logarithmic axes; a gray band shows the floor."""
    figure = new_figure(4.2)
    axes = figure.subplots()
    draw_floor(axes, chart.floor)
    points = [point for point in chart.post_hoc if point.value > 0]
    _draw_intervals(axes, points, BLUE)
    curve: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4.5, "linewidth": 1.4}
    xs, ys = [point.length for point in points], [point.value for point in points]
    axes.plot(xs, ys, label="post-hoc EMA", **curve)
    _draw_run_ema(axes, chart.run_ema)
    if chart.chosen.length > 0:
        ring: dict[str, Any] = {
            "mfc": "none",
            "mec": INK,
            "markersize": 15,
            "markeredgewidth": 1.8,
            "ls": "",
        }
        axes.plot(*chart.chosen[:2], "o", label="smallest distance", **ring)
    axes.set_xscale("log")
    style_axes(axes, "EMA length σ_rel (fraction of the training)", chart.label)
    plain_log_ticks(axes, (1.0, 2.0, 3.0, 5.0, 7.0))
    log_ticks(axes)
    add_legend_above(figure, *axes.get_legend_handles_labels())
    if chart.note:
        add_note(figure, chart.note)
    return figure


def _draw_run_ema(axes: Axes, run_ema: EmaLengthPoint) -> None:
    """Draw a marker at the EMA's length, or a horizontal line for weights without EMA."""
    if run_ema.length > 0:
        _draw_intervals(axes, [run_ema], VERMILION)
        style: dict[str, Any] = {"color": VERMILION, "marker": "D", "markersize": 6, "ls": ""}
        axes.plot(run_ema.length, run_ema.value, label="the run's EMA", **style)
    else:
        axes.axhline(run_ema.value, color=VERMILION, lw=1.2, label="the run's last weights")


def _draw_intervals(axes: Axes, points: Sequence[EmaLengthPoint], color: str) -> None:
    for point in points:
        if point.low > 0:
            axes.plot([point.length] * 2, point[2:], color=color, alpha=0.4, linewidth=1.4)
