"""Logs of runs: read as they grow, and what a card says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ddpm.runs import RunFolder, read_metrics
from ddpm.studio.run_logs import (
    KEPT_LOGS,
    RunLogs,
    images_per_second,
    log_columns,
    loss_points,
)


def row(step: int, **more: Any) -> dict[str, Any]:
    return {"step": step, "loss": 1 / step, "batch": 10, "seconds": step / 2, **more}


def write(run: RunFolder, rows: list[dict[str, Any]], end: str = "") -> None:
    run.root.mkdir(exist_ok=True)
    run.metrics.write_text("".join(json.dumps(r) + "\n" for r in rows) + end, "utf-8")


def append(run: RunFolder, text: str) -> None:
    with run.metrics.open("a", encoding="utf-8") as file:
        file.write(text)


def test_rows_appear_line_by_line_and_never_half(tmp_path: Path) -> None:
    run, logs = RunFolder(tmp_path / "a"), RunLogs()
    assert logs.rows(run) == []
    write(run, [row(1)], end='{"step": 2, "lo')
    assert [r["step"] for r in logs.rows(run)] == [1]
    append(run, 'ss": 0.5, "batch": 10}\n')
    assert [r["step"] for r in logs.rows(run)] == [1, 2]
    append(run, "damaged\n" + json.dumps(row(3)) + "\n")
    assert logs.rows(run) == read_metrics(run.metrics)


def test_a_log_that_was_cut_back_is_read_again(tmp_path: Path) -> None:
    run, logs = RunFolder(tmp_path / "a"), RunLogs()
    write(run, [row(step) for step in range(1, 9)])
    assert len(logs.rows(run)) == 8
    replaced = RunFolder(tmp_path / "b")
    write(replaced, [row(step, loss=2) for step in range(1, 5)])
    replaced.metrics.replace(run.metrics)  # as a resumed run does
    assert [r["loss"] for r in logs.rows(run)] == [2] * 4
    run.metrics.unlink()
    assert logs.rows(run) == []


def test_a_few_logs_are_kept(tmp_path: Path) -> None:
    logs = RunLogs()
    for number in range(KEPT_LOGS + 3):
        run = RunFolder(tmp_path / str(number))
        write(run, [row(1)])
        logs.rows(run)
    assert len(logs._logs) == KEPT_LOGS


def test_points_of_a_card_are_means_of_equal_shares() -> None:
    rows = [row(step, loss=float(step)) for step in range(1, 101)]
    assert loss_points(rows, 4) == [(25, 13.0), (50, 38.0), (75, 63.0), (100, 88.0)]
    assert loss_points([{"step": 1, "heldout_loss": 1.0}]) == []
    gan = [{"step": 1, "generator_loss": 2.0, "discriminator_loss": 1.0, "batch": 4}]
    assert loss_points(gan) == [(1, 2.0)]


def test_the_speed_is_that_of_the_newest_steps() -> None:
    slow = [row(step, seconds=float(step)) for step in range(1, 101)]
    fast = [row(100 + step, seconds=100 + step / 10) for step in range(1, 60)]
    assert images_per_second(slow) == pytest.approx(10)
    assert images_per_second(slow + fast) == pytest.approx(100)
    assert images_per_second(slow[:1]) is None
    assert images_per_second([{"step": 1, "loss": 1.0, "batch": 4}] * 2) is None


def test_columns_hold_what_comes_after_a_step() -> None:
    warning = {"step": 2, "warning": {"code": "text", "text": "beware"}}
    rows = [row(1), row(2, loss_levels=[1, 2, None, 4]), warning, {"step": 2, "heldout_loss": 0.7}]
    found = log_columns(rows, after=1)
    assert (found["steps"], found["loss"], found["heldout"]) == ([2], [0.5], [[2, 0.7]])
    assert found["by_level"]["rows"] == [[1, 2, None, 4]]
    assert len(found["by_level"]["names"]) == 4
    assert found["warnings"] == [{"step": 2, "sentence": "beware"}]
    assert log_columns(rows, after=2)["steps"] == []
