"""Edits as commands: pictures are kept where the command can read them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ddpm.errors import RequestError
from ddpm.studio.edit_jobs import EditOrder, decode_picture
from ddpm.studio.refusals import RefusalError
from ddpm.studio.services import Services
from tests.studio.asgi import run

PNG = b"\x89PNG\r\n\x1a\n picture"


def command(services: Services, order: EditOrder) -> tuple[str, dict[str, Any]]:
    async def story() -> tuple[str, dict[str, Any]]:
        job = await services.edits.submit(order, {"kind": order.kind})
        row = services.draws.row(job.id)
        await services.drawings.close()
        return job.command, row

    return run(story())


def test_pictures_of_an_edit_are_named_by_their_content(services: Services, runs: Path) -> None:
    order = EditOrder("inpaint", "bundled:digits", PNG, PNG + b"2", n=6, sampling=(("steps", 9),))
    found, row = command(services, order)
    image, mask = sorted((runs / ".studio" / "edits").iterdir())
    assert found == f"ddpm inpaint bundled:digits {image} {mask} -n 6 --steps 9"
    assert (image.read_bytes(), mask.read_bytes()) == (PNG, PNG + b"2")
    assert command(services, order)[0] == found  # the same files again
    assert (row["kind"], row["rows"], row["columns"]) == ("inpaint", 2, 4)
    assert row["seeds"] == [0, 1, 2, 3, 4, 5]


def test_a_walk_needs_no_picture(services: Services, runs: Path) -> None:
    found, row = command(
        services, EditOrder("interpolate", "bundled:digits", pairs=2, between=3, seed=5)
    )
    assert found == "ddpm interpolate bundled:digits --pairs 2 --between 3 --seed 5"
    assert (row["rows"], row["columns"], row["n"]) == (2, 5, 10)
    assert row["seeds"] == [5] * 5 + [7] * 5 and not list(runs.iterdir())


@pytest.mark.parametrize("image", [None, b"", b"<svg/>", b"GIF89a"])
def test_a_picture_is_a_png_or_jpeg(image: bytes | None, services: Services) -> None:
    with pytest.raises(RequestError, match="image of the edit is missing, or is no PNG"):
        command(services, EditOrder("refine", "bundled:digits", image))
    with pytest.raises(RefusalError):
        command(services, EditOrder("refine", "bundled:nothing", PNG))


def test_base64_is_read_strictly() -> None:
    assert decode_picture(base64.b64encode(PNG).decode()) == PNG
    for text in ("a", "é", "a b=", "data:image/png;base64,AAAA"):
        with pytest.raises(RequestError, match="base64"):
            decode_picture(text)
