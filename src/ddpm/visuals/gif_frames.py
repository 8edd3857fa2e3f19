"""A few frames of a GIF side by side, for paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ddpm.errors import RequestError
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import BACKGROUND

_WIDTH = 320  # pixels of a frame, at most
_GAP = 12


def save_gif_frames(path: Path | str, gif: Path, shares: Sequence[float]) -> None:
    """Write the frames at these shares of the length of `gif`, 0 the first and 1 the last.

    RequestError where the file is no GIF.
    """
    try:
        with Image.open(gif, formats=("GIF",)) as picture:
            last = getattr(picture, "n_frames", 1) - 1
            frames = [_frame(picture, round(share * last)) for share in shares]
    except (OSError, UnidentifiedImageError, EOFError) as error:
        raise RequestError(
            f"{gif} is not a readable GIF; draw it again with ddpm sample."
        ) from error
    width, height = frames[0].size
    sheet = Image.new("RGB", (len(frames) * (width + _GAP) - _GAP, height), BACKGROUND)
    for index, frame in enumerate(frames):
        sheet.paste(frame, (index * (width + _GAP), 0))
    save_picture(path, sheet)


def _frame(picture: Image.Image, index: int) -> Image.Image:
    """A frame in color, made smaller by a whole factor where it is wide."""
    picture.seek(index)
    frame = picture.convert("RGB")
    factor = -(-frame.width // _WIDTH)
    return frame.reduce(factor) if factor > 1 else frame
