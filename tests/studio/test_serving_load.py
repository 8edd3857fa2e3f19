"""Two hundred drawings asked for at once: what does not fit is refused, and the server answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ddpm.studio.studio_request import Limits
from tests.studio.live import Client, until

ASKED = 200


def test_drawings_beyond_the_queue_are_refused_while_the_server_answers(studio: Client) -> None:
    """The milliseconds of /api/health meanwhile: docs/reliability.md."""
    body = {"model": "run:noisy", "sampler": "ancestral", "steps": 1000, "n": 1}
    first = studio.post("/api/draws", {**body, "n": 25}).json()["id"]
    until(lambda: studio.get(f"/api/draws/{first}")["state"] == "running")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: studio.post("/api/draws", body), range(ASKED)))
        health = studio.get("/api/health")
    accepted = [found.json()["id"] for found in answers if found.status == 202]
    refused = [found for found in answers if found.status == 429]
    assert len(accepted) + len(refused) == ASKED
    assert len(refused) >= ASKED - Limits().waiting_jobs - 20  # a few were drawn meanwhile
    assert "jobs are waiting already" in refused[0].json()["error"]
    assert health["ok"] and health["queue"]["waiting"] <= Limits().waiting_jobs
    for id in (*accepted, first):
        studio.post(f"/api/draws/{id}/cancel")
    until(lambda: studio.get("/api/health")["queue"] == {"waiting": 0, "running": None})
    states = {studio.get(f"/api/draws/{id}")["state"] for id in accepted}
    assert states <= {"cancelled", "done"} and "cancelled" in states
