"""An evaluation as text: the protocol, a line for each metric, and the class shares beside the floor's."""

from __future__ import annotations

from typing import Any

import pytest

from ddpm.commands.evaluate.score_table import score_table
from ddpm.runs import RunFolder
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.measurement import measure
from tests.conftest import MakeRun


@pytest.fixture(scope="module")
def evaluation(make_run: MakeRun) -> dict[str, Any]:
    run = RunFolder(make_run("noisy", (1, 8, 8), data="digits"))
    return measure(EvaluationRequest(str(run.root), n=30, likelihood=0)).evaluation


def test_the_protocol_stands_above_the_scores(evaluation: dict[str, Any]) -> None:
    lines = score_table(evaluation).splitlines()
    assert lines[0] == "images     noisy: n=30, seeds 0-29, unipc, 2 steps, step 12"
    assert [line.split()[0] for line in lines[1:4]] == ["network", "reference", "floor"]
    assert any(line.startswith("note") and "changed" in line for line in lines)


def test_each_metric_is_a_line_and_class_shares_share_two(evaluation: dict[str, Any]) -> None:
    lines = score_table(evaluation).splitlines()
    names = [line.split("  ")[0].strip() for line in lines]
    for row in evaluation["rows"]:
        if not row["metric"].startswith("class-share-"):
            assert row["label"] in names
    (line,) = (line for line in lines if line.startswith("FD-digits"))
    assert line.startswith("FD-digits (n=30, train ref)") and line.count("[") == 2
    shares = [row for row in evaluation["rows"] if row["metric"].startswith("class-share-")]
    assert len(shares) == 10
    above, below = lines[-2:]  # the generated images above, the floor below
    assert above.startswith("share of each class") and below.startswith("  floor")
    assert [float(cell) for cell in above.removeprefix("share of each class").split()[::2]] == [
        round(100 * row["value"], 1) for row in shares
    ]
    without = {**evaluation, "rows": [r for r in evaluation["rows"] if r not in shares]}
    assert "class" not in score_table(without).splitlines()[-1]
