"""The server's end of the worker: answers, errors, cancelling, and a worker that is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpm.errors import RequestError, WorkError
from ddpm.studio.worker_link import WorkerLink
from tests.studio.asgi import run
from tests.studio.live import is_alive

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def order(target: object, steps: int = 2) -> dict[str, Any]:
    overrides = ["sampling.sampler=ancestral", f"sampling.steps={steps}"]
    values = {"overrides": overrides, "seed": 0, "n": 2, "label": None, "shape": [1, 2]}
    return {"target": str(target), **values}


def test_one_worker_answers_refuses_cancels_and_is_replaced(make_run: Callable[..., Path]) -> None:
    target = make_run("drawn", (1, 8, 8), data="digits")

    async def story() -> None:
        link = WorkerLink()
        assert link.pid is None
        samplers = await link.ask("samplers")
        assert samplers[0]["name"] == "ancestral"
        first = link.pid
        with pytest.raises(RequestError, match="nowhere"):
            await link.run("draw", order("nowhere"))
        with pytest.raises(RuntimeError, match="broken"):
            await link.run("draw", {})

        events: list[str] = []
        begun = asyncio.Event()

        def on_event(message: dict[str, Any], payload: bytes) -> None:
            events.append(message["event"])
            begun.set()

        await link.run("draw", order(target), on_event, threads=1)
        assert events == ["started", "frame", "frame", "frame", "images"]

        begun.clear()
        drawing = asyncio.create_task(link.run("draw", order(target, 1000), on_event))
        await begun.wait()
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
        assert await link.ask("samplers") and link.pid == first

        begun.clear()
        drawing = asyncio.create_task(link.run("draw", order(target, 1000), on_event))
        await begun.wait()
        assert first is not None
        os.kill(first, KILL)
        with pytest.raises(WorkError, match="ended unexpectedly"):
            await drawing
        assert await link.ask("samplers") and link.pid != first
        last = link.pid
        await link.stop()
        assert last is not None and not is_alive(last) and link.pid is None

    run(story())
