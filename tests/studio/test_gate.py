"""The gate: who may ask, how, and with what; no route gets around it."""

from __future__ import annotations

import re

import pytest

from ddpm.studio.access import Access
from ddpm.studio.gate import PICTURES, SECURITY_HEADERS, UPLOADS, Gate, cookie_name
from ddpm.studio.studio_request import Limits
from tests.studio.asgi import HEADERS, HOST, TOKEN, Response, answer, call, run

PARAMETERS = {"id": "noisy", "kind": "x", "name": "loss", "model": "bundled:mnist"}


def routes(gate: Gate) -> list[tuple[str, str]]:
    """(method, address) of every route that the OpenAPI document names, and of the page."""
    paths = gate.app.openapi()["paths"]  # type: ignore[attr-defined]
    found = [(method.upper(), path) for path, row in paths.items() for method in row]
    assert len(found) > 30
    return [*found, ("GET", "/"), ("GET", "/page/app.js"), ("GET", "/api/openapi.json")]


def address(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: PARAMETERS.get(found[1], "1"), path)


FOREIGN = {
    "no token": ({"authorization": ""}, 401),
    "another token": ({"authorization": "Bearer 0123456789abcdefghiJ"}, 401),
    "a token in a form": ({"authorization": f"Basic {TOKEN}"}, 401),
    "a foreign host": ({"host": "evil.example"}, 403),
    "a foreign host with the port": ({"host": "evil.example:8765"}, 403),
    "another port": ({"host": "127.0.0.1:9"}, 403),
    "a foreign origin": ({"origin": "http://evil.example"}, 403),
    "an origin of another port": ({"origin": "http://127.0.0.1:9"}, 403),
    "an origin without a name": ({"origin": "null"}, 403),
    "another site": ({"sec-fetch-site": "cross-site"}, 403),
    "another port of this machine": ({"sec-fetch-site": "same-site"}, 403),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_every_route_refuses(what: str, gate: Gate) -> None:
    more, status = FOREIGN[what]
    for method, path in routes(gate):
        found = answer(gate, method, address(path), headers=more)
        assert found.status == status, (method, path, found)


def test_a_route_that_is_asked_rightly_answers(gate: Gate) -> None:
    assert answer(gate, "GET", "/api/runs").json() == []
    own = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert answer(gate, "GET", "/api/runs", headers=own).status == 200
    upper = {"host": HOST.upper()}
    assert answer(gate, "GET", "/api/runs", headers=upper).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_without_cors(method: str, gate: Gate) -> None:
    found = answer(gate, method, "/api/runs")
    assert found.status == 405
    assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png"],
)
def test_state_changes_only_by_json(kind: str, gate: Gate) -> None:
    for method, path in routes(gate):
        if method == "POST" and path not in (UPLOADS, *PICTURES):
            found = answer(gate, method, address(path), headers={"content-type": kind})
            assert found.status == 415, path


def test_raw_bodies_have_their_own_types(gate: Gate) -> None:
    for path in (UPLOADS, *PICTURES):
        assert answer(gate, "POST", path, b"{}").status == 415  # application/json
    wrong = answer(gate, "POST", "/api/uploads", b"x", headers={"content-type": "image/png"})
    assert wrong.status == 415 and "application/zip" in wrong.json()["error"]


def test_a_doubled_header_is_refused(gate: Gate) -> None:
    class Twice(dict):  # type: ignore[type-arg]
        def items(self):  # type: ignore[no-untyped-def]
            return [*super().items(), ("host", "evil.example")]

    found = run(call(gate, "GET", "/api/runs", Twice(HEADERS)))
    assert found.status == 400


def test_every_answer_carries_the_security_headers(gate: Gate) -> None:
    answers = [
        answer(gate, "GET", "/api/runs"),
        answer(gate, "GET", "/api/runs", headers={"host": "evil.example"}),
        answer(gate, "GET", "/api/nothing"),
        answer(gate, "GET", f"/?token={TOKEN}"),
    ]
    for found in answers:
        assert found.headers.items() >= SECURITY_HEADERS.items()
        assert found.headers["cache-control"] == "no-store"
    assert "script-src" not in SECURITY_HEADERS["content-security-policy"]  # default-src 'self'


def cookie_of(found: Response) -> dict[str, str]:
    pair, *attributes = found.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} == set(attributes)
    return {"cookie": f"other=1; {pair}", "authorization": ""}


def test_the_printed_address_sets_a_cookie_and_leads_to_a_clean_one(gate: Gate) -> None:
    found = answer(gate, "GET", f"/?token={TOKEN}", headers={"authorization": ""})
    assert (found.status, found.headers["location"]) == (303, "/")
    assert answer(gate, "GET", "/api/runs", headers=cookie_of(found)).status == 200
    assert cookie_name(HOST) == "ddpm-studio-8765" and cookie_name("[::1]:9") == "ddpm-studio-9"


def test_a_wrong_token_in_the_address_sets_no_cookie(gate: Gate) -> None:
    for token in ("", "wrong", TOKEN[:-1], TOKEN + "x"):
        found = answer(gate, "GET", f"/?token={token}", headers={"authorization": ""})
        assert found.status == 401 and "set-cookie" not in found.headers
    elsewhere = answer(gate, "GET", f"/api/runs?token={TOKEN}", headers={"authorization": ""})
    assert elsewhere.status == 401


def test_a_ticket_opens_the_page_once() -> None:
    access = Access(TOKEN)
    gate = Gate(None, access, frozenset({HOST}), Limits())  # type: ignore[arg-type]
    path = f"/?token={access.new_ticket()}"
    nobody = {"host": HOST}
    assert run(call(gate, "GET", path, nobody)).status == 303
    assert run(call(gate, "GET", path, nobody)).status == 401


def test_a_body_is_refused_before_it_is_decoded(gate: Gate) -> None:
    said = answer(gate, "POST", "/api/draws", b"{}", headers={"content-length": "99999999"})
    assert said.status == 413
    counted = answer(gate, "POST", "/api/draws", b"x" * (Limits().json_bytes + 1))
    assert counted.status == 413 and "1.0 MB" in counted.json()["error"]
    wrong = answer(gate, "POST", "/api/draws", b"{}", headers={"content-length": "-1"})
    assert wrong.status == 413


def test_websockets_are_closed(gate: Gate) -> None:
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    run(gate({"type": "websocket", "path": "/api/events", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
