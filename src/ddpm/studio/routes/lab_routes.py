"""Routes of the sampler lab."""

from __future__ import annotations

import asyncio
import shlex
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from ddpm.config import SamplerName
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services, Studio

router = APIRouter(prefix="/api/lab")

LAB = "lab"  # kind of the jobs and of the events
Evaluations = Annotated[int, Field(ge=1, le=4000)]


class LabBody(BaseModel):
    """A model, images a point, samplers (none: all) and budgets of evaluations (none: the usual ones)."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=128)
    n: int = Field(200, ge=20, le=50_000)
    samplers: list[SamplerName] | None = Field(None, max_length=20)
    evaluations: list[Evaluations] | None = Field(None, max_length=20)


@router.post("", status_code=202)
async def start_lab(body: LabBody, studio: Studio) -> dict[str, Any]:
    """Queue `ddpm sampler-lab` for a model."""
    card = await asyncio.to_thread(studio.models.get, body.model)
    words = studio.lab.words(card, body.n, body.samplers or [], body.evaluations or [])
    job = Job(
        LAB,
        f"sampler lab of {card.name}",
        {"n": body.n},
        shlex.join(["ddpm", *words]),
        group=f"{LAB} {card.id}",
        model=card.id,
    )

    def announce() -> None:
        studio.events.publish(LAB, job.id, {"model": card.id})

    async def result(output: str) -> dict[str, Any]:
        return {"output": output[-4000:]}

    return studio.command_jobs.submit(job, words, result, announce).row()


@router.get("/{model}")
def show_lab(
    model: Annotated[str, PathParameter(max_length=128)], studio: Studio
) -> dict[str, Any]:
    """Return the points of a model, those of a running lab as they are measured."""
    card = studio.models.get(model)
    return studio.lab.show(card, _running(studio, card.id))


def _running(studio: Services, model: str) -> Job | None:
    job = studio.commands.running
    return job if job is not None and (job.kind, job.model) == (LAB, model) else None
