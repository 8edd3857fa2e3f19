"""Changes of runs become events, once each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from ddpm.locking import exclusive_lock
from ddpm.runs import RunFolder
from ddpm.studio.event_stream import EventStream
from ddpm.studio.run_watch import RunWatch
from ddpm.studio.services import Services
from tests.studio.asgi import run as run_async

AddRun = Callable[..., Path]


def changed(watch: RunWatch) -> list[tuple[str, str]]:
    return [(card["id"], card["state"]) for card in watch.changed_cards()]


def test_each_change_is_seen_once(services: Services, add_run: AddRun) -> None:
    watch = services.watch
    run = RunFolder(add_run("a"))
    add_run("b")
    assert changed(watch) == [("a", "finished"), ("b", "finished")]
    assert changed(watch) == []
    with run.metrics.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps({"step": 13, "loss": 0.1, "batch": 64}) + "\n")
    assert changed(watch) == [("a", "finished")]
    with exclusive_lock(run.lock, "the run"):
        assert changed(watch) == [("a", "training")]
        assert changed(watch) == []
    assert changed(watch) == [("a", "finished")]


def test_a_killed_training_is_seen_though_its_lock_file_stays(
    services: Services, add_run: AddRun
) -> None:
    run = RunFolder(add_run("a"))
    with exclusive_lock(run.lock, "the run"):
        changed(services.watch)
        content = run.lock.read_bytes()
    run.lock.write_bytes(content)
    assert changed(services.watch) == [("a", "finished")]


def test_runs_are_watched_while_somebody_reads(services: Services, add_run: AddRun) -> None:
    async def story() -> list[str]:
        events = EventStream()
        watch = RunWatch(services.cards, events, interval=0.01)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        assert not events._events
        reader = events.read()
        texts = [await anext(reader), await anext(reader)]
        add_run("a")
        texts.append(await anext(reader))
        task.cancel()
        return texts

    last = run_async(story())[-1]
    assert '"kind": "run", "id": "a"' in last
