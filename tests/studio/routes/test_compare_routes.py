"""Comparisons and nearest images through the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ddpm.studio.gate import Gate
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services
from tests.studio.asgi import answer
from tests.studio.live import Client


def test_a_comparison_is_its_command(
    gate: Gate, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def submit(job: Job, words: Sequence[str], result: Any) -> Job:
        started.append(list(words))
        return job

    monkeypatch.setattr(services.command_jobs, "submit", submit)
    body = {"models": ["bundled:mnist", "bundled:digits"], "n": 30}
    found = answer(gate, "POST", "/api/comparisons", body)
    assert found.status == 202 and started[0][:3] == ["compare", "bundled:mnist", "bundled:digits"]
    assert found.json()["command"].startswith("ddpm compare bundled:mnist bundled:digits --out ")
    for wrong, status in (({"models": ["bundled:mnist"]}, 422), ({"models": ["x", "y"]}, 404)):
        assert answer(gate, "POST", "/api/comparisons", wrong).status == status
    assert answer(gate, "GET", "/api/comparisons").json() == []
    assert answer(gate, "GET", "/api/comparisons/x").status == 404


def test_the_nearest_images_of_a_drawn_one(studio: Client) -> None:
    drawn = studio.drawn(model="bundled:digits", n=2, steps=3)
    found = studio.get(f"/api/neighbors?draw={drawn['id']}&index=1&count=2")
    distances = [row["distance"] for row in found["neighbors"]]
    assert len(distances) == 2 and distances == sorted(distances)
    assert found["neighbors"][0]["url"].startswith("data:image/png;base64,")
    assert studio.send("GET", f"/api/neighbors?draw={drawn['id']}&index=9").status == 404
    assert studio.send("GET", "/api/neighbors?draw=x").status == 404


def test_a_wrong_blind_test_is_a_sentence(studio: Client) -> None:
    wrong = studio.post("/api/blind-tests", {"models": ["run:noisy"], "n": 2})
    assert wrong.status == 422 and "2 to 6" in wrong.json()["error"]
    assert studio.post("/api/blind-tests", {"models": ["run:x"], "n": 2}).status == 404
    assert studio.send("GET", "/api/blind-tests/x/1.png").status == 404
    assert studio.post("/api/blind-tests/x/tally", {"answers": {"1": "real"}}).status == 404
    assert studio.post("/api/blind-tests/x/tally", {"answers": {"one": "real"}}).status == 422
