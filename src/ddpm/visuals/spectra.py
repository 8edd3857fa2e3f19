"""Plot of radial power spectra, compared with that of real images."""

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

_HALF = 0.5  # ratio that defines the effective resolution
_RATIO_RANGE = (0.05, 20.0)  # largest range of ratios shown


def save_spectra_plot(
    path: Path | str, real: ArrayLike, labels: Sequence[str], powers: Sequence[ArrayLike]
) -> None:
    """Write the figure of `spectra_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(spectra_figure(real, labels, powers)))


def spectra_figure(real: ArrayLike, labels: Sequence[str], powers: Sequence[ArrayLike]) -> Figure:
    """Return a figure of two panels over cycles per image: power [R], and its ratio to the real power.

    Entry 0 of a power, the mean of the image, is not drawn.
    """
    figure = new_figure(4.0)
    left, right = figure.subplots(1, 2)
    reference = np.maximum(np.asarray(real, np.float64)[1:], 1e-12)
    cycles = np.arange(1, len(reference) + 1)
    left.plot(cycles, reference, color=INK, linewidth=2.4)
    right.axhline(1.0, color=INK, linewidth=2.4)
    for index, power in enumerate(powers):
        spectrum = np.maximum(np.asarray(power, np.float64)[1:], 1e-12)
        style = {"color": COLOR_CYCLE[index % len(COLOR_CYCLE)], "linewidth": 1.6}
        left.plot(cycles, spectrum, **style)
        right.plot(cycles, spectrum / reference, **style)
    right.axhline(_HALF, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)))
    style_axes(left, "cycles per image", "power of the brightness")
    style_axes(right, "cycles per image", "ratio to the power of real images")
    for axes in (left, right):
        log_ticks(axes)
        axes.locator_params(axis="x", nbins=9, integer=True)
    low, high = right.get_ylim()
    right.set_ylim(max(low, _RATIO_RANGE[0]), min(high, _RATIO_RANGE[1]))
    add_legend_above(figure, left.get_lines(), ["real images", *labels])
    add_note(figure, "Dashed: half the real power, which defines the effective resolution.")
    return figure
