"""The services of a running studio, which its routes use."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from fastapi import Depends, Request

from ddpm.studio.allowed_folders import AllowedFolders
from ddpm.studio.blind_tests import BlindTests
from ddpm.studio.bundles import Bundles
from ddpm.studio.command_jobs import CommandJobs
from ddpm.studio.comparisons import Comparisons
from ddpm.studio.draw_jobs import DrawJobs
from ddpm.studio.edit_jobs import EditJobs
from ddpm.studio.event_stream import EventStream
from ddpm.studio.jobs import JobBoard, JobQueue
from ddpm.studio.lab_points import LabPoints
from ddpm.studio.model_cards import ModelCards
from ddpm.studio.new_trainings import NewTrainings
from ddpm.studio.run_cards import RunCards
from ddpm.studio.run_index import RunIndex
from ddpm.studio.run_logs import RunLogs
from ddpm.studio.run_pages import RunPages
from ddpm.studio.run_watch import RunWatch
from ddpm.studio.studio_request import StudioRequest
from ddpm.studio.studio_version import studio_version
from ddpm.studio.trainings import Trainings
from ddpm.studio.uploads import Uploads
from ddpm.studio.worker_link import WorkerLink


class Services:
    """Everything that lives as long as the server."""

    def __init__(self, request: StudioRequest) -> None:
        limits = request.limits
        self.request = request
        self.events = EventStream(studio_version())
        self.board = JobBoard(self.events, limits.kept_jobs)
        self.drawings = JobQueue(self.board, limits.waiting_jobs, "queue")
        self.commands = JobQueue(self.board, limits.waiting_jobs)
        self.plans = JobQueue(
            self.board, limits.waiting_jobs
        )  # short: they wait for no measurement
        self.queues = (self.drawings, self.commands, self.plans)
        self.worker = WorkerLink()
        self.runs = RunIndex(request.runs, request.allow)
        self.folders = AllowedFolders(request.allow)
        self.uploads = Uploads(request.runs, limits.uploads_bytes)
        self.new_trainings = NewTrainings(self.runs, self.folders, self.uploads)
        self.command_jobs = CommandJobs(self.board, self.commands)
        self.plan_jobs = CommandJobs(self.board, self.plans)
        self.comparisons = Comparisons(request.runs)
        self.lab = LabPoints(request.runs)
        self.bundles = Bundles(request.runs)
        self.logs = RunLogs()
        self.trainings = Trainings(request.runs, limits.trainings)
        self.cards = RunCards(self.runs, self.logs, self.trainings)
        self.watch = RunWatch(self.cards, self.events)
        self.models = ModelCards(self.runs)
        self.pages = RunPages(self.cards, self.models, self.worker)
        self.draws = DrawJobs(
            self.board, self.drawings, self.worker, self.models, self.cards, limits.frame_bytes
        )
        self.blind_tests = BlindTests(self.worker)
        self.edits = EditJobs(request.runs, self.draws, self.models)

    async def start(self) -> None:
        """Start what runs in the background. The worker loads torch while the page is read."""
        starting = self.worker.start(), self.watch.run()
        self._background = [asyncio.create_task(work) for work in starting]
        for task in self._background:
            task.add_done_callback(_log_failure)

    async def stop(self) -> None:
        """Stop jobs and the worker. Trainings go on."""
        self.events.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*(queue.close() for queue in self.queues))
        await self.worker.stop()

    def leave(self, reader: str) -> None:
        """Cancel what a page wanted only while it is open."""
        for queue in self.queues:
            queue.cancel_of_reader(reader)


def _log_failure(task: asyncio.Task[None]) -> None:
    """Log an error that ended work in the background."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logging.getLogger("uvicorn.error").error("background work failed", exc_info=error)


async def services_of(request: Request) -> Services:
    """Return the services of the server that answers `request`.

    A coroutine, so that no request waits for a free thread: /api/health answers while all of them work.
    """
    found: Services = request.app.state.services
    return found


Studio = Annotated[Services, Depends(services_of)]
