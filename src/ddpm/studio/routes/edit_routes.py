"""Routes of edits."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ddpm.config import SamplerName
from ddpm.studio.edit_jobs import EditKind, EditOrder, decode_picture
from ddpm.studio.services import Services, Studio

router = APIRouter(prefix="/api")

MAX_BASE64 = 900_000  # characters of a picture


class ImageBody(BaseModel):
    """A picture: a PNG in base64, or an image of a drawing."""

    model_config = ConfigDict(extra="forbid")

    png: str | None = Field(None, max_length=MAX_BASE64)
    draw: str | None = Field(None, max_length=64)
    index: int = Field(0, ge=0, le=4096)


class EditBody(BaseModel):
    """An edit. Settings that are left out are the model's own."""

    model_config = ConfigDict(extra="forbid")

    kind: EditKind
    model: str = Field(max_length=128)
    image: ImageBody | None = None
    mask: str | None = Field(None, max_length=MAX_BASE64, description="base64; white is redrawn")
    strength: float = Field(0.5, ge=0, le=1)
    n: int = Field(4, ge=1, le=25)
    pairs: int = Field(4, ge=1, le=8)
    between: int = Field(7, ge=1, le=23)
    seed: int = Field(0, ge=0, lt=2**53)
    label: str | None = Field(None, max_length=200)
    sampler: SamplerName | None = None
    steps: int | None = Field(None, ge=1, le=4000)
    guidance: float | None = Field(None, gt=0, le=100)
    group: str = Field("", max_length=64)
    reader: str = Field("", max_length=64)

    def order(self, studio: Services) -> EditOrder:
        """Return the order. RequestError or RefusalError for a picture that is not there."""
        names = ("sampler", "steps", "guidance")
        values = ((name, getattr(self, name)) for name in names)
        same = ("strength", "n", "pairs", "between", "seed", "label", "group", "reader")
        return EditOrder(
            self.kind,
            self.model,
            None if self.image is None else _picture(self.image, studio),
            None if self.mask is None else decode_picture(self.mask),
            sampling=tuple((name, value) for name, value in values if value is not None),
            **{name: getattr(self, name) for name in same},
        )


def _picture(image: ImageBody, studio: Services) -> bytes | None:
    if image.draw is not None:
        return studio.draws.drawing(image.draw).image_png(image.index)
    return None if image.png is None else decode_picture(image.png)


@router.post("/edits", status_code=202)
async def start_edit(body: EditBody, studio: Studio) -> dict[str, Any]:
    """Queue an edit: a drawing like any other."""
    sent = body.model_dump(exclude_none=True, exclude={"image", "mask", "group", "reader"})
    order = await asyncio.to_thread(body.order, studio)
    job = await studio.edits.submit(order, sent)
    return {"id": job.id, "command": job.command}
