"""`ddpm evaluate`: the object is whole, written where asked, and the command asks for the same."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.cli.parser import build_parser
from ddpm.commands.evaluate import command as evaluating
from ddpm.commands.evaluate import evaluate as command_module
from ddpm.commands.evaluate.evaluate import evaluate
from ddpm.commands.options import command_line
from ddpm.errors import RequestError
from ddpm.messages import join_sentences
from ddpm.runs import RunFolder
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.generated_images import ModelSamples
from tests.conftest import MakeRun

KEYS = {
    "format", "name", "target", "kind", "model", "drawn", "seeds", "step", "average", "images_per_second",
    "shape", "network", "network_why", "reference", "floor", "n", "seed", "notes", "rows",
    "command", "environment",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(make_run: MakeRun) -> RunFolder:
    return RunFolder(make_run("noisy", (1, 8, 8), data="digits"))


def test_the_object_is_whole_and_written_into_the_run_and_where_asked(
    run: RunFolder,
) -> None:
    before = set(run.root.rglob("*"))
    request = EvaluationRequest(str(run.root), n=30, likelihood=0, json=Path("copy.json"))
    evaluated = evaluate(request)
    assert set(run.root.rglob("*")) - before == {run.evaluation}
    assert set(evaluated) == KEYS
    for path in (run.evaluation, Path("copy.json")):
        assert json.loads(path.read_text("utf-8")) == evaluated
    assert (evaluated["name"], evaluated["kind"], evaluated["model"]) == ("noisy", "run", "ddpm")
    assert (evaluated["seeds"], evaluated["step"], evaluated["n"]) == ([0, 29], 12, 30)
    assert evaluated["network"] == "digits" and evaluated["network_why"]["share"] > 0.7
    assert evaluated["reference"]["name"] == "digits"
    assert evaluated["shape"] == [1, 8, 8]
    assert evaluated["environment"]["device"] == "cpu"
    assert "changed since the training" in join_sentences(
        evaluated["notes"]
    )  # the run says another content hash


def test_nothing_is_drawn_before_the_request_is_known_to_be_right(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("drawn in vain")

    monkeypatch.setattr(ModelSamples, "load", never)
    target = str(run.root)
    Path("folder").mkdir()
    np.save("color.npy", np.random.default_rng(0).integers(0, 256, (60, 3, 8, 8), np.uint8))
    for request, words in (
        (EvaluationRequest(target, n=5), "needs at least 10"),
        (EvaluationRequest(target, reference="color.npy"), "8x8 gray, but .* 8x8 color"),
        (EvaluationRequest(target, network="vgg"), "choose auto, digits"),
        (
            EvaluationRequest(target, weights=Path("w")),
            "digits takes no weights; .*inception or d",
        ),
        (EvaluationRequest(target, network="inception", weights=Path("w")), "inception|Inception"),
        (EvaluationRequest(target, json=Path("folder")), "folder is a folder"),
        (EvaluationRequest(target, reference="nowhere"), "nowhere"),
    ):
        with pytest.raises(RequestError, match=words):
            evaluate(request)


REQUESTS = [
    EvaluationRequest("runs/a"),
    EvaluationRequest("a b.npz", "my data", 30, "self", None, 4, 0, None, (), "auto"),
    EvaluationRequest(
        "m", n=5, network="dino", weights=Path("w f"), overrides=("sampling.eta=0.5",)
    ),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_command_asks_for_the_same(
    request_: EvaluationRequest, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Split by a shell's rules and parsed, it makes the very request again."""
    asked: list[EvaluationRequest] = []
    monkeypatch.setattr(command_module, "evaluate", asked.append)
    monkeypatch.setattr("ddpm.commands.evaluate.score_table.score_table", lambda evaluation: "")
    options = build_parser().parse_args(shlex.split(command_line("evaluate", request_))[1:])
    evaluating.run_evaluate(options)
    assert asked == [request_]
