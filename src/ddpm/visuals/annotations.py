"""Text around a grid: column titles above, row titles at the left, a caption below."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from ddpm.terminal import escape, shorten
from ddpm.visuals.fallback_fonts import font_runs
from ddpm.visuals.layout import Layout
from ddpm.visuals.style import BACKGROUND, INK, MUTED, TEXT_SIZE, TITLE_SIZE

_SPACE = 8  # pixels between text and cells
_LINE = TEXT_SIZE + 5
_MAX_NAME = 40  # characters of a row title, and of a word in a caption
_MIN_CAPTION_WIDTH = 280  # pixels


def annotate(
    picture: Image.Image,
    layout: Layout,
    *,
    column_titles: Sequence[str] = (),
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
) -> Image.Image:
    """Return `picture`, which has the layout `layout`, with text in margins around it.

    Column titles are truncated to the width of their cell; captions are wrapped.
    """
    row_titles = [shorten(name, _MAX_NAME) for name in row_titles or ()]
    left = max(map(text_width, row_titles), default=-_SPACE) + _SPACE
    head = TITLE_SIZE + _SPACE if title else 0
    top = head + (_LINE + _SPACE // 2 if any(column_titles) else 0)
    width = left + picture.width
    lines = wrap_text(caption or "", max(width, _MIN_CAPTION_WIDTH))
    width = max(width, *(text_width(line) for line in lines), 0)
    bottom = top + picture.height
    height = bottom + (_SPACE + _LINE * len(lines) + _SPACE // 2 if lines else 0)
    sheet = Image.new(picture.mode, (width, height), BACKGROUND)
    sheet.paste(picture, (left, top))
    draw = ImageDraw.Draw(sheet)
    if title:
        _write(draw, (left, 0), title, "la", INK, TITLE_SIZE)
    cell_height, cell_width = layout.cell
    for index, text in enumerate(column_titles):
        middle = left + layout.corner(index)[1] + cell_width // 2
        _write(draw, (middle, top - _SPACE // 2 - 1), truncate_text(text, cell_width), "ms", MUTED)
    for index, text in enumerate(row_titles):
        middle = top + layout.corner(index * layout.columns)[0] + cell_height // 2
        _write(draw, (left - _SPACE, middle), text, "rm", MUTED)
    for index, line in enumerate(lines):
        _write(draw, (0, bottom + _SPACE + index * _LINE), line, "la", MUTED)
    return sheet


def text_width(text: str, size: int = TEXT_SIZE) -> int:
    """Return the width of `text` in pixels."""
    return int(_length(escape(text), size)) + 1 if text else 0


def _length(text: str, size: int) -> float:
    return sum(font.getlength(run) for run, font in font_runs(text, size))


def truncate_text(text: str, width: int) -> str:
    """Return `text`, cut to `width` pixels with an ellipsis if it is longer."""
    if text_width(text) <= width:
        return text
    fitting = (text[:end].rstrip() + "…" for end in range(len(text) - 1, 0, -1))
    return next((short for short in fitting if text_width(short) <= width), "")


def wrap_text(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` pixels, split at spaces; a longer word has its own line."""
    lines: list[str] = []
    for word in (shorten(word, _MAX_NAME) for word in text.split()):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(
    draw: ImageDraw.ImageDraw,
    position: tuple[int, int],
    text: str,
    anchor: str,
    ink: str,
    size: int = TEXT_SIZE,
) -> None:
    """Draw `text` at an anchor as Pillow names it; every run of characters shares one baseline."""
    runs = font_runs(escape(text), size)
    if len(runs) <= 1:
        for run, font in runs:
            draw.text(position, run, fill=ink, font=font, anchor=anchor)
        return
    ascent, descent = font_runs("x", size)[0][1].getmetrics()
    length = _length(escape(text), size)
    left = position[0] - {"l": 0.0, "m": length / 2, "r": length}[anchor[0]]
    baseline = position[1] + {"a": ascent, "m": (ascent - descent) / 2, "s": 0}[anchor[1]]
    for run, font in runs:
        draw.text((left, baseline), run, fill=ink, font=font, anchor="ls")
        left += font.getlength(run)
