"""Routes of runs: cards, logs and pictures."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter

from ddpm.studio.run_logs import log_columns
from ddpm.studio.services import Studio
from ddpm.studio.still_pictures import last_frame

router = APIRouter(prefix="/api/runs")

Id = Annotated[str, PathParameter(max_length=80)]
Step = Annotated[int, PathParameter(ge=0, lt=2**40)]


@router.get("")
def list_runs(studio: Studio) -> list[dict[str, Any]]:
    """Return a card for every run."""
    return studio.cards.all()


@router.get("/{id}")
def show_run(id: Id, studio: Studio) -> dict[str, Any]:
    """Return all about a run, but for the doctor's findings."""
    return studio.pages.page(id)


@router.get("/{id}/doctor")
async def show_findings(id: Id, studio: Studio) -> list[dict[str, str]]:
    """Return what `ddpm doctor` finds in a run."""
    return await studio.pages.findings(id)


@router.get("/{id}/metrics")
def show_metrics(
    id: Id, studio: Studio, after: Annotated[int, Query(ge=-1, lt=2**40)] = -1
) -> dict[str, Any]:
    """Return the log after a step, as columns."""
    return log_columns(studio.logs.rows(studio.runs.get(id)), after)


@router.get("/{id}/previews/{step}.png", response_class=Response)
def show_preview(id: Id, step: Step, studio: Studio) -> Response:
    """Return the preview of a step."""
    run = studio.runs.get(id)
    content, kind = studio.runs.picture(run, run.preview(step))
    return Response(content, media_type=kind)


@router.get("/{id}/pictures/{name}", response_class=Response)
def show_picture(
    id: Id, name: Literal["loss", "samples", "denoising"], studio: Studio, still: bool = False
) -> Response:
    """Return a picture of a finished run; `still`: the last frame of an animation."""
    run = studio.runs.get(id)
    paths = {"loss": run.loss_plot, "samples": run.sample_grid, "denoising": run.denoising}
    content, kind = studio.runs.picture(run, paths[name])
    if still and kind == "image/gif":
        content, kind = last_frame(content), "image/png"
    return Response(content, media_type=kind)
