"""GIFs of the reverse process, and the selection of their frames."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.files import atomic_file
from ddpm.visuals.annotations import annotate
from ddpm.visuals.layout import ImageBatch, Layout, Pixels, fit_layout, tile, to_pixels
from ddpm.visuals.palettes import Palette, make_palette

GIF_FRAMES = 40  # default number of frames
MAX_BYTES = 3_000_000  # small enough for a web page or an e-mail
# Colors of all frames but the last, tried at every scale. Fewer than 256 leave an entry for unchanged
# pixels, which halves the file.
_COLORS = (128, 64)
_MIN_COLORS = 32  # at the smallest scale
_PANEL_GAP = 16  # pixels
_TITLES = ("xₜ", "predicted x₀")

FramePanels = tuple[Pixels, ...]  # panels of one frame, each [N, H, W] or [N, H, W, 3]


def save_denoising_gif(
    path: Path | str,
    frames: Sequence[ImageBatch],
    rows: int,
    columns: int,
    *,
    predictions: Sequence[ImageBatch] | None = None,
    seconds: float = 4.0,
    hold_last: float = 1.5,
) -> None:
    """Write frames (uint8 [N, C, H, W] each, noisiest first) as a looping GIF of grids.

    It plays for `seconds`, then holds the last frame for `hold_last` seconds. `predictions` are the
    predicted clean images of each frame, shown beside it. All frames but the last share one palette, which
    avoids flicker; the last has 256 colors of its own, so that grays are exact. Scale and colors are the
    largest that keep the file under 3 MB, because noise hardly compresses. Raises RequestError without
    frames, or for another number of predictions.
    """
    panels = [frames] if predictions is None else [frames, predictions]
    if not len(frames) or len({len(panel) for panel in panels}) > 1:
        raise RequestError("A GIF needs at least one frame, and one prediction per frame.")
    all_panels: list[FramePanels] = [
        tuple(to_pixels(panel[i]) for panel in panels) for i in range(len(frames))
    ]
    frame_duration = max(20, round(100 * seconds / len(all_panels)) * 10)  # ms, in multiples of 10
    durations = [frame_duration] * (len(all_panels) - 1) + [10 * round(100 * hold_last)]
    with atomic_file(Path(path)) as temporary:
        temporary.write_bytes(_largest_fitting_gif(all_panels, rows, columns, durations))


def frame_indices(log_snr: Sequence[float], count: int) -> list[int]:
    """Return `count` step indices evenly spaced in log-SNR, with first and last; all if there are fewer.

    `log_snr` holds the value of every step, rising; its ends may be infinite. No index repeats.
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
    targets = np.linspace(finite.min(), finite.max(), count)
    nearest = np.abs(targets[:, None] - np.clip(values, -1e300, 1e300)).argmin(axis=1)
    nearest[0], nearest[-1] = 0, total - 1
    rank = np.arange(count)
    up = np.maximum.accumulate(nearest - rank)  # strictly rising
    down = np.minimum(up, total - count)  # and within range
    return [int(i) for i in down + rank]


def _largest_fitting_gif(
    frames: Sequence[FramePanels], rows: int, columns: int, durations: list[int]
) -> bytes:
    """Return the GIF with the largest scale, then the most colors, that fits into `MAX_BYTES`."""
    shape, last = frames[0][0].shape[1:3], len(frames) - 1
    largest = fit_layout(rows, columns * len(frames[0]), shape).scale
    samples = [panel for i in (last, last, 2 * last // 3) for panel in frames[i]]
    shared = {count: make_palette(samples, count) for count in (*_COLORS, _MIN_COLORS)}
    last_palette = make_palette(frames[-1], 256)
    choices = itertools.product(range(largest, 0, -1), _COLORS)
    for scale, count in itertools.chain(choices, [(1, _MIN_COLORS)]):
        layout = fit_layout(rows, columns, shape, scale=scale)
        palettes = [shared[count]] * last + [last_palette]
        gif = _encode(
            list(map(_frame_picture, frames, itertools.repeat(layout), palettes)), durations
        )
        if len(gif) <= MAX_BYTES:
            break
    return gif


def _frame_picture(frame: FramePanels, layout: Layout, palette: Palette) -> Image.Image:
    """Return one frame: a grid, or two grids side by side below their titles."""
    grids = [tile(palette.indices(panel), layout, palette.background) for panel in frame]
    return palette.picture(grids[0] if len(grids) == 1 else _side_by_side(grids, palette))


def _side_by_side(grids: Sequence[Pixels], palette: Palette) -> Pixels:
    """Return the indices of two grids [H, W] with titles above, in the grays of the palette."""
    height, width = grids[0].shape
    layout = Layout(1, len(grids), height, width, scale=1, gap=_PANEL_GAP)
    titled = np.array(
        annotate(Image.new("L", layout.size[::-1], 255), layout, column_titles=_TITLES)
    )
    text = titled[None] if palette.gray else titled[None, ..., None].repeat(3, axis=-1)
    indices: Pixels = palette.indices(text)[0].copy()
    indices[-height:] = tile(np.stack(grids), layout, palette.background)
    return indices


def _encode(pictures: Sequence[Image.Image], durations: list[int]) -> bytes:
    """Return the bytes of the GIF; `durations` are milliseconds."""
    first, *others = pictures
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return buffer.getvalue()
