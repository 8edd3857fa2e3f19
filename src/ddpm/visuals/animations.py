"""The reverse process as a GIF, and the choice of its frames."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.files import replacing
from ddpm.visuals.layout import Images, Layout, Pixels, fitting_layout, tile, to_pixels
from ddpm.visuals.lettering import lettered
from ddpm.visuals.palettes import Palette, make_palette

MAX_BYTES = 2_500_000  # about; a page loads it and a mail carries it
_PROBES = 6  # frames from which the size of all is foretold
_COLORS = (256, 128)  # of a palette, at every scale; the smallest may have fewer
_LAST_COLORS = (64, 32)
_PANEL_GAP = 16  # pixels
_TITLES = ("xₜ", "predicted x₀")

Moment = tuple[Pixels, ...]  # one frame's panels, each [N, H, W] or [N, H, W, 3]


def denoising_gif(
    path: Path | str,
    frames: Sequence[Images],
    rows: int,
    columns: int,
    *,
    predictions: Sequence[Images] | None = None,
    seconds: float = 4.0,
    hold_last: float = 1.5,
) -> None:
    """Write frames (uint8 [N, C, H, W] each, noisiest first) as a looping GIF of grids.

    It runs for `seconds` and rests `hold_last` seconds on the last frame. `predictions`: the clean
    images predicted at the same moments, shown beside the frames under titles. All frames share one
    palette, so that nothing flickers: even greys, or the colors of the images at the end and on the
    way. Noise hardly compresses: cells and palette are the largest that keep to about 2.5 MB.
    RequestError where there is no frame, or not one prediction a frame.
    """
    panels = [frames] if predictions is None else [frames, predictions]
    if not len(frames) or len({len(panel) for panel in panels}) > 1:
        raise RequestError("A GIF needs at least one frame, and one prediction a frame.")
    moments: list[Moment] = [
        tuple(to_pixels(panel[i]) for panel in panels) for i in range(len(frames))
    ]
    pictures = _pictures(moments, *_fitting(moments, rows, columns))
    each = max(20, round(100 * seconds / len(pictures)) * 10)  # ms; GIF counts in hundredths
    durations = [each] * (len(pictures) - 1) + [10 * round(100 * hold_last)]
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(_encoded(pictures, durations))


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


def _fitting(moments: Sequence[Moment], rows: int, columns: int) -> tuple[Layout, Palette]:
    """The largest scale, then the most colors, whose file is foretold to stay small enough."""
    shape, last = moments[0][0].shape[1:3], len(moments) - 1
    largest = fitting_layout(rows, columns * len(moments[0]), shape).scale
    probes = [moments[i] for i in np.linspace(0, last, _PROBES).astype(int)]
    samples = [panel for i in (last, last, 2 * last // 3, last // 3) for panel in moments[i]]
    choices = itertools.product(range(largest, 0, -1), _COLORS)
    for scale, colors in itertools.chain(choices, itertools.product([1], _LAST_COLORS)):
        layout = fitting_layout(rows, columns, shape, scale=scale)
        palette = make_palette(samples, colors)
        size = len(_encoded(_pictures(probes, layout, palette), 100))
        if size * len(moments) <= MAX_BYTES * len(probes):
            break
    return layout, palette


def _pictures(moments: Sequence[Moment], layout: Layout, palette: Palette) -> list[Image.Image]:
    """Every moment as one picture: its grid, or two grids side by side below their titles."""
    pictures = []
    for moment in moments:
        grids = [tile(palette.indices(panel), layout, palette.background) for panel in moment]
        pictures.append(grids[0] if len(grids) == 1 else _side_by_side(grids, palette))
    return [palette.picture(picture) for picture in pictures]


def _side_by_side(grids: Sequence[Pixels], palette: Palette) -> Pixels:
    """Indices of two grids [H, W] with titles above, in the greys of the palette."""
    height, width = grids[0].shape
    layout = Layout(1, len(grids), height, width, scale=1, gap=_PANEL_GAP)
    titled = np.array(
        lettered(Image.new("L", layout.size[::-1], 255), layout, column_titles=_TITLES)
    )
    words = titled[None] if palette.grey else titled[None, ..., None].repeat(3, axis=-1)
    indices: Pixels = palette.indices(words)[0].copy()
    indices[-height:] = tile(np.stack(grids), layout, palette.background)
    return indices


def _encoded(pictures: Sequence[Image.Image], durations: list[int] | int) -> bytes:
    """The GIF; `durations` in milliseconds, of each frame or of all."""
    first, *others = pictures
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return buffer.getvalue()
