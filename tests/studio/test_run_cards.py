"""Cards of runs: state, progress and picture."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpm.config import Config, with_overrides
from ddpm.files import write_json
from ddpm.locking import exclusive_lock
from ddpm.runs import RunFolder
from ddpm.studio.run_cards import RunCards, preview_steps
from ddpm.studio.run_index import RunIndex
from ddpm.studio.run_logs import RunLogs
from ddpm.studio.trainings import Trainings

AddRun = Callable[..., Path]


@pytest.fixture
def cards(runs: Path) -> RunCards:
    return RunCards(RunIndex(runs), RunLogs(), Trainings(runs, 1))


def card(cards: RunCards, id: str = "a") -> dict[str, Any]:
    return cards.card(id, cards.runs.get(id))


def set_total(run: RunFolder, steps: int) -> None:
    write_json(run.config, with_overrides(Config(), [f"training.steps={steps}"]).to_dict())


def test_a_run_with_its_last_checkpoint_is_finished(cards: RunCards, add_run: AddRun) -> None:
    add_run("a")
    found = card(cards)
    assert (found["state"], found["sentence"]) == ("finished", "Finished: 12 steps")
    assert (found["step"], found["steps"]) == (12, 12)
    assert found["loss"][:2] == [(1, 1.0), (2, 0.5)]
    assert found["preview"] is None and json.dumps(found)


def test_a_run_without_it_is_stopped(cards: RunCards, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    set_total(run, 100)
    assert card(cards)["sentence"] == "Stopped; saved at step 12 of 100"
    run.checkpoint(12).rename(run.root / "gone")
    assert card(cards)["sentence"] == "Stopped before its first checkpoint"


def test_a_run_whose_lock_is_held_is_training(cards: RunCards, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    set_total(run, 20)
    rows = [{"step": i, "loss": 1.0, "batch": 128, "seconds": 0.5 * i} for i in range(1, 15)]
    run.metrics.write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    with exclusive_lock(run.lock, "the run"):
        found = card(cards)  # the log is of an earlier process
        assert found["state"] == "training" and found["sentence"].startswith("Starting")
        assert found["images_per_second"] is None
        os.utime(run.metrics)
        found = card(cards)
        assert found["state"] == "training" and cards.is_training()
        assert found["images_per_second"] == pytest.approx(256)
        assert found["seconds_left"] == pytest.approx(6 * 0.5)
        assert found["sentence"] == "About 3 s left"
        ((job),) = cards.trainings_now()
        assert (job["run"], job["progress"]) == ("a", 14 / 20)
        set_total(run, 14)
        assert card(cards)["sentence"] == "Drawing the final pictures"
    assert not cards.is_training() and card(cards)["images_per_second"] is None


@pytest.mark.parametrize("config", ["{", "[]", '{"training": {"steps": "x"}}', "\0"])
def test_a_damaged_configuration_is_a_failed_card(
    config: str, cards: RunCards, add_run: AddRun
) -> None:
    run = RunFolder(add_run("a"))
    run.config.write_text(config, "utf-8")
    found = card(cards)
    assert found["state"] == "failed" and found["sentence"].endswith(".")
    assert [c["id"] for c in cards.all()] == ["a"]


def test_the_newest_picture_is_shown(cards: RunCards, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    run.previews.mkdir()
    for name in ("step-00000020.png", "step-00000003.png", "step-x.png", "step-7.png", "notes.txt"):
        (run.previews / name).write_bytes(b"")
    assert preview_steps(run) == [3, 20]
    assert card(cards)["preview"] == "/api/runs/a/previews/20.png"
    run.sample_grid.write_bytes(b"")
    assert card(cards)["preview"].startswith("/api/runs/a/pictures/samples?v=")
    with exclusive_lock(run.lock, "the run"):  # goes on: the previews are newer
        assert card(cards)["preview"] == "/api/runs/a/previews/20.png"


def test_a_training_that_could_not_begin_has_a_card(cards: RunCards, runs: Path) -> None:
    folder = runs / ".studio" / "trainings"
    folder.mkdir(parents=True)
    (folder / "b.json").write_text('{"pid": 1}', "utf-8")
    (folder / "b.log").write_text("ddpm: No data.\n", "utf-8")
    ((found),) = cards.all()
    assert (found["id"], found["state"], found["sentence"]) == ("b", "failed", "No data.")
