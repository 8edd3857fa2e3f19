"""The loss of a run against its iterations, and the noise schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ddpm.errors import RequestError
from ddpm.visuals.figures import (
    dress,
    headline,
    legend,
    log_ticks,
    new_figure,
    rendered,
    thousands,
)
from ddpm.visuals.saving import save_picture
from ddpm.visuals.series import Row, Series, running_mean, series, smoothing_window, thinned
from ddpm.visuals.style import BANDS, BLUE, CYCLE, FAINT, MUTED, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BUCKETS = 800  # a curve is drawn with at most twice as many points
_LOG_FROM = 5.0  # the loss axis is logarithmic where the smoothed loss falls by this factor
_MOST_EPOCH_MARKS = 30
_MOST_MARKERS = 60


class _Trace(NamedTuple):
    key: str  # in the rows
    name: str  # in the legend
    color: str


_TRACES = (
    _Trace("loss", "loss", BLUE),
    _Trace("generator_loss", "generator loss", BLUE),
    _Trace("discriminator_loss", "discriminator loss", VERMILION),
)


def loss_plot(
    path: Path | str,
    rows: Sequence[Row],
    *,
    title: str,
    note: str = "",
) -> None:
    """Write the figure of `loss_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, rendered(loss_figure(rows, title=title, note=note)))


def loss_figure(rows: Sequence[Row], *, title: str, note: str = "") -> Figure:
    """The loss against iterations, from the rows of metrics.jsonl.

    Each iteration's loss faint, its running mean, the held-out loss, the ends of epochs; below, the
    running mean by quarter of the noise range where rows hold `loss_levels`. On top stands how many
    images were seen (`batch` of the rows). `note`, what serves as held-out images or why
    none do, is said in small print. RequestError where no row holds a loss.
    """
    bands = _bands(rows)
    figure = new_figure(6.2 if bands else 4.2)
    panels = figure.subplots(
        1 + bool(bands), 1, sharex=True, squeeze=False, height_ratios=[3, 2] if bands else None
    )[:, 0]
    _draw_losses(panels[0], rows)
    _draw_epochs(panels, rows)
    headline(panels[0], title)
    _images_axis(panels[0], rows)
    if bands:
        _draw_bands(panels[1], bands)
    dress(panels[-1], "iterations", panels[-1].get_ylabel())
    thousands(panels[-1])
    if note:
        words = f"Held out: {note.removesuffix('.')}."
        figure.supxlabel(words, x=0.99, ha="right", fontsize=8, color=MUTED, parse_math=False)
    return figure


def _draw_losses(axes: Axes, rows: Sequence[Row]) -> None:
    """Every series of the table that the rows hold, and the held-out loss over them."""
    drawn = [(trace, series(rows, trace.key)) for trace in _TRACES]
    drawn = [(trace, found) for trace, found in drawn if len(found)]
    if not drawn:
        raise RequestError("There is no loss to draw yet; train for at least one step.")
    smooth: list[Series] = []
    for trace, found in drawn:
        window = smoothing_window(len(found))
        smooth.append(running_mean(found, window))
        raw, mean = thinned(found, _BUCKETS), thinned(smooth[-1], _BUCKETS)
        axes.plot(
            raw.steps,
            raw.values,
            color=trace.color,
            alpha=0.25,
            linewidth=0.7,
            label=f"{trace.name}, each iteration",
        )
        axes.plot(
            mean.steps,
            mean.values,
            color=trace.color,
            linewidth=1.8,
            label=f"{trace.name}, running mean of {window}",
        )
    heldout = series(rows, "heldout_loss")
    if len(heldout):
        marker = "o" if len(heldout) <= _MOST_MARKERS else ""
        axes.plot(
            heldout.steps,
            heldout.values,
            color=VERMILION,
            linewidth=1.2,
            marker=marker,
            markersize=3.5,
            label="held-out images, averaged weights",
        )
    dress(axes, "", "loss")
    if _wants_log(smooth, [found for _, found in drawn]):
        log_ticks(axes)
    legend(axes)


def _wants_log(smooth: Sequence[Series], raw: Sequence[Series]) -> bool:
    """Whether the range asks for a logarithmic axis and no value forbids one."""
    if any(found.values.min() <= 0 for found in raw):
        return False
    highest = max(found.values.max() for found in smooth)
    return bool(highest / min(found.values.min() for found in smooth) >= _LOG_FROM)


def _bands(rows: Sequence[Row]) -> list[Series]:
    """The loss of each quarter of the noise range, little noise first; [] where none was logged."""
    count = max((len(row["loss_levels"]) for row in rows if "loss_levels" in row), default=0)
    found = [series(rows, "loss_levels", band) for band in range(count)]
    return found if any(len(band) for band in found) else []


def _draw_bands(axes: Axes, bands: Sequence[Series]) -> None:
    smooth = [running_mean(band, smoothing_window(len(band))) for band in bands]
    colors = [
        BANDS[round(i * (len(BANDS) - 1) / max(len(bands) - 1, 1))] for i in range(len(bands))
    ]
    for index, (band, color) in enumerate(zip(smooth, colors, strict=True)):
        low, high = (round(100 * edge / len(bands)) for edge in (index, index + 1))
        drawn = thinned(band, _BUCKETS)
        axes.plot(drawn.steps, drawn.values, color=color, linewidth=1.6, label=f"{low}–{high} %")
    dress(axes, "", "loss, running mean")
    drawn_bands = [band for band in smooth if len(band)]
    if _wants_log(drawn_bands, drawn_bands):
        log_ticks(axes)
    legend(axes, title="share of the noise range (0 % is clean)", columns=2)


def _draw_epochs(panels: Sequence[Axes], rows: Sequence[Row]) -> None:
    """A faint line at the end of every epoch, or of every 2nd, 5th, 10th … where they are many."""
    epochs = [row for row in rows if "epoch" in row]
    every = next(
        n * 10**k
        for k in range(12)
        for n in (1, 2, 5)
        if len(epochs) / (n * 10**k) <= _MOST_EPOCH_MARKS
    )
    for row in epochs:
        if row["epoch"] % every == 0:
            for axes in panels:
                axes.axvline(row["step"], color=FAINT, linewidth=0.6, zorder=0.5)


def _images_axis(axes: Axes, rows: Sequence[Row]) -> None:
    """A second x axis on top: images seen, counted by the rows' `batch`."""
    batches = series(rows, "batch")
    if not len(batches):
        return
    per_step = float(batches.values.mean())
    top = axes.secondary_xaxis("top", functions=(lambda x: x * per_step, lambda x: x / per_step))
    top.set_xlabel("images seen", color=MUTED, fontsize=9.5)
    top.tick_params(colors=MUTED, labelsize=9, length=3, color=FAINT)
    top.spines["top"].set_visible(False)
    from matplotlib.ticker import EngFormatter

    top.xaxis.set_major_formatter(EngFormatter(sep=""))


def schedule_plot(path: Path | str, schedules: Mapping[str, ArrayLike]) -> None:
    """Write two panels over t/T: log-SNR, and the signal's share of the variance, sigmoid(log-SNR).

    `schedules`: name → log-SNR [T] (natural logarithm), t rising; infinite ends are left out.
    """
    save_picture(path, rendered(schedule_figure(schedules)))


def schedule_figure(schedules: Mapping[str, ArrayLike]) -> Figure:
    """The figure of `schedule_plot`."""
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    for index, (name, levels) in enumerate(schedules.items()):
        log_snr = np.asarray(levels, np.float64)
        time = np.linspace(0, 1, len(log_snr))
        color = CYCLE[index % len(CYCLE)]
        finite = np.where(np.isfinite(log_snr), log_snr, np.nan)
        left.plot(time, finite, color=color, linewidth=1.8, label=name)
        share = 0.5 + 0.5 * np.tanh(log_snr / 2)  # ᾱ = sigmoid(log-SNR) where the variance is kept
        right.plot(time, share, color=color, linewidth=1.8, label=name)
    dress(left, "t / T", "log-SNR")
    dress(right, "t / T", "signal's share of the variance")
    right.set_ylim(0, 1.02)
    legend(left)
    return figure
