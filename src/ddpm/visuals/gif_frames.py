"""Frames of a GIF side by side, for print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ddpm.errors import RequestError
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import BACKGROUND

_MAX_WIDTH = 320  # pixels of a frame
_GAP = 12


def save_gif_frames(path: Path | str, gif: Path, positions: Sequence[float]) -> None:
    """Write the frames at `positions` of `gif`, from 0 (first) to 1 (last).

    Raises RequestError if the file is not a GIF.
    """
    try:
        with Image.open(gif, formats=("GIF",)) as picture:
            last = getattr(picture, "n_frames", 1) - 1
            frames = [_frame(picture, round(position * last)) for position in positions]
    except (OSError, UnidentifiedImageError, EOFError) as error:
        raise RequestError(
            f"{gif} is not a readable GIF; write it again with ddpm sample --gif."
        ) from error
    width, height = frames[0].size
    sheet = Image.new("RGB", (len(frames) * (width + _GAP) - _GAP, height), BACKGROUND)
    for index, frame in enumerate(frames):
        sheet.paste(frame, (index * (width + _GAP), 0))
    save_picture(path, sheet)


def _frame(picture: Image.Image, index: int) -> Image.Image:
    """Return a frame in color, reduced by a whole factor to at most `_MAX_WIDTH`."""
    picture.seek(index)
    frame = picture.convert("RGB")
    factor = -(-frame.width // _MAX_WIDTH)
    return frame.reduce(factor) if factor > 1 else frame
