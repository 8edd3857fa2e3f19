"""Trainings through the server: which commands are started, and with which words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ddpm.runs import RunFolder
from ddpm.studio.gate import Gate
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services
from tests.studio.asgi import answer


@pytest.fixture
def started(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The words of the commands that are started; none really runs."""
    words_of: list[list[str]] = []

    def start(run: RunFolder, words: Sequence[str]) -> None:
        words_of.append(list(words))

    def submit(job: Job, words: Sequence[str], result: Any) -> Job:
        words_of.append(list(words))
        return job

    monkeypatch.setattr(services.trainings, "start", start)
    monkeypatch.setattr(services.command_jobs, "submit", submit)
    monkeypatch.setattr(services.plan_jobs, "submit", submit)
    return words_of


def test_a_training_is_its_command(gate: Gate, started: list[list[str]], runs: Path) -> None:
    settings = {"network.channels": 8, "network.attention": [], "training.precision": "fp32"}
    body = {"preset": "digits", "steps": 12, "settings": settings, "name": "mine"}
    found = answer(gate, "POST", "/api/trainings", body)
    assert found.status == 202 and found.json()["run"] == "mine"
    assert started == [
        ["train", "digits", "--out", str(runs / "mine"), "--steps", "12",
         "--set", "network.channels=8", "--set", "network.attention=[]", "--set", "training.precision=fp32"]
    ]  # fmt: skip
    assert found.json()["command"].startswith("ddpm train digits --out ")


def test_a_plan_and_what_is_done_with_a_run_are_their_commands(
    gate: Gate, started: list[list[str]], add_run: Callable[..., Path]
) -> None:
    root = str(add_run("a"))
    plan = answer(gate, "POST", "/api/plan", {"preset": "digits", "minutes": 2}).json()
    assert (plan["kind"], plan["command"]) == ("plan", "ddpm plan digits --minutes 2 --json")
    for path, body in (
        ("resume", {}), ("extend", {"minutes": 3.5}), ("extend", {"steps": 90}), ("evaluate", {"n": 20}),
        ("evaluate", {}), ("sample", {}),
    ):  # fmt: skip
        assert answer(gate, "POST", f"/api/runs/a/{path}", body).status == 202
    assert started == [
        ["plan", "digits", "--minutes", "2", "--json"],
        ["train", root],
        ["train", root, "--minutes", "3.5"],
        ["train", root, "--steps", "90"],
        ["evaluate", root, "-n", "20"],
        ["evaluate", root],
        ["sample", root, "--gif"],
    ]


def test_an_upload_can_be_trained_on(
    gate: Gate, started: list[list[str]], pictures: Callable[..., list[bytes]]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index, content in enumerate(pictures(12)):
            archive.writestr(f"{index}.png", content)
    kind = {"content-type": "application/zip"}
    found = answer(gate, "POST", "/api/uploads", buffer.getvalue(), headers=kind)
    assert found.status == 200 and found.json()["images"] == 12
    body = {"preset": "folder", "data": {"upload": found.json()["id"]}, "steps": 2}
    assert answer(gate, "POST", "/api/trainings", body).status == 202
    data = Path(started[0][started[0].index("--data") + 1])
    assert data.name == f"{found.json()['id']}.zip" and data.read_bytes() == buffer.getvalue()
    wrong = answer(gate, "POST", "/api/uploads", b"not a zip", headers=kind)
    assert wrong.status == 422 and "no zip" in wrong.json()["error"]
    cut = answer(gate, "POST", "/api/uploads", buffer.getvalue()[:500], headers=kind, ends=False)
    assert cut.status == 400 and len(list(data.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/trainings", {"preset": "digits", "name": "../x"}, 422),
        ("/api/trainings", {"preset": "digits", "name": "a\nb"}, 422),
        ("/api/trainings", {"preset": "nothing"}, 422),
        ("/api/trainings", {"preset": "folder", "data": {"root": "0", "path": "../runs"}}, 404),
        ("/api/trainings", {"preset": "folder", "data": {"upload": "../../etc"}}, 404),
        ("/api/trainings", {"preset": "digits", "settings": {"data.path": "/etc"}}, 422),
        ("/api/trainings", {"preset": "digits", "minutes": -1}, 422),
        ("/api/plan", {"preset": "digits", "settings": {"training.steps": "soon"}}, 422),
        ("/api/runs/nothing/stop", {}, 404),
        ("/api/runs/nothing/resume", {}, 404),
        ("/api/runs/nothing/extend", {"minutes": 3}, 404),
        ("/api/runs/nothing/evaluate", {"n": 20}, 404),
        ("/api/runs/nothing/sample", {}, 404),
    ],
)
def test_a_wrong_request_starts_nothing(
    path: str, body: dict[str, Any], status: int, gate: Gate, runs: Path
) -> None:
    found = answer(gate, "POST", path, body)
    assert found.status == status and found.json()["error"], found
    assert not list(runs.iterdir())


def test_lists_for_a_new_run(gate: Gate) -> None:
    assert answer(gate, "GET", "/api/presets").json()[0]["name"] == "digits"
    found = answer(gate, "GET", "/api/datasets").json()
    assert found["roots"] == [] and found["sets"][0]["present"]
    assert answer(gate, "GET", "/api/folders?root=0").status == 404
