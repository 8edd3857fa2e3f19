"""The services of a running studio, which its routes use."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request

from ddpm.studio.draw_jobs import DrawJobs
from ddpm.studio.event_stream import EventStream
from ddpm.studio.jobs import JobBoard, JobQueue
from ddpm.studio.model_cards import ModelCards
from ddpm.studio.run_cards import RunCards
from ddpm.studio.run_index import RunIndex
from ddpm.studio.run_logs import RunLogs
from ddpm.studio.run_pages import RunPages
from ddpm.studio.studio_request import StudioRequest
from ddpm.studio.trainings import Trainings
from ddpm.studio.worker_link import WorkerLink


class Services:
    """Everything that lives as long as the server."""

    def __init__(self, request: StudioRequest) -> None:
        limits = request.limits
        self.request = request
        self.events = EventStream()
        self.board = JobBoard(self.events, limits.kept_jobs)
        self.drawings = JobQueue(self.board, limits.waiting_jobs)
        self.commands = JobQueue(self.board, limits.waiting_jobs)
        self.worker = WorkerLink()
        self.runs = RunIndex(request.runs, request.allow)
        self.logs = RunLogs()
        self.trainings = Trainings(request.runs, limits.trainings)
        self.cards = RunCards(self.runs, self.logs, self.trainings)
        self.models = ModelCards(self.runs)
        self.pages = RunPages(self.cards, self.models, self.worker)
        self.draws = DrawJobs(
            self.board, self.drawings, self.worker, self.models, self.cards, limits.frame_bytes
        )

    async def start(self) -> None:
        """Start what runs in the background. The worker loads torch while the page is read."""
        self._warming = asyncio.create_task(self.worker.start())

    async def stop(self) -> None:
        """Stop jobs and the worker. Trainings go on."""
        self.events.close()
        await asyncio.gather(self.drawings.close(), self.commands.close())
        await self.worker.stop()

    def leave(self, reader: str) -> None:
        """Cancel what a page wanted only while it is open."""
        for queue in (self.drawings, self.commands):
            queue.cancel_of_reader(reader)

    def health(self) -> dict[str, Any]:
        """Return how long the queue is, and what is drawn now."""
        running = self.drawings.running
        return {
            "waiting": len(self.drawings.waiting),
            "running": None if running is None else running.id,
        }


def services_of(request: Request) -> Services:
    """Return the services of the server that answers `request`."""
    found: Services = request.app.state.services
    return found


Studio = Annotated[Services, Depends(services_of)]
