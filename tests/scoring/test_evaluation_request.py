"""The request for an evaluation, and the options of other commands that become one."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from ddpm.commands.ema.average_choice import EmaRequest
from ddpm.scoring.evaluation_request import EvaluationRequest, as_evaluation_request

REQUEST = EvaluationRequest(
    "runs/a", "mnist", 20, "digits", Path("w"), 3, overrides=("sampling.steps=2",), device="cpu"
)


def test_options_of_another_command_become_the_same_request() -> None:
    options = EmaRequest(
        "runs/a", n=20, reference="mnist", network="digits", weights=Path("w"), seed=3,
        overrides=("sampling.steps=2",), device="cpu",
    )  # fmt: skip
    assert as_evaluation_request(options) == REQUEST


def test_what_no_other_command_asks_keeps_its_default() -> None:
    plain = asdict(EvaluationRequest("runs/a"))
    asked = replace(REQUEST, likelihood=5, json=Path("scores.json"))
    found = asdict(as_evaluation_request(asked))  # type: ignore[arg-type]
    assert {key: found[key] for key in ("likelihood", "json")} == {
        key: plain[key] for key in ("likelihood", "json")
    }
