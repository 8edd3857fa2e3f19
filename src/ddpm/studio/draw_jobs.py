"""Drawings as jobs: a request of the page becomes a task of the worker and a command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

from ddpm.commands.options import command_line
from ddpm.studio.drawings import Drawing, grid_shape
from ddpm.studio.jobs import DRAW, Job, JobBoard, JobQueue
from ddpm.studio.model_cards import ModelCard, ModelCards
from ddpm.studio.refusals import not_found
from ddpm.studio.run_cards import RunCards
from ddpm.studio.worker_link import WorkerLink
from ddpm.studio.worker_messages import Message

KINDS = {"draw": "sample", "edit": "edit"}  # of drawings, by the worker's task
OPTION_KEYS = ("sampler", "steps", "guidance")  # sampling settings with an option of their own


@dataclass(frozen=True)
class DrawOrder:
    """A draw request: a model, seeds, and the sampling settings that differ from the model's own."""

    model: str  # id
    seed: int = 0
    n: int = 25
    label: str | None = None
    sampling: tuple[tuple[str, Any], ...] = ()  # (name, value), without the prefix `sampling.`
    group: str = ""
    reader: str = ""


@dataclass(frozen=True)
class PreparedDrawing:
    """A drawing that can be queued: its job, where its images go, and the worker's task."""

    job: Job
    drawing: Drawing
    task: str
    arguments: dict[str, Any]


class DrawJobs:
    """The drawings of the server, from their request to their pictures."""

    def __init__(
        self,
        board: JobBoard,
        queue: JobQueue,
        worker: WorkerLink,
        models: ModelCards,
        cards: RunCards,
        frame_bytes: int,
    ) -> None:
        self._board, self._queue, self._worker = board, queue, worker
        self._models, self._cards, self._frame_bytes = models, cards, frame_bytes
        self._prepared: dict[str, PreparedDrawing] = {}
        self._preparing = asyncio.Lock()
        board.on_drop.append(lambda job: self._prepared.pop(job.id, None))

    async def submit(self, orders: Sequence[tuple[DrawOrder, dict[str, Any]]]) -> list[Job]:
        """Queue drawings, all or none; each order comes with the request as the page sent it.

        RefusalError: no such model (404), or the queue is full (429). A thread reads the models' files.
        """
        async with self._preparing:  # in the order of the requests: the newest of a group wins
            return self.queue(await asyncio.to_thread(self._prepare, orders))

    def _prepare(self, orders: Sequence[tuple[DrawOrder, dict[str, Any]]]) -> list[PreparedDrawing]:
        cards = {id: self._models.get(id) for id in {order.model for order, _ in orders}}
        return [_prepare(order, cards[order.model], sent) for order, sent in orders]

    def queue(self, prepared: Sequence[PreparedDrawing]) -> list[Job]:
        """Queue prepared drawings, all or none. RefusalError (429) if the queue is full."""
        jobs = [one.job for one in prepared]
        self._queue.submit(jobs, self._run)
        self._prepared |= {one.job.id: one for one in prepared}
        return jobs

    def drawing(self, id: str) -> Drawing:
        """Return a drawing. RefusalError (404) if there is none."""
        if id not in self._prepared:
            raise not_found("such drawing")
        return self._prepared[id].drawing

    def row(self, id: str) -> dict[str, Any]:
        """Return where a drawing stands, for the page. RefusalError (404) if there is none."""
        job, drawing = self._board.get(id, DRAW), self.drawing(id)
        more = {"labels": drawing.labels, "threads": drawing.threads}
        kind = KINDS[self._prepared[id].task]
        return {**job.row(), **more, "kind": job.request.get("kind", kind)}

    def latest(self, count: int = 50) -> list[dict[str, Any]]:
        """Return the newest drawings, without their frames."""
        jobs = [job for job in reversed(self._board.all()) if job.kind == DRAW][:count]
        return [{**self.row(job.id), "frames": []} for job in jobs]

    async def _run(self, job: Job) -> None:
        prepared = self._prepared[job.id]
        drawing = prepared.drawing

        def on_event(message: Message, payload: bytes) -> None:
            drawing.take(message, payload)
            if message["event"] == "frame":
                job.details["frames"] = drawing.rows_of_frames()
                self._board.update(job, step=message["step"], steps=message["steps"])

        is_training = await asyncio.to_thread(self._cards.is_training)
        threads = 1 if is_training else 0  # the training keeps the other cores
        answer = await self._worker.run(
            prepared.task, prepared.arguments, on_event, threads=threads
        )
        drawing.caption, drawing.comment = answer["caption"], answer["comment"]
        drawing.labels = answer["labels"]
        self._free_memory(job.id)

    def _free_memory(self, newest: str) -> None:
        """Drop the frames of the oldest drawings beyond the limit; their images stay."""
        total = sum(one.drawing.nbytes for one in self._prepared.values())
        for id, one in self._prepared.items():
            if total <= self._frame_bytes or id == newest:
                return
            total -= one.drawing.nbytes
            one.drawing.frames.clear()
            self._board.get(id).details["frames"] = []


def _prepare(order: DrawOrder, card: ModelCard, sent: dict[str, Any]) -> PreparedDrawing:
    """Return the job, the drawing and the worker's arguments of an order."""
    rows, columns = grid_shape(order.n)
    job = Job(
        DRAW,
        f"{order.n} image{'s' * (order.n > 1)} of {card.name}",
        sent,
        draw_command(order, card),
        order.group,
        order.reader,
        model=card.id,
        details={"request": sent, **_place(order, card), "frames": []},
    )
    arguments = {
        "target": card.target,
        "overrides": _overrides(order, card),
        "seed": order.seed,
        "n": order.n,
        "label": order.label,
        "shape": [rows, columns],
    }
    return PreparedDrawing(job, Drawing(order.seed, order.n, rows, columns), "draw", arguments)


def _place(order: DrawOrder, card: ModelCard) -> dict[str, Any]:
    """Return the grid's layout and the seeds of its images."""
    _, height, width = card.spec.image_shape
    rows, columns = grid_shape(order.n)
    seeds = list(range(order.seed, order.seed + order.n))
    return {
        "n": order.n, "rows": rows, "columns": columns, "height": height, "width": width, "seeds": seeds,
    }  # fmt: skip


def differing_settings(sampling: Sequence[tuple[str, Any]], card: ModelCard) -> dict[str, Any]:
    """Return the settings that differ from the model's own.

    Another sampler brings its own steps and spacing, so these stay if they are given.
    """
    own = asdict(card.spec.config.sampling)
    given = dict(sampling)
    if given.get("sampler", own["sampler"]) != own["sampler"]:
        own = {key: value for key, value in own.items() if key not in ("steps", "spacing")}
    return {key: value for key, value in given.items() if own.get(key, ...) != value}


def _overrides(order: DrawOrder, card: ModelCard) -> list[str]:
    """Return the settings as `ddpm sample` reads them, with the chunk.

    One image costs a whole chunk, so fewer images than the model's chunk are drawn in one of their number.
    The chunk is part of the command too: the bits of an image depend on it by rounding.
    """
    values = differing_settings(order.sampling, card)
    if order.n < card.spec.config.sampling.chunk:
        values["chunk"] = order.n
    return [f"sampling.{name}={setting_text(value)}" for name, value in values.items()]


def draw_command(order: DrawOrder, card: ModelCard) -> str:
    """Return the command line that draws the same images."""
    given = differing_settings(order.sampling, card).items()
    options = {f"sampling.{name}": value for name, value in given if name in OPTION_KEYS}
    others = [
        text
        for text in _overrides(order, card)
        if text.removeprefix("sampling.").partition("=")[0] not in OPTION_KEYS
    ]
    values = {"target": card.target, "n": order.n, "seed": order.seed, "label": order.label}
    return command_line("sample", SimpleNamespace(**values, **options, overrides=tuple(others)))


def setting_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
