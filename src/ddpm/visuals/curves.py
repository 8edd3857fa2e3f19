"""Plots of the loss over the steps of a run, and of noise schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ddpm.errors import RequestError
from ddpm.visuals.figures import (
    add_legend,
    add_note,
    add_title,
    log_ticks,
    new_figure,
    render,
    style_axes,
    thousands_ticks,
)
from ddpm.visuals.saving import save_picture
from ddpm.visuals.series import Row, Series, downsample, read_series, running_mean, smoothing_window
from ddpm.visuals.style import BAND_COLORS, BLUE, COLOR_CYCLE, FAINT, GREEN, INK, MUTED, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BUCKETS = 800  # a curve has at most twice as many points
_LOG_RATIO = 5.0  # of largest to smallest smoothed loss, from which the axis is logarithmic
_MAX_MARKERS = 60
_MAX_LOG_SNR = 15.0  # absolute value shown; some schedules end at infinity


class _Curve(NamedTuple):
    key: str  # of the rows
    name: str  # in the legend
    color: str


_LOSSES = (
    _Curve("loss", "loss", BLUE),
    _Curve("generator_loss", "generator loss", GREEN),
    _Curve("discriminator_loss", "discriminator loss", VERMILION),
)
_SCORES = (  # mean output of a discriminator: the probability of being real
    _Curve("real_score", "training images", BLUE),
    _Curve("fake_score", "generated images", GREEN),
)


def save_loss_plot(
    path: Path | str,
    rows: Sequence[Row],
    *,
    title: str,
    note: str = "",
    height: float = 6.2,
) -> None:
    """Write the figure of `loss_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(loss_figure(rows, title=title, note=note, height=height)))


def loss_figure(rows: Sequence[Row], *, title: str, note: str = "", height: float = 6.2) -> Figure:
    """Return a figure of the loss over steps, from the rows of metrics.jsonl.

    The upper panel shows the loss of each step, its running mean, the mean of each epoch, and the loss of
    the averaged weights on held-out images and on as many training images. The lower panel shows the
    running mean for each quarter of the noise range (`loss_levels`), or the scores of a discriminator.
    Dotted lines mark warnings. The top axis counts the images seen. `note` says which images are held out.
    `height` in inches is that of a figure with both panels. Raises RequestError if no row has a loss.
    """
    bands = _bands(rows, "loss_levels")
    has_second = bool(bands) or any(curve.key in row for curve in _SCORES for row in rows)
    figure = new_figure(height if has_second else height * 4.2 / 6.2)
    panels = figure.subplots(
        1 + has_second, 1, sharex=True, squeeze=False, height_ratios=[3, 2] if has_second else None
    )[:, 0]
    _draw_losses(panels[0], rows)
    add_title(panels[0], title)
    _add_images_axis(panels[0], rows)
    if bands:
        _draw_bands(panels[1], bands, _bands(rows, "heldout_loss_levels"))
    elif has_second:
        _draw_scores(panels[1], rows)
    panels[-1].set_xlim(0, 1.01 * max(row["step"] for row in rows))
    style_axes(panels[-1], "iterations", panels[-1].get_ylabel())
    thousands_ticks(panels[-1])
    if note:
        add_note(figure, f"Held-out images: {note.removesuffix('.')}.")
    return figure


def _draw_losses(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw every loss of the rows, with the means of epochs, the held-out loss and warnings."""
    losses = [(curve, read_series(rows, curve.key)) for curve in _LOSSES]
    losses = [(curve, data) for curve, data in losses if len(data)]
    if not losses:
        raise RequestError("The run has no loss to plot yet; train for at least one step.")
    smooth = [_draw_curve(axes, curve, data) for curve, data in losses]
    for index, (curve, _) in enumerate(losses):
        _draw_epochs(axes, read_series(rows, f"epoch_{curve.key}"), with_label=index == 0)
    _draw_averaged(axes, read_series(rows, "heldout_loss"), "held-out images", VERMILION)
    _draw_averaged(
        axes, read_series(rows, "training_images_loss"), "as many training images", GREEN
    )
    _draw_warnings(axes, [row["step"] for row in rows if "warning" in row])
    style_axes(axes, "", "loss")
    if _needs_log_axis(smooth, [data for _, data in losses]):
        log_ticks(axes)
    add_legend(axes, columns=min(len(losses), 2))


def _draw_curve(axes: Axes, curve: _Curve, data: Series) -> Series:
    """Draw a raw and a smoothed curve; return the smoothed series."""
    window = smoothing_window(len(data))
    smooth = running_mean(data, window)
    raw, mean = downsample(data, _BUCKETS), downsample(smooth, _BUCKETS)
    label = f"{curve.name}, each iteration"
    axes.plot(raw.steps, raw.values, color=curve.color, alpha=0.25, linewidth=0.7, label=label)
    label = f"{curve.name}, running mean of {window}"
    axes.plot(mean.steps, mean.values, color=curve.color, linewidth=1.8, label=label)
    return smooth


def _draw_epochs(axes: Axes, ends: Series, with_label: bool) -> None:
    """Draw a horizontal line over each epoch at its mean loss."""
    if len(ends):
        edges = np.concatenate([[0.0], ends.steps])
        label = "mean of each epoch" if with_label else None
        axes.stairs(ends.values, edges, baseline=None, color=INK, linewidth=1.0, label=label)


def _draw_warnings(axes: Axes, steps: Sequence[int]) -> None:
    """Draw a dotted line at each step."""
    for index, step in enumerate(steps):
        label = None if index else "warning"
        axes.axvline(step, color=INK, linewidth=1.0, linestyle=":", label=label)


def _draw_averaged(axes: Axes, data: Series, images: str, color: str) -> None:
    """Draw a loss of the averaged weights; a gap between the two such losses indicates memorization."""
    if len(data):
        axes.plot(
            data.steps,
            data.values,
            color=color,
            linewidth=1.2,
            marker="o" if len(data) <= _MAX_MARKERS else "",
            markersize=3.5,
            label=f"{images}, averaged weights",
        )


def _needs_log_axis(smooth: Sequence[Series], raw: Sequence[Series]) -> bool:
    """Return whether all values are positive and the loss falls enough for a logarithmic axis."""
    if any(data.values.min() <= 0 for data in raw):
        return False
    highest = max(data.values.max() for data in smooth)
    return bool(highest / min(data.values.min() for data in smooth) >= _LOG_RATIO)


def _bands(rows: Sequence[Row], key: str) -> list[Series]:
    """Return the loss of each band of the noise range, little noise first; [] if none was logged."""
    count = max((len(row[key]) for row in rows if key in row), default=0)
    bands = [read_series(rows, key, band) for band in range(count)]
    return bands if any(len(band) for band in bands) else []


def _draw_bands(axes: Axes, bands: Sequence[Series], heldout: Sequence[Series]) -> None:
    """Draw a smoothed curve for each band, and circles of the same color for held-out images."""
    smooth = [running_mean(band, smoothing_window(len(band))) for band in bands]
    colors = [BAND_COLORS[i * len(BAND_COLORS) // len(bands)] for i in range(len(bands))]
    for index, (band, color) in enumerate(zip(smooth, colors, strict=True)):
        low, high = (round(100 * edge / len(bands)) for edge in (index, index + 1))
        points = downsample(band, _BUCKETS)
        axes.plot(points.steps, points.values, color=color, linewidth=1.6, label=f"{low}–{high} %")
    for band, color in zip(heldout, colors, strict=False):
        if len(band) <= _MAX_MARKERS:
            axes.plot(band.steps, band.values, "o", color=color, mfc="white", markersize=3.5)
    style_axes(axes, "", "loss, running mean")
    nonempty = [band for band in smooth if len(band)]
    if _needs_log_axis(nonempty, nonempty):
        log_ticks(axes)
    rings = "; circles: held out" if heldout else ""
    add_legend(axes, f"part of the noise range (0 % is clean){rings}", len(bands), above=True)


def _draw_scores(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw smoothed scores of training and generated images, and circles for held-out images."""
    for curve in _SCORES:
        data = read_series(rows, curve.key)
        smooth = downsample(running_mean(data, smoothing_window(len(data))), _BUCKETS)
        axes.plot(smooth.steps, smooth.values, color=curve.color, linewidth=1.6, label=curve.name)
    heldout = read_series(rows, "heldout_real_score")
    if 0 < len(heldout) <= _MAX_MARKERS:
        axes.plot(
            heldout.steps,
            heldout.values,
            "o",
            color=_SCORES[0].color,
            mfc="white",
            markersize=3.5,
            label="held-out images",
        )
    style_axes(axes, "", "probability, running mean")
    axes.set_ylim(0, 1.35)  # room for the legend
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    add_legend(axes, title="discriminator's probability of being real", columns=3)


def _add_images_axis(axes: Axes, rows: Sequence[Row]) -> None:
    """Add an x axis on top: the number of images seen, from `batch` of the rows."""
    batches = read_series(rows, "batch")
    if not len(batches):
        return
    per_step = float(batches.values.mean())
    functions = (lambda x: np.asarray(x) * per_step, lambda x: np.asarray(x) / per_step)
    top = axes.secondary_xaxis("top", functions=functions)
    top.set_xlabel("images seen", color=MUTED, fontsize=9.5)
    top.tick_params(colors=MUTED, labelsize=9, length=3, color=FAINT)
    top.spines["top"].set_visible(False)
    from matplotlib.ticker import EngFormatter

    top.xaxis.set_major_formatter(EngFormatter(sep=""))


def save_schedule_plot(path: Path | str, schedules: Mapping[str, ArrayLike]) -> None:
    """Write two panels over t/T: log-SNR, and the signal fraction of the variance, sigmoid(log-SNR).

    `schedules` maps a name to its log-SNR [T] (natural logarithm), t rising, shown from −15 to 15.
    """
    save_picture(path, render(schedule_figure(schedules)))


def schedule_figure(schedules: Mapping[str, ArrayLike]) -> Figure:
    """Return the figure of `save_schedule_plot`."""
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    for index, (name, levels) in enumerate(schedules.items()):
        log_snr = np.asarray(levels, np.float64)
        time = np.linspace(0, 1, len(log_snr))
        color = COLOR_CYCLE[index % len(COLOR_CYCLE)]
        shown = np.where(np.abs(log_snr) <= _MAX_LOG_SNR, log_snr, np.nan)
        left.plot(time, shown, color=color, linewidth=1.8, label=name)
        fraction = 0.5 + 0.5 * np.tanh(log_snr / 2)  # sigmoid; ᾱ if the variance is preserved
        right.plot(time, fraction, color=color, linewidth=1.8, label=name)
    style_axes(left, "t / T", "log-SNR")
    style_axes(right, "t / T", "signal fraction of the variance")
    right.set_ylim(0, 1.02)
    add_legend(left)
    return figure
