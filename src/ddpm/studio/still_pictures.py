"""Still pictures of animations, for readers who asked their system for reduced motion."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from ddpm.studio.refusals import not_found


def last_frame(content: bytes) -> bytes:
    """Return the last frame of a GIF as PNG. RefusalError (404) if it cannot be read."""
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("GIF",)) as picture:
                picture.seek(getattr(picture, "n_frames", 1) - 1)
                picture.convert("RGB").save(buffer, "PNG")
    except (OSError, ValueError, EOFError, SyntaxError, Warning) as error:
        raise not_found("such picture") from error
    return buffer.getvalue()
