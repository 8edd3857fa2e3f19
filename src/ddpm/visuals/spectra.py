"""How much detail of each fineness images hold: their radial power beside that of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

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
    from matplotlib.figure import Figure

_HALF = 0.5  # of the real power: where the effective resolution is read off
_SHOWN = (0.05, 20.0)  # of the share, whatever the spectra do


def save_spectra_plot(
    path: Path | str, real: ArrayLike, labels: Sequence[str], powers: Sequence[ArrayLike]
) -> None:
    """Write the figure of `spectra_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(spectra_figure(real, labels, powers)))


def spectra_figure(real: ArrayLike, labels: Sequence[str], powers: Sequence[ArrayLike]) -> Figure:
    """Two panels over cycles across the image: power [R] each, and its share of the real power.

    Column 0 of a power, an image's mean, is not drawn.
    """
    figure = new_figure(4.0)
    left, right = figure.subplots(1, 2)
    known = np.maximum(np.asarray(real, np.float64)[1:], 1e-12)
    cycles = np.arange(1, len(known) + 1)
    left.plot(cycles, known, color=INK, linewidth=2.4)
    right.axhline(1.0, color=INK, linewidth=2.4)
    for index, power in enumerate(powers):
        found = np.maximum(np.asarray(power, np.float64)[1:], 1e-12)
        style = {"color": COLOR_CYCLE[index % len(COLOR_CYCLE)], "linewidth": 1.6}
        left.plot(cycles, found, **style)
        right.plot(cycles, found / known, **style)
    right.axhline(_HALF, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)))
    style_axes(left, "cycles across the image", "power of the brightness")
    style_axes(right, "cycles across the image", "share of the real images' power")
    for axes in (left, right):
        log_ticks(axes)
        axes.locator_params(axis="x", nbins=9, integer=True)
    low, high = right.get_ylim()
    right.set_ylim(max(low, _SHOWN[0]), min(high, _SHOWN[1]))
    add_legend_above(figure, left.get_lines(), ["real images", *labels])
    add_note(figure, "Dashed: half the real power; the effective resolution is read off there.")
    return figure
