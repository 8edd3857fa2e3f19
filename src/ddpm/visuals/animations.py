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
from ddpm.visuals.annotations import annotate
from ddpm.visuals.layout import Images, Layout, Pixels, fit_layout, tile, to_pixels
from ddpm.visuals.palettes import Palette, make_palette

MAX_BYTES = 3_000_000  # a page loads it and a mail carries it
# Colors of the frames in motion, tried at every scale; the smallest scale may have fewer. Below 256 a
# place is free for "as in the frame before", which halves the file.
_COLORS = (128, 64)
_FEWEST_COLORS = 32
_PANEL_GAP = 16  # pixels
_TITLES = ("xₜ", "predicted x₀")

FramePanels = tuple[Pixels, ...]  # one frame's panels, each [N, H, W] or [N, H, W, 3]


def save_denoising_gif(
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
    images predicted at the same moments, shown beside the frames under titles. All frames in motion
    share one palette, so that nothing flickers; the last has 256 colors of its own (greys are exact).
    Noise hardly compresses: scale and colors are the largest that keep the file under 3 MB, if any do.
    RequestError where there is no frame, or not one prediction a frame.
    """
    panels = [frames] if predictions is None else [frames, predictions]
    if not len(frames) or len({len(panel) for panel in panels}) > 1:
        raise RequestError("A GIF needs at least one frame, and one prediction a frame.")
    moments: list[FramePanels] = [
        tuple(to_pixels(panel[i]) for panel in panels) for i in range(len(frames))
    ]
    each = max(20, round(100 * seconds / len(moments)) * 10)  # ms; GIF counts in hundredths
    durations = [each] * (len(moments) - 1) + [10 * round(100 * hold_last)]
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(_fitting_gif(moments, rows, columns, durations))


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


def _fitting_gif(
    moments: Sequence[FramePanels], rows: int, columns: int, durations: list[int]
) -> bytes:
    """The GIF of the largest scale, then the most colors, that is small enough."""
    shape, last = moments[0][0].shape[1:3], len(moments) - 1
    largest = fit_layout(rows, columns * len(moments[0]), shape).scale
    samples = [panel for i in (last, last, 2 * last // 3) for panel in moments[i]]
    shared = {count: make_palette(samples, count) for count in (*_COLORS, _FEWEST_COLORS)}
    still = make_palette(moments[-1], 256)
    choices = itertools.product(range(largest, 0, -1), _COLORS)
    for scale, count in itertools.chain(choices, [(1, _FEWEST_COLORS)]):
        layout = fit_layout(rows, columns, shape, scale=scale)
        palettes = [shared[count]] * last + [still]
        gif = _encoded(list(map(_picture, moments, itertools.repeat(layout), palettes)), durations)
        if len(gif) <= MAX_BYTES:
            break
    return gif


def _picture(moment: FramePanels, layout: Layout, palette: Palette) -> Image.Image:
    """One moment: its grid, or two grids side by side below their titles."""
    grids = [tile(palette.indices(panel), layout, palette.background) for panel in moment]
    return palette.picture(grids[0] if len(grids) == 1 else _side_by_side(grids, palette))


def _side_by_side(grids: Sequence[Pixels], palette: Palette) -> Pixels:
    """Indices of two grids [H, W] with titles above, in the greys of the palette."""
    height, width = grids[0].shape
    layout = Layout(1, len(grids), height, width, scale=1, gap=_PANEL_GAP)
    titled = np.array(
        annotate(Image.new("L", layout.size[::-1], 255), layout, column_titles=_TITLES)
    )
    words = titled[None] if palette.grey else titled[None, ..., None].repeat(3, axis=-1)
    indices: Pixels = palette.indices(words)[0].copy()
    indices[-height:] = tile(np.stack(grids), layout, palette.background)
    return indices


def _encoded(pictures: Sequence[Image.Image], durations: list[int]) -> bytes:
    """The GIF; `durations` in milliseconds."""
    first, *others = pictures
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return buffer.getvalue()


GIF_FRAMES = 40
