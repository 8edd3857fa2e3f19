"""Commands of `ddpm` as jobs: a process each, whose output the page can follow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ddpm.errors import RequestError, WorkError
from ddpm.studio.child_processes import child_environment, module_command
from ddpm.studio.jobs import Job, JobBoard, JobQueue
from ddpm.terminal import escape

KEPT_LINES = 40
MAX_OUTPUT = 8 << 20  # bytes of a command's standard output that are kept
_MAX_LINE = 1000  # characters
_PROGRESS = re.compile(r"(\d+) of (\d+), ")  # of `terminal.Progress`
_ERROR = "ddpm: "  # begins the sentence of a failed command

Result = Callable[[str], Awaitable[dict[str, Any]]]


class CommandJobs:
    """Runs commands one after the other, as processes that end with the server."""

    def __init__(self, board: JobBoard, queue: JobQueue) -> None:
        self._board, self._queue = board, queue

    def submit(
        self,
        job: Job,
        words: Sequence[str],
        result: Result,
        on_progress: Callable[[], None] = lambda: None,
    ) -> Job:
        """Queue the command `ddpm WORDS`; `result` makes the job's result of its standard output.

        `on_progress` is called whenever the command has printed something. RefusalError (429) if the queue
        is full.
        """

        async def run(job: Job) -> None:
            job.result = await result(await self.output(job, words, on_progress))

        self._queue.submit([job], run)
        return job

    async def output(
        self, job: Job, words: Sequence[str], on_progress: Callable[[], None] = lambda: None
    ) -> str:
        """Run a command for a job and return what it prints on standard output.

        RequestError or WorkError with the command's own sentence if it fails.
        """
        process = await asyncio.create_subprocess_exec(
            *module_command("ddpm.studio.attached_command", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,
        )
        assert process.stdout is not None and process.stderr is not None
        try:
            output, _ = await asyncio.gather(
                _read(process.stdout), self._follow(job, process.stderr, on_progress)
            )
            status = await process.wait()
        except asyncio.CancelledError:
            await _interrupt(process)
            raise
        if status == 0:
            return output
        sentences = [line for line in job.lines if line.startswith(_ERROR)]
        sentence = sentences[-1].removeprefix(_ERROR) if sentences else UNEXPLAINED
        raise RequestError(sentence) if status == 2 else WorkError(sentence)

    async def _follow(
        self, job: Job, stream: asyncio.StreamReader, on_progress: Callable[[], None]
    ) -> None:
        """Show the lines of standard error and the progress that they tell."""
        rest = ""
        while chunk := await stream.read(1 << 16):
            lines = (rest + chunk.decode("utf-8", "replace")).replace("\r", "\n").split("\n")
            rest = lines.pop()[-_MAX_LINE:]
            shown = [escape(line)[:_MAX_LINE] for line in lines if line.strip()]
            job.lines = [*job.lines, *shown][-KEPT_LINES:]
            for found in map(_PROGRESS.search, shown):
                if found:
                    job.step, job.steps = int(found[1]), int(found[2])
            self._board.announce(job)
            on_progress()


UNEXPLAINED = "The command ended without saying why; run it in a terminal to see more."


async def _read(stream: asyncio.StreamReader) -> str:
    """Return the text of a stream, at most `MAX_OUTPUT` bytes of it."""
    content = bytearray()
    while chunk := await stream.read(1 << 16):
        content.extend(chunk[: MAX_OUTPUT - len(content)])
    return content.decode("utf-8", "replace")


async def _interrupt(process: asyncio.subprocess.Process) -> None:
    """Close the command's input, which interrupts it, and wait for its end."""
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
