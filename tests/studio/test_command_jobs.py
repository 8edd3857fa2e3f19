"""Commands as jobs: their output, their sentence, and cancelling."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ddpm.studio.command_jobs import CommandJobs
from ddpm.studio.event_stream import EventStream
from ddpm.studio.jobs import Job, JobBoard, JobQueue
from tests.studio.asgi import run


async def text_result(output: str) -> dict[str, Any]:
    return {"output": output}


def finished(*words: str, cancel_at: str | None = None) -> Job:
    """Run a command as a job; `cancel_at`: cancel it once its lines hold this text."""

    async def story() -> Job:
        board = JobBoard(EventStream(), 10)
        queue = JobQueue(board, 10)
        job = CommandJobs(board, queue).submit(Job("test", "", {}), words, text_result)
        while cancel_at is not None and cancel_at not in "\n".join(job.lines):
            await asyncio.sleep(0.01)
        if cancel_at is not None:
            queue.cancel(job)
        while not job.is_finished:
            await asyncio.sleep(0.01)
        await queue.close()
        return job

    return run(story())


def test_the_result_is_made_of_the_output() -> None:
    job = finished("runs")
    assert (job.state, job.error) == ("done", None)
    assert job.result == {"output": "There are no runs in runs. Make one with: ddpm demo\n"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("runs", "nowhere"), "nowhere"), (("no-such-command",), "command")],
)
def test_a_failure_is_the_sentence_of_the_command(words: tuple[str, ...], sentence: str) -> None:
    job = finished(*words)
    assert job.state == "failed" and sentence in str(job.error)
    assert not str(job.error).startswith("ddpm:")


def test_a_command_is_cancelled_and_shows_how_far_it_came() -> None:
    job = finished(
        "sample", "bundled:mnist", "-n", "100000", "--png-dir", "out", cancel_at=" of 100000, "
    )
    assert job.state == "cancelled" and job.steps == 100_000 and 0 < job.step < job.steps
