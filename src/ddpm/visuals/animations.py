"""The reverse process as a GIF, and the choice of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ddpm.files import replacing
from ddpm.visuals.layout import Images, Pixels, fitting_layout, tile, to_pixels
from ddpm.visuals.palettes import make_palette

LONG_SIDE = 420  # pixels: noise hardly compresses, so a GIF is smaller than a grid
GREYS, COLORS = 64, 200


def denoising_gif(
    path: Path,
    frames: Sequence[Images],
    rows: int,
    columns: int,
    *,
    seconds: float = 4.0,
    hold_last: float = 1.5,
) -> None:
    """Write frames (uint8 [N, C, H, W] each, noisiest first) as a looping GIF of grids.

    It runs for `seconds` and rests `hold_last` seconds on the last frame. All frames share one palette,
    so that nothing flickers: even greys, or the colors of the images at the end and on the way.
    """
    pixels = [to_pixels(frame) for frame in frames]
    last, colors = len(pixels) - 1, GREYS if pixels[0].ndim == 3 else COLORS
    palette = make_palette([pixels[i] for i in (last, last, 2 * last // 3, last // 3)], colors)
    layout = fitting_layout(
        rows, columns, pixels[0].shape[1:3], scale=_scale(rows, columns, pixels[0])
    )
    pictures = [
        palette.picture(tile(palette.indices(frame), layout, palette.background))
        for frame in pixels
    ]
    each = max(20, round(100 * seconds / len(pictures)) * 10)  # ms; GIF counts in hundredths
    durations = [each] * (len(pictures) - 1) + [round(1000 * hold_last)]
    first, *others = pictures
    with replacing(path) as temporary:
        first.save(
            temporary, "GIF", save_all=True, append_images=others, duration=durations, loop=0
        )


def frame_indices(log_snr: Sequence[float], count: int) -> list[int]:
    """`count` steps (all where there are fewer), evenly spaced in log-SNR, first and last among them.

    `log_snr`: that of every step, rising; the ends may be infinite. Each even place takes the step
    nearest to it; a step already taken gives way to its neighbour.
    """
    values = np.asarray(log_snr, dtype=np.float64)
    total = len(values)
    if count >= total:
        return list(range(total))
    if count < 2:
        return [total - 1]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return [int(i) for i in np.linspace(0, total - 1, count).round()]
    places = np.linspace(finite.min(), finite.max(), count)
    nearest = np.abs(places[:, None] - np.clip(values, -1e300, 1e300)).argmin(axis=1)
    nearest[0], nearest[-1] = 0, total - 1
    rank = np.arange(count)
    up = np.maximum.accumulate(nearest - rank)  # no step twice, none before the first
    down = np.minimum(up, total - count)  # nor after the last
    return [int(i) for i in down + rank]


def _scale(rows: int, columns: int, frame: Pixels) -> int:
    height, width = frame.shape[1:3]
    return max(1, round(LONG_SIDE / max(rows * height, columns * width)))
