"""A distance against the length of the average of weights that the images are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ddpm.visuals.figures import (
    add_legend_above,
    add_note,
    log_ticks,
    new_figure,
    render,
    style_axes,
)
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import BLUE, INK, MUTED, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class EmaLengthPoint(NamedTuple):
    """One average: its length, and the distance of its images with the interval."""

    length: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class EmaLengthChart:
    """What there is to draw."""

    label: str  # of the distance
    made: Sequence[EmaLengthPoint]  # by rising length
    own: EmaLengthPoint  # the average that the training kept, at the length it comes nearest to
    floor: tuple[float, float, float]  # value, low, high
    chosen: EmaLengthPoint
    note: str = ""


def save_ema_length_plot(path: Path | str, lengths: EmaLengthChart) -> None:
    """Write the figure of `ema_length_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(ema_length_figure(lengths)))


def ema_length_figure(lengths: EmaLengthChart) -> Figure:
    """The curve with its intervals, the floor as a band, both axes logarithmic."""
    figure = new_figure(4.2)
    axes = figure.subplots()
    value, low, high = lengths.floor
    if low > 0:  # a band that reaches 0 has no lower edge on this axis
        axes.axhspan(low, high, color=INK, alpha=0.1, linewidth=0)
    if value > 0:
        axes.axhline(value, color=MUTED, lw=1.0, ls=(0, (4, 2)), label="floor (real images)")
    made = [m for m in lengths.made if m.value > 0]
    _draw_intervals(axes, made, BLUE)
    curve: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4.5, "linewidth": 1.4}
    axes.plot([m.length for m in made], [m.value for m in made], label="made afterwards", **curve)
    _draw_own(axes, lengths.own)
    if lengths.chosen.length > 0:
        ring: dict[str, Any] = {
            "mfc": "none",
            "mec": INK,
            "markersize": 15,
            "markeredgewidth": 1.8,
            "ls": "",
        }
        axes.plot(*lengths.chosen[:2], "o", label="smallest distance", **ring)
    axes.set_xscale("log")
    style_axes(axes, "length of the average σ_rel (share of the training)", lengths.label)
    _plain_ticks(axes)
    log_ticks(axes)
    add_legend_above(figure, *axes.get_legend_handles_labels())
    if lengths.note:
        add_note(figure, lengths.note)
    return figure


def _draw_own(axes: Axes, own: EmaLengthPoint) -> None:
    """A mark at its length; weights that were not averaged have no place on the axis and get a line."""
    if own.length > 0:
        _draw_intervals(axes, [own], VERMILION)
        look: dict[str, Any] = {"color": VERMILION, "marker": "D", "markersize": 6, "ls": ""}
        axes.plot(own.length, own.value, label="the run's own", **look)
    else:
        axes.axhline(own.value, color=VERMILION, lw=1.2, label="the run's own: the last weights")


def _draw_intervals(axes: Axes, measured: Sequence[EmaLengthPoint], color: str) -> None:
    for one in measured:
        if one.low > 0:
            axes.plot([one.length] * 2, one[2:], color=color, alpha=0.4, linewidth=1.4)


def _plain_ticks(axes: Axes) -> None:
    """0.02, 0.05, 0.1 along x."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0), numticks=20))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
