"""The hand-in through the server."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpm.studio.bundles import BundleOrder
from ddpm.studio.gate import Gate
from ddpm.studio.services import Services
from tests.studio.asgi import answer


def test_a_hand_in_is_its_command(
    gate: Gate, services: Services, add_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(
        services.command_jobs, "submit", lambda job, words, result: started.append(words) or job
    )
    a, b = str(add_run("a")), str(add_run("b"))
    body = {"student_id": "0712345", "mnist": "a", "anime": "b", "notes": "x", "lang": "en"}
    found = answer(gate, "POST", "/api/bundles", body)
    assert found.status == 202 and found.json()["kind"] == "bundle"
    assert started[0][:6] == ["bundle", "--student-id=0712345", "--mnist", a, "--anime", b]
    for wrong, status in (
        ({"student_id": "1"}, 422),
        ({**body, "student_id": "../x"}, 422),
        ({**body, "mnist": "nothing"}, 404),
        ({**body, "lang": "../x"}, 422),
    ):
        assert answer(gate, "POST", "/api/bundles", wrong).status == status


def test_the_report_may_be_shown_in_a_frame_of_the_page(gate: Gate, services: Services) -> None:
    id, words = services.bundles.prepare(BundleOrder("1", "a", "b"))
    folder = Path(words[words.index("--out") + 1])
    with zipfile.ZipFile(folder / "1_hw2_2.zip", "w") as archive:
        archive.writestr("report_1.pdf", b"%PDF-1.7")
    report = answer(gate, "GET", f"/api/bundles/{id}/report.pdf")
    assert report.body == b"%PDF-1.7" and report.headers["content-type"] == "application/pdf"
    assert report.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in report.headers["content-security-policy"]
    packed = answer(gate, "GET", f"/api/bundles/{id}/zip")
    assert packed.body.startswith(b"PK") and 'filename="1_hw2_2.zip"' in str(packed.headers)
    assert answer(gate, "GET", "/api/bundles/x/zip").status == 404
