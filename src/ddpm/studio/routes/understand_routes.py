"""Routes of the Understand view: single steps of diffusion on a model of the reader's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ddpm.studio.services import Services, Studio

router = APIRouter(prefix="/api/understand")

MAX_STEPS = 250  # of a walk that is kept
MAX_IMAGES = 16
Model = Annotated[str, Query(max_length=128)]


class PixelQuery(BaseModel):
    """A model, the seed of the noise, and the pixel whose numbers are shown."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=128)
    seed: int = Field(0, ge=0, lt=2**53)
    row: int = Field(0, ge=0, lt=4096)
    column: int = Field(0, ge=0, lt=4096)
    label: int | None = Field(None, ge=0, lt=100_000)


class ImageQuery(PixelQuery):
    """An image, and the time of its noise."""

    image: str = Field(max_length=64)
    t: int = Field(ge=0, lt=100_000)


class ReverseQuery(PixelQuery):
    """A walk of Algorithm 2, and the step of it to show."""

    step: int = Field(0, ge=0, lt=MAX_STEPS)
    steps: int = Field(50, ge=2, le=MAX_STEPS)
    count: int = Field(4, ge=1, le=MAX_IMAGES)
    mistake: str = Field("", max_length=40)


async def _ask(studio: Services, task: str, query: PixelQuery) -> Any:
    target = studio.models.get(query.model).target
    return await studio.worker.ask(task, target=target, **query.model_dump(exclude={"model"}))


@router.get("/mistakes")
async def list_mistakes(studio: Studio) -> Any:
    """Return the mistakes that can be thrown like switches."""
    return await studio.worker.ask("lesson_mistakes")


@router.get("/schedule")
async def show_schedule(model: Model, studio: Studio) -> Any:
    """Return the noise schedule of a model."""
    return await studio.worker.ask("lesson_schedule", target=studio.models.get(model).target)


@router.get("/images")
async def list_images(model: Model, studio: Studio) -> Any:
    """Return images that a lesson can start from."""
    return await studio.worker.ask("lesson_images", target=studio.models.get(model).target)


@router.post("/images")
async def add_image(model: Model, request: Request, studio: Studio) -> Any:
    """Keep an image of the reader's for lessons, and return its id."""
    arguments = {"target": studio.models.get(model).target}
    return await studio.worker.run("lesson_images", arguments, payload=await request.body())


@router.get("/forward")
async def show_forward(query: Annotated[ImageQuery, Query()], studio: Studio) -> Any:
    """Return one image with the noise of one time."""
    return await _ask(studio, "lesson_forward", query)


@router.get("/training")
async def show_training(query: Annotated[ImageQuery, Query()], studio: Studio) -> Any:
    """Return one step of Algorithm 1."""
    return await _ask(studio, "lesson_training", query)


@router.get("/reverse")
async def show_reverse(query: Annotated[ReverseQuery, Query()], studio: Studio) -> Any:
    """Return one step of Algorithm 2, and the walk it belongs to."""
    return await _ask(studio, "lesson_reverse", query)
