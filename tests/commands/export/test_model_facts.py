"""Facts about a model: those of its run, its scores with floor, the license of its data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ddpm.commands.export.model_facts import UNKNOWN_LICENSE, default_images, model_facts
from ddpm.loading.models import open_model
from ddpm.runs import RunFolder

EVALUATION = {
    "step": 12,
    "n": 200,
    "network": "digits",
    "reference": {"name": "mnist", "what": {"code": "no such code"}},
    "floor": {"what": {"code": "no such code"}},
    "rows": [
        {
            "metric": "fd", "label": "FD-digits", "value": 8.9, "low": 6.6, "high": 12.0, "floor": 6.85,
            "ratio": 1.3,
        },
        {"metric": "class-share-0", "label": "class 0", "value": 0.1, "low": 0, "high": 1, "floor": 0.1},
    ],
}  # fmt: skip


def test_a_run_tells_its_training(make_run: Callable[..., Path]) -> None:
    facts = model_facts(open_model(str(make_run("a", (1, 28, 28))), "cpu"))
    rows = dict(facts.rows)
    assert rows["images"] == "28x28, gray" and rows["data"] == "mnist"
    assert rows["training"].startswith("12 steps, 768 images seen")
    assert "60 used" in rows["images of the data set"]
    assert facts.license == "CC BY-SA 3.0, as commonly given"
    assert facts.command.startswith("ddpm train mnist")
    assert facts.scores == () and facts.loss_plot is None


def test_scores_stand_beside_their_floor(make_run: Callable[..., Path]) -> None:
    run = RunFolder(make_run("b", (1, 28, 28), data="my-pictures"))
    run.evaluation.write_text(json.dumps(EVALUATION), "utf-8")
    facts = model_facts(open_model(str(run.root), "cpu"))
    assert facts.scores == (("FD-digits", "8.90 [6.60, 12.0]", "6.85", "1.30"),)
    assert "200 images against mnist" in facts.scores_note
    assert facts.license == UNKNOWN_LICENSE
    run.evaluation.write_text(json.dumps({**EVALUATION, "step": 11}), "utf-8")
    assert model_facts(open_model(str(run.root), "cpu")).scores == ()  # of another checkpoint
    run.evaluation.write_text("damaged", "utf-8")
    assert model_facts(open_model(str(run.root), "cpu")).scores == ()


def test_bundled_weights_bring_their_notes() -> None:
    opened = open_model("bundled:digits", "cpu")
    facts = model_facts(opened)
    assert dict(facts.rows)["time"].startswith("215 seconds") and facts.command == ""
    assert default_images(opened.model).shape == (25, 1, 8, 8)
