"""The application: every error is JSON with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from ddpm.errors import RequestError, WorkError
from ddpm.studio.app import make_app
from ddpm.studio.gate import Gate
from ddpm.studio.refusals import RefusalError
from ddpm.studio.services import Services
from tests.studio.asgi import answer


def failing(services: Services, error: Exception) -> FastAPI:
    app = make_app(services)

    @app.get("/api/fail")
    async def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (RefusalError(409, "It exists."), 409, "It exists."),
        (RequestError("Wrong."), 422, "Wrong."),
        (WorkError("Full."), 503, "Full."),
    ],
)
def test_an_error_is_its_sentence(
    error: Exception, status: int, sentence: str, services: Services
) -> None:
    found = answer(failing(services, error), "GET", "/api/fail")
    assert (found.status, found.json()) == (status, {"error": sentence})


def test_an_unexpected_error_tells_nothing_of_its_inside(services: Services) -> None:
    app = failing(services, KeyError("secret"))
    with pytest.raises(KeyError):  # after the answer, for the log
        answer(app, "GET", "/api/fail")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "required"),
        (b"{", "JSON"),
        (b"null", "The request"),
        ({"model": "m", "n": 0}, "n: Input should be greater"),
        ({"model": "m", "n": 101}, "n: Input should be less"),
        ({"model": "m", "seed": 2**60}, "seed: "),
        ({"model": "m", "steps": 10**9}, "steps: "),
        ({"model": "m", "guidance": "NaN"}, "guidance: "),
        ({"model": "m", "more": 1}, "more: Extra inputs"),
        ({"model": "m" * 1000}, "model: "),
        ({"model": "m", "sampler": "x"}, "sampler: "),
        ({"model": "\ud800"}, "model: "),
    ],
)
def test_a_wrong_value_is_named(body: Any, words: str, gate: Gate) -> None:
    found = answer(gate, "POST", "/api/draws", body)
    assert found.status == 422 and words in found.json()["error"], found.body


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000, b"{" * 100_000])
def test_json_that_cannot_be_read_is_a_sentence(body: bytes, gate: Gate) -> None:
    found = answer(gate, "POST", "/api/draws", body)
    assert found.status in (400, 422) and "JSON" in found.json()["error"]


def test_an_unknown_address_is_a_sentence(gate: Gate) -> None:
    for path in ("/api/nothing", "/api/runs/../../etc", "/docs", "/redoc", "/nothing"):
        found = answer(gate, "GET", path)
        assert found.status == 404 and found.json()["error"].endswith("."), path
    assert answer(gate, "POST", "/api/health").status == 405


def test_the_description_names_every_route_under_api(gate: Gate) -> None:
    found = answer(gate, "GET", "/api/openapi.json").json()
    assert all(path.startswith("/api/") for path in found["paths"])
    assert found["info"]["title"] == "ddpm studio"
