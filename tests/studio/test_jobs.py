"""Jobs and their queue: in order, bounded, cancelled by id, by group and with their reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ddpm.errors import RequestError, WorkError
from ddpm.studio.event_stream import EventStream
from ddpm.studio.jobs import UNEXPECTED, Job, JobBoard, JobQueue
from ddpm.studio.refusals import RefusalError
from tests.studio.asgi import run


class Desk:
    """A queue whose jobs run until they are told to end."""

    def __init__(self, limit: int = 3, kept: int = 100) -> None:
        self.events = EventStream()
        self.board = JobBoard(self.events, kept)
        self.queue = JobQueue(self.board, limit, "queue")
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def work(self, job: Job) -> None:
        self.begun.append(job.title)
        await self.ends.setdefault(job.title, asyncio.Event()).wait()

    def submit(self, *titles: str, **fields: Any) -> list[Job]:
        jobs = [Job("draw", title, {}, **fields) for title in titles]
        self.queue.submit(jobs, self.work)
        return jobs

    async def end(self, title: str) -> None:
        self.ends.setdefault(title, asyncio.Event()).set()
        await settle()


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def story(tell: Callable[[Desk], Coroutine[Any, Any, None]], **options: Any) -> Desk:
    desk: list[Desk] = []

    async def whole() -> None:
        desk.append(Desk(**options))
        await tell(desk[0])
        await desk[0].queue.close()

    run(whole())
    return desk[0]


def test_jobs_run_one_after_the_other() -> None:
    async def tell(desk: Desk) -> None:
        first, second = desk.submit("a"), desk.submit("b")
        await settle()
        assert desk.begun == ["a"] and desk.queue.lengths() == {
            "waiting": 1,
            "running": first[0].id,
        }
        await desk.end("a")
        assert desk.begun == ["a", "b"] and first[0].state == "done"
        await desk.end("b")
        assert second[0].state == "done"
        assert desk.queue.lengths() == {"waiting": 0, "running": None}

    story(tell)


def test_a_full_queue_takes_none_of_several_jobs() -> None:
    async def tell(desk: Desk) -> None:
        desk.submit("running")
        await settle()
        desk.submit("a", "b")
        with pytest.raises(
            RefusalError, match="2 jobs are waiting already, and at most 3 may"
        ) as e:
            desk.submit("c", "d")
        assert e.value.status == 429
        assert [job.title for job in desk.board.all()] == ["running", "a", "b"]
        desk.submit("c")

    story(tell)


def test_cancelling_by_id_leaves_the_running_job_alone() -> None:
    async def tell(desk: Desk) -> None:
        running, waiting, other = desk.submit("running", "waiting", "other")
        await settle()
        desk.queue.cancel(waiting)
        await desk.end("running")
        assert (running.state, waiting.state, other.state) == ("done", "cancelled", "running")
        desk.queue.cancel(other)
        await settle()
        assert other.state == "cancelled" and desk.begun == ["running", "other"]
        desk.queue.cancel(running)  # it has ended
        assert running.state == "done"

    story(tell)


def test_the_newest_of_a_group_replaces_the_others_even_in_a_full_queue() -> None:
    async def tell(desk: Desk) -> None:
        desk.submit("slow")
        await settle()
        old = desk.submit("1", "2", "3", group="slider")
        new = desk.submit("4", group="slider")
        await settle()
        assert [job.state for job in old] == ["cancelled"] * 3 and new[0].state == "waiting"
        await desk.end("slow")
        newest = desk.submit("5", group="slider")
        await settle()
        assert (new[0].state, newest[0].state) == ("cancelled", "running")

    story(tell)


def test_jobs_of_a_reader_that_left_are_cancelled() -> None:
    async def tell(desk: Desk) -> None:
        mine = desk.submit("a", "b", reader="page")
        other = desk.submit("c")
        await settle()
        desk.queue.cancel_of_reader("page")
        await settle()
        assert [job.state for job in (*mine, *other)] == ["cancelled", "cancelled", "running"]

    story(tell)


def test_a_job_is_cancelled_before_its_first_step() -> None:
    async def tell(desk: Desk) -> None:
        job, following = desk.submit("a"), desk.submit("b")
        desk.queue.cancel(job[0])
        await settle()
        assert (job[0].state, following[0].state, desk.begun) == ("cancelled", "running", ["b"])

    story(tell)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RequestError("No such label."), "No such label."),
        (WorkError("The disk is full."), "The disk is full."),
        (RefusalError(404, "Gone."), "Gone."),
        (KeyError("x"), UNEXPECTED),
    ],
)
def test_a_job_that_fails_says_why_and_the_next_one_runs(error: Exception, sentence: str) -> None:
    async def fail(job: Job) -> None:
        raise error

    async def tell(desk: Desk) -> None:
        failing = Job("plan", "failing", {})
        desk.queue.submit([failing], fail)
        desk.submit("next")
        await settle()
        assert (failing.state, failing.error) == ("failed", sentence)
        assert desk.begun == ["next"]

    story(tell)


def test_finished_jobs_beyond_the_limit_are_dropped_oldest_first() -> None:
    dropped: list[str] = []

    async def tell(desk: Desk) -> None:
        desk.board.on_drop.append(lambda job: dropped.append(job.title))
        desk.submit("running")
        for title in "abcd":
            (job,) = desk.submit(title)
            desk.queue.cancel(job)
        desk.submit("last")
        assert [job.title for job in desk.board.all()] == ["running", "c", "d", "last"]
        with pytest.raises(RefusalError, match="no such drawing"):
            desk.board.get("nothing", "draw")

    story(tell, kept=2)
    assert dropped == ["a", "b"]


def test_every_change_is_an_event() -> None:
    async def tell(desk: Desk) -> None:
        desk.submit("a")
        await desk.end("a")
        await settle()
        kinds = [text.split('"kind": "')[-1].split('"')[0] for _, text in desk.events._events]
        assert kinds.count("draw") == 3 and "queue" in kinds  # waiting, running, done

    story(tell)


def test_a_row_tells_the_share_that_is_done() -> None:
    job = Job("plan", "plan of digits", {}, steps=8, step=2)
    assert job.row()["progress"] == 0.25
    assert Job("plan", "", {}).row()["progress"] is None
    assert Job("plan", "", {}, steps=9, step=6, state="done").row()["progress"] == 1
