"""Settings read back from a picture that `ddpm` or the studio drew."""

from __future__ import annotations

import asyncio
import io
import warnings
from typing import Any

from PIL import Image, UnidentifiedImageError

from ddpm.errors import RequestError
from ddpm.studio.model_cards import ModelCards
from ddpm.studio.worker_link import WorkerLink
from ddpm.visuals.grid_mark import GridMark, read_grid_mark

MAX_COMMENT = 1 << 16  # characters of the comment; that of 100 images has about 1,000
MAX_IMAGES = 100  # of a drawing
NO_SETTINGS = (
    "This picture holds no settings. Drop one that the studio or ddpm sample drew; other programs may "
    "remove them when they save it."
)


async def settings_of_image(
    content: bytes, models: ModelCards, worker: WorkerLink
) -> dict[str, Any]:
    """Return the draw request that drew a picture.

    RequestError if it is no picture, holds no settings, or was drawn by weights that are not here or by a
    version that chose the classes in another way.
    """
    mark = await asyncio.to_thread(read_mark, content)
    cards = {card.target: card for card in await asyncio.to_thread(models.all)}
    found = await worker.ask("weights_owner", targets=list(cards), hash=mark.weights_hash)
    if found is None:
        raise RequestError(
            f"The weights that drew this picture ({mark.weights_hash}) are those of no model here: they "
            "were trained further, or belong to another folder."
        )
    card = cards[found]
    if mark.has_random_classes and card.spec.num_classes:
        raise RequestError(
            "This picture was drawn by an earlier version, in which its seeds had other classes; they "
            "cannot be drawn here again."
        )
    names = set(card.spec.config.used_sampling) - {"guide", "chunk"}
    sampling = {name: value for name, value in mark.sampling.items() if name in names}
    return {
        "model": card.id,
        "name": card.name,
        "seed": mark.seeds[0],
        "n": min(len(mark.seeds), MAX_IMAGES),
        "label": mark.label,
        **sampling,
    }


def read_mark(content: bytes) -> GridMark:
    """Return the mark in a PNG or JPEG. Its pixels are not decoded. RequestError if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
            comment = picture.info.get("comment", picture.info.get("Comment", ""))
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning) as error:
            raise RequestError("This is not a PNG or JPEG that can be read.") from error
        except Image.DecompressionBombError as error:
            raise RequestError("This picture is too large.") from error
    if len(comment) > MAX_COMMENT:
        raise RequestError(
            f"The comment of this picture is longer than {MAX_COMMENT:,} characters."
        )
    try:
        mark = read_grid_mark(picture)
    except RequestError as error:
        raise RequestError(f"This picture {error}.") from error
    if mark is None:
        raise RequestError(NO_SETTINGS)
    return mark
