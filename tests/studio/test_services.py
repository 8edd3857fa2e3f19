"""The services of a server: they start, and stop everything but trainings."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from ddpm.studio.gate import Gate
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services, services_of
from tests.studio.asgi import answer, run
from tests.studio.live import is_alive


def test_stopping_cancels_jobs_and_ends_the_worker(services: Services) -> None:
    async def story() -> None:
        await services.start()
        await services.worker.start()
        pid = services.worker.pid
        assert pid is not None and is_alive(pid)
        job, begun = Job("draw", "", {}), asyncio.Event()

        async def work(job: Job) -> None:
            begun.set()
            await asyncio.Event().wait()

        services.drawings.submit([job], work)
        await begun.wait()
        await services.stop()
        assert job.state == "cancelled" and not is_alive(pid)
        assert [text async for text in services.events.read()][2:] == []  # streams have ended

    run(story())


def test_a_page_that_leaves_takes_its_jobs_along(services: Services) -> None:
    async def story() -> list[str]:
        async def work(job: Job) -> None:
            await asyncio.Event().wait()

        drawing, plan = Job("draw", "", {}, reader="p"), Job("plan", "", {}, reader="other")
        services.drawings.submit([drawing], work)
        services.commands.submit([plan], work)
        await asyncio.sleep(0)
        services.leave("p")
        await asyncio.sleep(0.01)
        states = [drawing.state, plan.state]
        await services.commands.close()
        return states

    assert run(story()) == ["cancelled", "running"]


def test_a_request_finds_the_services_of_its_server(services: Services) -> None:
    state = SimpleNamespace(services=services)
    request = SimpleNamespace(app=SimpleNamespace(state=state))
    assert run(services_of(request)) is services  # type: ignore[arg-type]


def test_no_request_waits_for_a_thread_to_learn_how_the_server_is(
    gate: Gate, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/api/health answers while every thread works."""

    def no_thread(*_: object, **__: object) -> None:
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr("starlette.concurrency.run_in_threadpool", no_thread)
    monkeypatch.setattr("fastapi.dependencies.utils.run_in_threadpool", no_thread)
    monkeypatch.setattr("fastapi.routing.run_in_threadpool", no_thread)
    monkeypatch.setattr("asyncio.to_thread", no_thread)
    assert answer(gate, "GET", "/api/health").status == 200
