"""Results come back as they were written, and tables read as tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import growth, machine, startup
from benchmarks.growth_figure import growth_picture
from benchmarks.results import markdown, read, write


def test_a_table_has_a_rule_and_numbers_to_the_right() -> None:
    assert markdown(["a", "b"], [["x", "1"], ["y", "2"]]).splitlines() == [
        "| a | b |", "| --- | ---: |", "| x | 1 |", "| y | 2 |",
    ]  # fmt: skip


def test_results_come_back(tmp_path: Path) -> None:
    write(tmp_path / "new" / "a.json", {"x": [1.5]})
    assert read(tmp_path / "new" / "a.json") == {"x": [1.5]}
    with pytest.raises(SystemExit, match="without --markdown first"):
        read(tmp_path / "b.json")


def test_the_machine_is_described_in_a_sentence() -> None:
    facts = machine.describe(threads=3)
    assert "3 threads" in machine.line(facts)
    assert f"torch {facts['torch']}" in machine.line(facts)


def test_a_command_is_timed_in_fresh_processes() -> None:
    assert len(startup.measure(startup.COMMANDS["ddpm --help"], times=1)) == 1
    with pytest.raises(SystemExit, match=r"no-such-command failed:\s+ddpm: There is no command"):
        startup.measure([*startup.COMMANDS["ddpm --help"][:3], "no-such-command"], times=1)


def test_growth_is_told_and_drawn(tmp_path: Path) -> None:
    points = {
        axis.key: [{"x": float(v), **dict.fromkeys(axis.measures, 5.0 * v)} for v in axis.values]
        for axis in growth.AXES
    }
    result = {
        "machine": machine.describe(1), "preset": "mnist", "precision": "bf16", "batch": 64,
        "points": points,
    }  # fmt: skip
    rows = growth.table(result).splitlines()[2:]
    measured = sum(len(axis.measures) for axis in growth.AXES)
    assert all("**1.00**" in line and "| 0% |" in line for line in rows[:measured])
    assert "drawing is unguided" in "\n".join(rows)
    growth_picture(tmp_path / "growth.png", result, growth.AXES)
    assert (tmp_path / "growth.png").stat().st_size > 10_000
