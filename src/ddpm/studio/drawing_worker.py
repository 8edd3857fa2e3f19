"""The drawing worker: a process that keeps models open and draws for the server.

It reads tasks from its standard input and ends with it: a server that is killed leaves no worker behind.
Drawings run one after the other in the main thread; questions are answered beside them.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from ddpm.errors import RequestError, WorkError, is_out_of_memory
from ddpm.studio.worker_messages import Message, encode_message, read_message
from ddpm.studio.worker_tasks import TASKS, CancelledError, Task, task_function

OUT_OF_MEMORY = "Out of memory. Draw fewer images at a time, or close other programs."


class Worker:
    """The two queues of the process, and the pipe to the server."""

    def __init__(self, tasks: BinaryIO, answers: BinaryIO) -> None:
        from ddpm.studio.model_shelf import ModelShelf  # torch

        self._tasks, self._answers = tasks, answers
        self._shelf = ModelShelf()
        self._write_lock = threading.Lock()
        self._cancelled: dict[str, threading.Event] = {}
        self._drawings: queue.Queue[tuple[Message, bytes]] = queue.Queue()
        self._questions: queue.Queue[tuple[Message, bytes]] = queue.Queue()

    def run(self) -> None:
        """Work until the server ends."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._answer, args=(self._questions,), daemon=True).start()
        self._answer(self._drawings)

    def _read(self) -> None:
        """Sort incoming messages into the queues; end the process at the end of the pipe."""
        while (found := read_message(self._tasks)) is not None:
            message, payload = found
            if message["task"] == "cancel":
                if (event := self._cancelled.get(message["id"])) is not None:
                    event.set()
                continue
            self._cancelled[message["id"]] = threading.Event()
            chosen = self._drawings if TASKS[message["task"]].is_drawing else self._questions
            chosen.put((message, payload))
        os._exit(0)

    def _answer(self, tasks: queue.Queue[tuple[Message, bytes]]) -> None:
        while True:
            message, payload = tasks.get()
            id = message["id"]

            def reply(event: str, data: bytes = b"", *, id: str = id, **fields: Any) -> None:
                self._write({"id": id, "event": event, **fields}, data)

            task = Task(message["arguments"], self._shelf, payload, reply, self._cancelled[id])
            reply(**self._outcome(message, task))
            del self._cancelled[id]

    def _outcome(self, message: Message, task: Task) -> dict[str, Any]:
        """Run a task and return the fields of its last event."""
        try:
            task.check()
            if "threads" in message:
                _use_threads(message["threads"])
            return {"event": "answer", "value": task_function(message["task"])(task)}
        except CancelledError:
            return {"event": "cancelled"}
        except RequestError as error:
            return {"event": "refused", "error": str(error)}
        except (WorkError, OSError) as error:
            return {"event": "failed", "error": str(error)}
        except Exception as error:
            if is_out_of_memory(error):
                return {"event": "failed", "error": OUT_OF_MEMORY}
            return {"event": "broken", "error": traceback.format_exc()}

    def _write(self, message: Message, payload: bytes) -> None:
        with self._write_lock:
            self._answers.write(encode_message(message, payload))
            self._answers.flush()


_ALL_THREADS = 0


def _use_threads(count: int) -> None:
    """Let torch use `count` threads; 0 for its default."""
    global _ALL_THREADS
    import torch

    _ALL_THREADS = _ALL_THREADS or torch.get_num_threads()
    wanted = count or _ALL_THREADS
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)


def main() -> None:
    """Run the worker on standard input and output. What is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Worker(sys.stdin.buffer, answers).run()


if __name__ == "__main__":
    main()
