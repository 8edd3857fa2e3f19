"""The inputs of a report: runs under unique names, and which comparison is missing for which data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpm.commands.report.report_inputs import collect_data, open_inputs
from ddpm.errors import RequestError
from ddpm.runs import COMPARISON_FILE

EVALUATION = {
    "network": "digits", "n": 9, "rows": [], "step": 12, "reference": {"what": None}, "floor": {"what": None},
}  # fmt: skip


def compared(folder: Path, *roots: Path | None) -> Path:
    """Write a comparison.json of runs; None stands for weights without a run."""
    folder.mkdir()
    entries = [
        {
            "label": str(i),
            "evaluation": EVALUATION,
            "run": None if root is None else {"path": str(root)},
        }
        for i, root in enumerate(roots)
    ]
    row = {"entries": entries, "verdicts": [], "figures": {}}
    (folder / COMPARISON_FILE).write_text(json.dumps(row), "utf-8")
    return folder


def collected(tmp_path: Path, targets: list[Path], *comparisons: Path) -> tuple[Any, Any]:
    pictures = tmp_path / "figures"
    pictures.mkdir(exist_ok=True)
    inputs = open_inputs([str(target) for target in targets], comparisons)
    return collect_data(inputs, pictures, "en", "ddpm report", "cpu")


def test_a_run_given_twice_is_one_and_equal_names_are_numbered(
    make_run: Callable[..., Path],
) -> None:
    one, other = make_run("same", (1, 28, 28)), make_run("same", (1, 28, 28), seed=1)
    inputs = open_inputs([str(one), str(other), str(one / ".." / "same")], [])
    assert list(inputs.runs) == ["same", "same-2"]


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(RequestError, match="nowhere is not a run folder"):
        open_inputs(["nowhere"], [])


def test_a_comparison_lends_its_scores_and_knows_whether_all_its_entries_are_reported(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    one, gan = make_run("one", (1, 28, 28)), make_run("gan", (1, 28, 28), model="dcgan")
    both = compared(tmp_path / "both", one, gan)
    alone = compared(tmp_path / "alone", one, None)
    report, uncompared = collected(tmp_path, [one, gan], both, alone)
    assert [run.evaluation for run in report.runs] == [EVALUATION, EVALUATION]
    assert [each.all_reported for each in report.comparisons] == [True, False]
    assert uncompared == []
    report, _ = collected(tmp_path, [one], both)
    assert not report.comparisons[0].all_reported


def test_a_data_set_with_one_run_gets_a_baseline_and_one_with_two_a_comparison(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    one, two = make_run("one", (1, 28, 28)), make_run("two", (1, 28, 28), seed=1)
    faces = make_run("faces", (3, 28, 28), data="anime")
    _, uncompared = collected(tmp_path, [one, two, faces])
    assert uncompared == [
        ("comparison", f"ddpm compare {one} {two}"),
        ("baseline", "ddpm train dcgan-mnist --data anime"),
    ]


def test_runs_whose_names_have_no_latin_letters_keep_their_own_pictures(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    one, other = make_run("實驗一", (1, 28, 28)), make_run("實驗二", (1, 28, 28), seed=1)
    report, _ = collected(tmp_path, [one, other])
    own, others = ({*run.pictures.values()} for run in report.runs)
    assert all("network" in name for name in own & others)  # both have the same network
    assert len(own - others) > 3
