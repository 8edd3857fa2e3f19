"""Health, jobs and events through the server."""

from __future__ import annotations

from ddpm.studio.gate import Gate
from tests.studio.asgi import answer
from tests.studio.live import Client


def test_health_tells_the_queue(gate: Gate) -> None:
    found = answer(gate, "GET", "/api/health").json()
    assert found["ok"] is True and found["queue"] == {"waiting": 0, "running": None}


def test_an_unknown_job_is_a_sentence(gate: Gate) -> None:
    for method, path in (("GET", "/api/jobs/x"), ("POST", "/api/jobs/x/cancel")):
        assert answer(gate, method, path).status == 404


def test_drawings_are_jobs_too(studio: Client) -> None:
    drawn = studio.drawn(model="run:noisy", n=1)
    jobs = {job["id"]: job for job in studio.get("/api/jobs")}
    assert jobs[drawn["id"]]["kind"] == "draw" and jobs[drawn["id"]]["state"] == "done"
    assert studio.get(f"/api/jobs/{drawn['id']}")["command"] == drawn["command"]
    cancelled = studio.post(f"/api/jobs/{drawn['id']}/cancel").json()
    assert cancelled["state"] == "done"


def test_a_reader_that_comes_back_misses_nothing(studio: Client) -> None:
    drawn = studio.drawn(model="run:noisy", n=1)
    with studio.events() as events:
        assert next(events)["version"]
        again = studio.drawn(model="run:noisy", n=1, seed=5)
        ids = set()
        while again["id"] not in ids:
            ids.add(next(events)["id"])
    assert drawn["id"] not in ids
