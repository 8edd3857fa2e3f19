"""The sampler lab through the server."""

from __future__ import annotations

from ddpm.studio.gate import Gate
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services
from tests.studio.asgi import answer


def test_a_lab_is_its_command_and_a_model_without_one_is_empty(
    gate: Gate, services: Services
) -> None:
    services.commands.running = Job("plan", "", {})  # so that nothing starts
    found = answer(
        gate, "POST", "/api/lab", {"model": "bundled:mnist", "n": 50, "evaluations": [4, 8]}
    )
    assert found.status == 202 and found.json()["state"] == "waiting"
    assert found.json()["command"].startswith("ddpm sampler-lab bundled:mnist -n 50 --keep")
    shown = answer(gate, "GET", "/api/lab/bundled:mnist").json()
    assert shown["points"] == [] and shown["running"] is None
    (job, _), *_ = services.commands.waiting
    services.commands.running = job
    assert answer(gate, "GET", "/api/lab/bundled:mnist").json()["running"] == job.id
    assert answer(gate, "GET", "/api/lab/bundled:digits").json()["running"] is None


def test_a_wrong_request_is_a_sentence(gate: Gate) -> None:
    assert answer(gate, "GET", "/api/lab/run:nothing").status == 404
    for body in ({"model": "bundled:mnist", "n": 1}, {"model": "bundled:mnist", "samplers": ["x"]}):
        assert answer(gate, "POST", "/api/lab", body).status == 422
