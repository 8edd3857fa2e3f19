"""Routes of trainings: presets, images, plans, and what can be done with a run."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from ddpm.config import load_config
from ddpm.runs import RunFolder
from ddpm.studio.jobs import Job
from ddpm.studio.new_trainings import (
    DataOrder,
    TrainingOrder,
    dataset_rows,
    preset_rows,
)
from ddpm.studio.run_index import run_id, shown_name
from ddpm.studio.services import Services, Studio

router = APIRouter(prefix="/api")

Id = Annotated[str, PathParameter(max_length=80)]
Minutes = Annotated[float | None, Field(gt=0, le=1e6)]
Steps = Annotated[int | None, Field(ge=1, lt=2**40)]
Setting = bool | int | float | str | list[int | float | str]


class Strict(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class DataBody(Strict):
    """The images: a known set, a folder below an allowed root, or an upload."""

    name: str | None = Field(None, max_length=200)
    root: str | None = Field(None, max_length=16)
    path: str = Field("", max_length=4000)
    upload: str | None = Field(None, max_length=64)


class TrainingBody(Strict):
    """A training. What is left out is the preset's own."""

    preset: str = Field(max_length=64)
    data: DataBody | None = None
    minutes: Minutes = None
    steps: Steps = None
    settings: dict[Annotated[str, Field(max_length=100)], Setting] = Field({}, max_length=100)
    name: str | None = Field(None, max_length=64)

    def order(self) -> TrainingOrder:
        """Return the order."""
        data = None if self.data is None else DataOrder(**self.data.model_dump())
        settings = tuple(self.settings.items())
        return TrainingOrder(self.preset, data, self.minutes, self.steps, settings, self.name)


class TotalBody(Strict):
    """A new total of a run: minutes or steps."""

    minutes: Minutes = None
    steps: Steps = None


class EvaluateBody(Strict):
    """The number of images to measure; None: 1000, or all there are."""

    n: int | None = Field(None, ge=2, le=50_000)


@router.get("/presets")
def list_presets() -> list[dict[str, Any]]:
    """Return the presets, with how long they usually train and what they need."""
    return preset_rows()


@router.get("/datasets")
def list_datasets(studio: Studio) -> dict[str, Any]:
    """Return the data sets known by name, and the roots of folders that may be chosen."""
    return {"sets": dataset_rows(), "roots": studio.folders.rows()}


@router.get("/folders")
def list_folders(
    studio: Studio,
    root: Annotated[str, Query(max_length=16)],
    path: Annotated[str, Query(max_length=4000)] = "",
) -> dict[str, Any]:
    """Return the folders below a folder, and the number of image files in it."""
    return studio.folders.listing(root, path)


@router.post("/uploads", openapi_extra={"requestBody": {"content": {"application/zip": {}}}})
async def receive_upload(request: Request, studio: Studio) -> dict[str, Any]:
    """Store a zip of images: the raw body."""
    return await studio.uploads.receive(request.stream())


@router.post("/plan", status_code=202)
async def plan_training(body: TrainingBody, studio: Studio) -> dict[str, Any]:
    """Queue `ddpm plan` for a training."""
    words = await asyncio.to_thread(studio.new_trainings.plan_words, body.order())
    job = Job("plan", f"plan of {body.preset}", body.model_dump(), _command(words))
    return studio.plan_jobs.submit(job, words, _plan_result).row()


async def _plan_result(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output)
    return found


@router.post("/trainings", status_code=202)
def start_training(body: TrainingBody, studio: Studio) -> dict[str, Any]:
    """Start a training in a process of its own."""
    folder, words = studio.new_trainings.train_words(body.order())
    run = RunFolder(folder)
    studio.trainings.start(run, words)
    return {"run": run_id(run.root.name), "command": _command(words)}


@router.post("/runs/{id}/stop")
def stop_run(id: Id, studio: Studio) -> dict[str, Any]:
    """Ask a training to save and stop."""
    studio.trainings.stop(studio.runs.get(id))
    return {"run": id}


@router.post("/runs/{id}/resume", status_code=202)
def resume_run(id: Id, studio: Studio) -> dict[str, Any]:
    """Resume the training of a run."""
    return _train(studio, id, [])


@router.post("/runs/{id}/extend", status_code=202)
def extend_run(id: Id, body: TotalBody, studio: Studio) -> dict[str, Any]:
    """Resume the training of a run with a larger total."""
    totals = {"--minutes": body.minutes, "--steps": body.steps}
    given = [(flag, value) for flag, value in totals.items() if value is not None]
    return _train(studio, id, [word for flag, value in given[:1] for word in (flag, str(value))])


def _train(studio: Services, id: str, more: list[str]) -> dict[str, Any]:
    run = studio.runs.get(id)
    words = ["train", str(run.root), *more]
    studio.trainings.start(run, words)
    return {"run": id, "command": _command(words)}


@router.post("/runs/{id}/evaluate", status_code=202)
async def evaluate_run(id: Id, body: EvaluateBody, studio: Studio) -> dict[str, Any]:
    """Queue `ddpm evaluate` for a run."""
    more = [] if body.n is None else ["-n", str(body.n)]
    run = await asyncio.to_thread(studio.runs.get, id)
    return _queue_command(studio, run, "evaluation", "evaluate", more)


@router.post("/runs/{id}/sample", status_code=202)
async def sample_run(id: Id, studio: Studio) -> dict[str, Any]:
    """Queue `ddpm sample` for a run, which writes a grid and a GIF into its folder of samples."""
    run = await asyncio.to_thread(studio.runs.get, id)
    config = await asyncio.to_thread(load_config, run.config)
    more = ["--gif"] if config.has_reverse_process else []
    return _queue_command(studio, run, "samples", "sample", more)


def _queue_command(
    studio: Services, run: RunFolder, kind: str, verb: str, more: list[str]
) -> dict[str, Any]:
    id, words = run_id(run.root.name), [verb, str(run.root), *more]
    title = f"{kind} of {shown_name(run)}"
    job = Job(kind, title, {"run": id}, _command(words), group=f"{kind} {id}", run=id)
    return studio.command_jobs.submit(job, words, _no_result).row()


async def _no_result(output: str) -> dict[str, Any]:
    return {"output": output[-4000:]}


def _command(words: list[str]) -> str:
    return shlex.join(["ddpm", *words])
