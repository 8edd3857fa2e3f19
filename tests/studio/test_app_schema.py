"""Requests made of the API's own description: none is answered with a failure of the server."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ddpm.studio.app import make_app
from ddpm.studio.services import Services
from ddpm.studio.studio_request import StudioRequest
from tests.examples import examples
from tests.studio.asgi import TOKEN
from tests.studio.live import Client


@schemathesis.serializer("application/zip")
def as_bytes(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


ENDLESS = "/api/events"
DESCRIPTION = make_app(Services(StudioRequest())).openapi()
OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations()
    if found.ok().path != ENDLESS
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_is_answered_with_a_failure(operation: Any, studio: Client) -> None:
    drawn = studio.get("/api/draws") or [studio.drawn(model="run:noisy", n=1, steps=2)]
    known = {"id": ["noisy", drawn[0]["id"]], "step": [12], "index": [0]}

    @settings(
        max_examples=examples(10),
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), choice=st.integers(0, 3))
    def ask(case: Any, choice: int) -> None:
        if operation.method.upper() == "GET" and choice < 2:  # reach beyond "there is no such run"
            for name in case.path_parameters or {}:
                values = known.get(name, [case.path_parameters[name]])
                case.path_parameters[name] = values[choice % len(values)]
        answer = case.call(
            base_url=f"http://127.0.0.1:{studio.port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert answer.status_code < 500, (answer.status_code, answer.text[:300])

    ask()
