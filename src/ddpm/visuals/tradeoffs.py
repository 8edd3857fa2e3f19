"""Quality against what it costs: a curve a sampler, over evaluations of the network and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ddpm.visuals.figures import (
    add_legend_above,
    add_note,
    log_ticks,
    new_figure,
    render,
    style_axes,
)
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import COLOR_CYCLE, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = "osD^vPX<>"
_AXES = ("evaluations of the network an image", "milliseconds an image")


class TradeoffPoint(NamedTuple):
    """One measured setting: what it costs, and its distance with the interval."""

    evaluations: int
    milliseconds: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TradeoffChart:
    """What there is to draw."""

    label: str  # of the distance
    curves: Mapping[str, Sequence[TradeoffPoint]]  # by the sampler's name, rising evaluations
    floor: tuple[float, float, float]  # value, low, high
    chosen: tuple[str, TradeoffPoint]  # in words, and where
    baseline: tuple[str, TradeoffPoint] | None = None
    note: str = ""


def save_tradeoff_plot(path: Path | str, tradeoff: TradeoffChart) -> None:
    """Write the figure of `tradeoff_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(tradeoff_figure(tradeoff)))


def tradeoff_figure(tradeoff: TradeoffChart) -> Figure:
    """Two panels with one scale of quality, all axes logarithmic; the floor is a band in both."""
    figure = new_figure(4.6)
    panels = figure.subplots(1, 2, sharey=True)
    for column, axes in enumerate(panels):
        _draw_floor(axes, tradeoff.floor)
        for index, (name, spots) in enumerate(tradeoff.curves.items()):
            _draw_curve(axes, column, index, name, spots)
        if tradeoff.baseline is not None:
            name, spot = tradeoff.baseline
            _draw_spot(axes, column, spot)
            axes.plot(spot[column], spot.value, "*", color=INK, markersize=11, ls="", label=name)
        name, spot = tradeoff.chosen
        ring = {"mfc": "none", "mec": INK, "markersize": 15, "markeredgewidth": 1.8}
        axes.plot(spot[column], spot.value, "o", ls="", label=name, **ring)
        axes.set_xscale("log")
        style_axes(axes, _AXES[column], "" if column else tradeoff.label)
        _plain_ticks(axes)
    log_ticks(panels[0])
    handles, labels = panels[0].get_legend_handles_labels()
    add_legend_above(figure, handles, labels)
    if tradeoff.note:
        add_note(figure, tradeoff.note)
    return figure


def _draw_floor(axes: Axes, floor: tuple[float, float, float]) -> None:
    value, low, high = floor
    if low > 0:  # a band that reaches 0 has no lower edge on this axis
        axes.axhspan(low, high, color=INK, alpha=0.1, linewidth=0)
    if value > 0:
        line = axes.axhline(value, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)))
        line.set_label("floor (real images)")


def _draw_curve(
    axes: Axes, column: int, index: int, name: str, spots: Sequence[TradeoffPoint]
) -> None:
    color = COLOR_CYCLE[index % len(COLOR_CYCLE)]
    drawn = [spot for spot in spots if spot.value > 0]
    for spot in drawn:
        _draw_spot(axes, column, spot, color)
    axes.plot(
        [spot[column] for spot in drawn],
        [spot.value for spot in drawn],
        color=color,
        marker=_MARKS[index % len(_MARKS)],
        markersize=4.5,
        linewidth=1.4,
        label=name,
    )


def _draw_spot(axes: Axes, column: int, spot: TradeoffPoint, color: str = INK) -> None:
    """The interval, faint."""
    if spot.low > 0:
        axes.plot([spot[column]] * 2, [spot.low, spot.high], color=color, alpha=0.35, linewidth=1.2)


def _plain_ticks(axes: Axes) -> None:
    """10, 20, 50 along a logarithmic x."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axes.get_xlim()
    subs: Sequence[float] = (1.0,) if high / low > 1000 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
