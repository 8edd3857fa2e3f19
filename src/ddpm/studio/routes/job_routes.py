"""Routes of the server itself: health, jobs and events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from ddpm.studio.services import Services, Studio
from ddpm.studio.studio_version import studio_version

router = APIRouter(prefix="/api")


@router.get("/health")
async def show_health(studio: Studio) -> dict[str, Any]:
    """Return that the server answers, its version, and how long the queue is."""
    return {"ok": True, "version": studio_version(), "queue": studio.drawings.lengths()}


@router.get("/jobs")
async def list_jobs(studio: Studio) -> list[dict[str, Any]]:
    """Return the trainings that run, and the jobs that wait, run or have ended lately, newest first."""
    trainings = await asyncio.to_thread(studio.cards.trainings_now)
    return [*trainings, *(job.row() for job in reversed(studio.board.all()))]


@router.get("/jobs/{id}")
async def show_job(id: str, studio: Studio) -> dict[str, Any]:
    """Return where a job stands."""
    return studio.board.get(id).row()


@router.post("/jobs/{id}/cancel")
async def cancel_job(id: str, studio: Studio) -> dict[str, Any]:
    """Cancel a job that waits or runs."""
    job = studio.board.get(id)
    for queue in studio.queues:
        queue.cancel(job)
    return {"id": id, "state": job.state}


@router.get("/events", response_class=StreamingResponse)
async def stream_events(
    studio: Studio,
    reader: Annotated[str, Query(max_length=64)] = "",
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> StreamingResponse:
    """Stream events as they happen; `Last-Event-ID` gives those that were missed.

    `reader`: a name that the page chose; what it marked with it is cancelled when this stream closes.
    """
    return StreamingResponse(_events(studio, reader, last_event_id), media_type="text/event-stream")


async def _events(studio: Services, reader: str, last_id: str | None) -> AsyncIterator[str]:
    try:
        async for text in studio.events.read(last_id):
            yield text
    finally:
        if reader:
            studio.leave(reader)
