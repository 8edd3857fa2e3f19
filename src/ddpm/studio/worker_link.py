"""The server's end of the drawing worker: tasks out, events and answers in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Callable
from typing import Any

from ddpm.errors import RequestError, WorkError
from ddpm.studio.child_processes import child_environment, module_command
from ddpm.studio.worker_messages import PREFIX, Message, encode_message

OnEvent = Callable[[Message, bytes], None]
LOST = "The drawing process ended unexpectedly; try again. If it does so again, draw fewer images at a time."


class WorkerLink:
    """One drawing worker, started when it is first needed and again after it was lost."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._open: dict[str, asyncio.Queue[tuple[Message, bytes]]] = {}
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the worker; None if it is not running."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the worker if it is not running."""
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            self._process = await asyncio.create_subprocess_exec(
                *module_command("ddpm.studio.drawing_worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for the server
            )
            self._reading = asyncio.create_task(self._read(self._process))

    async def stop(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def ask(self, task: str, **arguments: Any) -> Any:
        """Return the worker's answer. RequestError and WorkError as in the worker."""
        return await self.run(task, arguments)

    async def run(
        self,
        task: str,
        arguments: dict[str, Any],
        on_event: OnEvent = lambda message, payload: None,
        *,
        payload: bytes = b"",
        threads: int | None = None,
    ) -> Any:
        """Run a task, hand its events to `on_event`, and return the answer.

        `threads`: for torch; 0 for its default. Cancelling this coroutine cancels the task.
        """
        await self.start()
        id, events = secrets.token_hex(6), asyncio.Queue[tuple[Message, bytes]]()
        self._open[id] = events
        more = {} if threads is None else {"threads": threads}
        try:
            self._send({"task": task, "id": id, "arguments": arguments, **more}, payload)
            while True:
                message, data = await events.get()
                match message["event"]:
                    case "answer":
                        return message["value"]
                    case "refused":
                        raise RequestError(message["error"])
                    case "failed":
                        raise WorkError(message["error"])
                    case "broken":
                        logging.getLogger("uvicorn.error").error("%s", message["error"])
                        raise RuntimeError(f"task {task} is broken")
                    case _:
                        on_event(message, data)
        except asyncio.CancelledError:
            self._send({"task": "cancel", "id": id}, b"")
            raise
        finally:
            del self._open[id]

    def _send(self, message: Message, payload: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            process.stdin.write(encode_message(message, payload))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand the worker's messages to those who wait for them, until it ends."""
        assert process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                text_length, length = PREFIX.unpack(await process.stdout.readexactly(PREFIX.size))
                message = json.loads(await process.stdout.readexactly(text_length))
                payload = await process.stdout.readexactly(length)
                if (events := self._open.get(message["id"])) is not None:
                    events.put_nowait((message, payload))
        await process.wait()
        for events in self._open.values():
            events.put_nowait(({"event": "failed", "error": LOST}, b""))
