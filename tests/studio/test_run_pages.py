"""The page of one run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.runs import RunFolder
from ddpm.studio.refusals import RefusalError
from ddpm.studio.run_index import RunIndex
from ddpm.studio.run_pages import RunPages
from ddpm.studio.services import Services
from tests.studio.asgi import run as run_async

AddRun = Callable[..., Path]


class Worker:
    """A worker that counts how often the doctor is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, task: str, **arguments: Any) -> list[dict[str, str]]:
        assert task == "doctor"
        self.asked += 1
        return [{"sentence": f"{self.asked}"}]


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def pages(services: Services, worker: Worker) -> RunPages:
    return RunPages(services.cards, services.models, worker)  # type: ignore[arg-type]


@pytest.fixture
def page(pages: RunPages) -> Callable[[], dict[str, Any]]:
    return lambda: pages.page("a")


def test_a_page_holds_all_about_a_finished_run(page: Any, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    run.loss_plot.write_bytes(b"")
    row = {
        "metric": "fd",
        "label": "FD-digits",
        "value": 5.0,
        "low": 4.0,
        "high": 6.0,
        "floor": 1.0,
    }
    write_json(run.evaluation, {"rows": [row]})
    found = page()
    assert found["model"] == "run:a" and found["classes"] is None
    assert {"key": "network.channels", "value": 8, "preset": 32} in found["settings"]
    (score,) = found["scores"]
    assert (score["name"], score["label"], score["value"]) == ("fd", "FD-digits", 5.0)
    assert (score["low"], score["high"], score["floor"]) == (4.0, 6.0, 1.0)
    assert f"ddpm evaluate {run.root}" in found["commands"] and len(found["commands"]) == 4
    assert list(found["pictures"]) == ["loss"]
    assert found["can"] == {
        "stop": False, "resume": False, "extend": True, "evaluate": True, "sample": True,
    }  # fmt: skip
    assert found["data"]["used"] == 60 and json.dumps(found)


def test_the_doctor_is_asked_again_after_a_change(pages: RunPages, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    found = [run_async(pages.findings("a")) for _ in range(2)]
    assert found == [[{"sentence": "1"}]] * 2
    run.checkpoint(12).rename(run.checkpoint(11))
    assert run_async(pages.findings("a")) == [{"sentence": "2"}]


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"rows": 3}', '{"rows": [{}]}', '{"rows": [3]}']
)
def test_a_damaged_evaluation_is_none(content: str, page: Any, add_run: AddRun) -> None:
    RunFolder(add_run("a")).evaluation.write_text(content, "utf-8")
    assert page()["scores"] == []


def test_a_damaged_run_has_a_page(page: Any, pages: RunPages, add_run: AddRun) -> None:
    RunFolder(add_run("a")).config.write_text("{", "utf-8")
    found = page()
    assert found["state"] == "failed" and not any(found["can"].values())
    with pytest.raises(RequestError):
        run_async(pages.findings("a"))


def test_a_run_whose_weights_cannot_be_read_offers_no_model(page: Any, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    (run.checkpoint(12) / "ema.safetensors").write_bytes(b"")
    assert page()["model"] is None and page()["classes"] is None


def test_an_unknown_run_is_a_sentence(page: Any) -> None:
    with pytest.raises(RefusalError):
        page()


@pytest.mark.skipif(os.name == "nt", reason="file names are text on Windows")
def test_a_run_whose_name_is_no_text_has_a_page(
    pages: RunPages, add_run: AddRun, runs: Path
) -> None:
    add_run(os.fsdecode(b"caf\xe9"))
    (id,) = RunIndex(runs).runs()
    found = pages.page(id)
    assert json.dumps(found, ensure_ascii=False).encode("utf-8")
    assert "caf\\udce9" in found["commands"][0]
