"""Jobs of the server: what they are, where they stand, and the queues that run them.

Jobs belong to the server, not to a page: a page that is reloaded finds them again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from ddpm.errors import RequestError, WorkError
from ddpm.studio.event_stream import EventStream
from ddpm.studio.refusals import RefusalError, not_found

State = Literal["waiting", "running", "done", "cancelled", "failed"]
DRAW = "draw"  # the kind of drawings, which have events of their own
FINISHED = ("done", "cancelled", "failed")
UNEXPECTED = "The studio failed in a way it does not expect; the terminal shows the details."


@dataclass
class Job:
    """Work that was asked for, and where it stands."""

    kind: str  # draw, evaluation, plan, …
    title: str  # for a list of jobs, such as `25 images of mnist`
    request: dict[str, Any]  # as the page sent it
    command: str = ""  # the command line that does the same
    group: str = ""  # a newer submission to the group replaces this one; "": never
    reader: str = ""  # the page that must stay open; "": none
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    state: State = "waiting"
    step: int = 0
    steps: int = 0  # 0: unknown
    lines: list[str] = field(default_factory=list)  # the newest ones that it printed
    details: dict[str, Any] = field(default_factory=dict)  # further values of its events
    run: str | None = None  # id of the run that it is about
    model: str | None = None  # id of the model
    error: str | None = None  # the sentence of a failure
    result: dict[str, Any] | None = None
    created: float = field(default_factory=time.time)  # seconds since 1970

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def progress(self) -> float | None:
        """Share of the work that is done; None if it is not known."""
        if self.state == "done":
            return 1.0
        return self.step / self.steps if self.steps else None

    def row(self) -> dict[str, Any]:
        """Return plain values for the page."""
        return {
            **{name: getattr(self, name) for name in _SHOWN},
            "progress": self.progress,
            **self.details,
        }


_SHOWN = (
    "id", "kind", "title", "state", "step", "steps", "lines", "run", "model", "error", "result", "command",
    "created",
)  # fmt: skip


class JobBoard:
    """All jobs by id, the newest last. Finished ones are dropped beyond `kept`."""

    def __init__(self, events: EventStream, kept: int) -> None:
        self.events, self.kept = events, kept
        self._jobs: dict[str, Job] = {}
        self.on_drop: list[Callable[[Job], object]] = []

    def all(self) -> list[Job]:
        """Return every job, the oldest first."""
        return list(self._jobs.values())

    def get(self, id: str, kind: str | None = None) -> Job:
        """Return the job `id`. RefusalError (404) if there is none, or none of this kind."""
        job = self._jobs.get(id)
        if job is None or kind not in (None, job.kind):
            raise not_found("such drawing" if kind == DRAW else "such job")
        return job

    def add(self, job: Job) -> None:
        """Add a job and announce it."""
        self._jobs[job.id] = job
        self._drop_oldest()
        self.announce(job)

    def update(self, job: Job, **values: Any) -> None:
        """Set fields of a job and announce them."""
        for name, value in values.items():
            setattr(job, name, value)
        self.announce(job)

    def announce(self, job: Job) -> None:
        """Publish where a job stands."""
        if job.kind == DRAW:
            self.events.publish(DRAW, job.id, job.row())
        else:
            self.events.publish("job", job.id, {"job": job.row()})

    def _drop_oldest(self) -> None:
        finished = [job for job in self._jobs.values() if job.is_finished]
        for job in finished[: max(0, len(finished) - self.kept)]:
            del self._jobs[job.id]
            for listener in self.on_drop:
                listener(job)


Run = Callable[[Job], Coroutine[Any, Any, None]]


class JobQueue:
    """Queue that runs its jobs one after the other. At most `limit` of them wait."""

    def __init__(self, board: JobBoard, limit: int, name: str = "") -> None:
        """`name`: the kind of the events about the length of the queue; "" for none."""
        self.board, self.limit, self.name = board, limit, name
        self.waiting: deque[tuple[Job, Run]] = deque()
        self.running: Job | None = None
        self._task: asyncio.Task[None] | None = None

    def submit(self, jobs: Sequence[Job], run: Run) -> None:
        """Add jobs, all or none. They replace earlier ones of their group.

        RefusalError (429) if the queue is full.
        """
        groups = {job.group for job in jobs} - {""}
        replaced = [job for job in self._unfinished() if job.group in groups]
        staying = sum(job not in replaced for job, _ in self.waiting)
        if staying + len(jobs) > self.limit:
            raise RefusalError(
                429,
                f"{staying} jobs are waiting already, and at most {self.limit} may; wait until some are "
                "done, or cancel them.",
            )
        for job in replaced:
            self.cancel(job)
        for job in jobs:
            self.board.add(job)
            self.waiting.append((job, run))
        self._start_next()

    def lengths(self) -> dict[str, Any]:
        """Return how many jobs wait, and the id of the one that runs."""
        running = None if self.running is None else self.running.id
        return {"waiting": len(self.waiting), "running": running}

    def cancel(self, job: Job) -> None:
        """Cancel a job that waits or runs; a finished one stays as it is."""
        if job is self.running and self._task is not None:
            self._task.cancel()
        elif any(job is other for other, _ in self.waiting):
            self.waiting = deque(entry for entry in self.waiting if entry[0] is not job)
            self._announce()
            self.board.update(job, state="cancelled")

    def cancel_of_reader(self, reader: str) -> None:
        """Cancel the jobs that a page wanted only while it is open."""
        for job in self._unfinished():
            if job.reader == reader:
                self.cancel(job)

    async def close(self) -> None:
        """Cancel everything."""
        for job in self._unfinished():
            self.cancel(job)
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _announce(self) -> None:
        if self.name:
            self.board.events.publish(self.name, "", self.lengths())

    def _unfinished(self) -> list[Job]:
        running = [self.running] if self.running else []
        return [*running, *(job for job, _ in self.waiting)]

    def _start_next(self) -> None:
        if self.running is None and self.waiting:
            self.running, run = self.waiting.popleft()
            self.board.update(self.running, state="running")
            self._task = asyncio.get_running_loop().create_task(run(self.running))
            self._task.add_done_callback(partial(self._finish, self.running))
        self._announce()

    def _finish(self, job: Job, task: asyncio.Task[None]) -> None:
        """Record how the running job has ended, and start the next one."""
        self.running = self._task = None
        if task.cancelled():
            self.board.update(job, state="cancelled")
        elif (error := task.exception()) is None:
            self.board.update(job, state="done")
        elif isinstance(error, RequestError | WorkError | RefusalError):
            self.board.update(job, state="failed", error=str(error))
        else:
            logging.getLogger("uvicorn.error").error("job %s failed", job.id, exc_info=error)
            self.board.update(job, state="failed", error=UNEXPECTED)
        self._start_next()
