"""Models that can draw: bundled weights, and runs with a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ddpm.loading.bundled import bundled_names
from ddpm.loading.models import open_model
from ddpm.runs import RunFolder
from ddpm.studio.model_cards import ModelCards
from ddpm.studio.refusals import RefusalError
from ddpm.studio.run_index import RunIndex

AddRun = Callable[..., Path]


def cards(runs: Path) -> ModelCards:
    return ModelCards(RunIndex(runs))


def test_bundled_weights_are_always_there(runs: Path) -> None:
    found = {card.id: card for card in cards(runs).all()}
    assert list(found) == [f"bundled:{name}" for name in bundled_names()]
    row, model = found["bundled:mnist"].row(), open_model("bundled:mnist", "cpu").model
    assert (row["channels"], row["height"], row["width"]) == model.spec.image_shape
    assert row["sampling"]["steps"] == model.spec.config.sampling.steps
    assert row["classes"] == list(model.spec.class_names) and row["can_guide"]
    assert json.dumps(row)


def test_a_run_with_a_checkpoint_comes_first(runs: Path, add_run: AddRun) -> None:
    add_run("a")
    (runs / "b").mkdir()
    (runs / "b" / "config.json").write_text("{}", "utf-8")  # no checkpoint yet
    first = cards(runs).all()[0]
    assert (first.id, first.target, first.step) == ("run:a", str(runs / "a"), 12)


def test_the_sampling_settings_are_those_of_the_run_now(runs: Path, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    config = json.loads(run.config.read_text("utf-8"))
    config["sampling"]["steps"] = 7
    run.config.write_text(json.dumps(config), "utf-8")
    assert cards(runs).get("run:a").spec.config.sampling.steps == 7


def test_a_damaged_checkpoint_is_passed_over(runs: Path, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    newer = run.checkpoint(20)
    newer.mkdir()
    (newer / "ema.safetensors").write_bytes(b"damaged")
    assert cards(runs).get("run:a").step == 12


@pytest.mark.parametrize(
    "id", ["", "mnist", "run:", "run:x", "bundled:x", "bundled:../x", "x:mnist"]
)
def test_an_unknown_model_is_a_sentence(id: str, runs: Path) -> None:
    with pytest.raises(RefusalError) as error:
        cards(runs).get(id)
    assert error.value.status == 404
