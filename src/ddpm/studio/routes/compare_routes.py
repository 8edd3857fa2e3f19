"""Routes of comparisons, blind tests and the nearest training images."""

from __future__ import annotations

import asyncio
import shlex
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from ddpm.studio.model_cards import ModelCard
from ddpm.studio.services import Services, Studio

router = APIRouter(prefix="/api")

Id = Annotated[str, PathParameter(max_length=64)]
Number = Annotated[int, Field(ge=1, le=10_000)]
ModelId = Annotated[str, Field(max_length=128)]


class ComparisonBody(BaseModel):
    """The models to compare, and the number of images of each; None: 1000, or all there are."""

    model_config = ConfigDict(extra="forbid")

    models: list[ModelId] = Field(min_length=2, max_length=6)
    n: int | None = Field(None, ge=2, le=50_000)


class BlindBody(BaseModel):
    """The models of a blind test, and the number of images of each."""

    model_config = ConfigDict(extra="forbid")

    models: list[ModelId] = Field(min_length=1, max_length=6)
    n: int = Field(10, ge=2, le=50)


class TallyBody(BaseModel):
    """Answers by the number of the picture: real or generated."""

    model_config = ConfigDict(extra="forbid")

    answers: dict[Number, Annotated[str, Field(max_length=16)]] = Field(
        min_length=1, max_length=400
    )


@router.post("/comparisons", status_code=202)
async def start_comparison(body: ComparisonBody, studio: Studio) -> dict[str, Any]:
    """Queue `ddpm compare`."""
    cards = await asyncio.to_thread(_cards, studio, body.models)
    job, words, found = studio.comparisons.prepare(cards, body.n)
    job.command = shlex.join(["ddpm", *words])

    async def result(output: str) -> dict[str, Any]:
        return found

    return studio.command_jobs.submit(job, words, result).row()


@router.get("/comparisons")
def list_comparisons(studio: Studio) -> list[dict[str, Any]]:
    """Return the comparisons, the newest first."""
    return studio.comparisons.all()


@router.get("/comparisons/{id}")
def show_comparison(id: Id, studio: Studio) -> dict[str, Any]:
    """Return the table of a comparison."""
    return studio.comparisons.show(id)


@router.get("/comparisons/{id}/pictures/{name}", response_class=Response)
def show_comparison_picture(id: Id, name: Id, studio: Studio) -> Response:
    """Return a figure of a comparison."""
    return Response(studio.comparisons.picture(id, name), media_type="image/png")


@router.get("/neighbors")
async def list_neighbors(
    studio: Studio,
    draw: Annotated[str, Query(max_length=64)],
    index: Annotated[int, Query(ge=0, le=4096)] = 0,
    count: Annotated[int, Query(ge=1, le=50)] = 8,
) -> Any:
    """Return the training images nearest to an image of a drawing."""
    pixels = studio.draws.drawing(draw).pixels(index)
    card = await asyncio.to_thread(studio.models.get, studio.board.get(draw).model or "")
    arguments = {
        "target": card.target,
        "count": count,
        "shape": list(pixels.shape),
    }
    return await studio.worker.run("nearest", arguments, payload=pixels.tobytes())


@router.post("/blind-tests")
async def start_blind_test(body: BlindBody, studio: Studio) -> dict[str, Any]:
    """Draw the pictures of a blind test; the answer comes once they are drawn."""
    cards = await asyncio.to_thread(_cards, studio, body.models)
    return await studio.blind_tests.start(cards, body.n)


@router.get("/blind-tests/{id}/{number}.png", response_class=Response)
def show_blind_picture(
    id: Id, number: Annotated[int, PathParameter(ge=1, le=10_000)], studio: Studio
) -> Response:
    """Return a numbered picture of a blind test."""
    return Response(studio.blind_tests.picture(id, number), media_type="image/png")


@router.post("/blind-tests/{id}/tally")
async def tally_blind_test(id: Id, body: TallyBody, studio: Studio) -> Any:
    """Return how often the pictures of each source were called real."""
    return await studio.blind_tests.tally(id, body.answers)


def _cards(studio: Services, models: list[str]) -> list[ModelCard]:
    return [studio.models.get(id) for id in models]
