"""Limits of the server."""

from __future__ import annotations

from dataclasses import asdict

from ddpm.studio.studio_request import Limits, StudioRequest


def test_nothing_is_without_a_limit() -> None:
    values = asdict(Limits())
    assert all(value > 0 for value in values.values())
    assert values["json_bytes"] < values["picture_bytes"] < values["zip_bytes"]
    assert values["zip_bytes"] <= values["uploads_bytes"]


def test_a_request_allows_no_folder_and_no_other_machine_by_itself() -> None:
    request = StudioRequest()
    assert (request.host, request.allow, request.token) == ("127.0.0.1", (), None)
