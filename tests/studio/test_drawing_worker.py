"""The drawing worker as a process: it draws, answers beside it, cancels, and ends with its input."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ddpm.studio.child_processes import child_environment, module_command
from ddpm.studio.worker_messages import encode_message, read_message

Event = tuple[dict[str, Any], bytes]


class Pipe:
    """A worker and the pipes to it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            module_command("ddpm.studio.drawing_worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )

    def send(self, task: str, id: str, **arguments: Any) -> None:
        assert self.process.stdin is not None
        message = {"task": task, "id": id, "arguments": arguments, "threads": 1}
        self.process.stdin.write(encode_message(message))
        self.process.stdin.flush()

    def next(self) -> Event:
        assert self.process.stdout is not None
        found = read_message(self.process.stdout)
        assert found is not None
        return found

    def last(self, id: str) -> tuple[dict[str, Any], int]:
        """Return the last event of a task, and how many came before it."""
        count = 0
        while True:
            message, _ = self.next()
            if message["id"] == id and message["event"] in ENDS:
                return message, count
            count += message["id"] == id


ENDS = ("answer", "cancelled", "refused", "failed", "broken")


@pytest.fixture(scope="module")
def worker() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    assert pipe.process.stdin is not None and pipe.process.stdout is not None
    pipe.process.stdin.close()  # as when the server ends, however it ends
    assert pipe.process.wait(60) == 0
    pipe.process.stdout.close()


def order(target: object, **more: Any) -> dict[str, Any]:
    values = {"overrides": [], "seed": 0, "n": 2, "label": None, "shape": [1, 2]}
    return {"target": str(target), **values, **more}


def test_drawings_are_cancelled_while_they_run_and_before(
    worker: Pipe, make_run: Callable[..., Path]
) -> None:
    target = make_run("drawn", (1, 8, 8), data="digits")
    long = {"overrides": ["sampling.sampler=ancestral", "sampling.steps=1000"]}
    worker.send("draw", "long", **order(target, **long))
    worker.send("draw", "waiting", **order(target))
    worker.send("cancel", "waiting")
    while worker.next()[0]["event"] != "frame":
        pass
    worker.send("samplers", "question")  # answered beside the drawing
    assert worker.last("question")[0]["event"] == "answer"
    worker.send("cancel", "long")
    assert worker.last("long")[0]["event"] == "cancelled"
    assert worker.last("waiting") == ({"id": "waiting", "event": "cancelled"}, 0)


def test_errors_are_told_apart_and_the_worker_goes_on(
    worker: Pipe, make_run: Callable[..., Path]
) -> None:
    worker.send("draw", "1", **order("nowhere"))
    refused, _ = worker.last("1")
    assert refused["event"] == "refused" and "nowhere" in refused["error"]
    worker.send("draw", "2")  # no arguments: a fault of the server
    broken, _ = worker.last("2")
    assert broken["event"] == "broken" and "KeyError" in broken["error"]
    worker.send("draw", "3", **order(make_run("drawn", (1, 8, 8), data="digits")))
    answer, events = worker.last("3")
    assert answer["event"] == "answer" and events > 2


def test_a_cancel_of_an_unknown_task_is_ignored(worker: Pipe) -> None:
    worker.send("cancel", "unknown")
    worker.send("samplers", "4")
    assert worker.last("4")[0]["event"] == "answer"
