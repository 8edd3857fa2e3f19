"""Pieces of one measurement lie in one folder, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.results import write
from benchmarks.time_to_quality import Plan, check_plan, gather


def plan(out: Path) -> Plan:
    return Plan(out, "mnist", "mnist", 30.0, (30.0,), (0,), n=2000, steps=20, threads=2)


def test_a_peer_is_scored_at_a_third_of_its_minutes_and_at_the_end(tmp_path: Path) -> None:
    assert plan(tmp_path).snapshots == [10, 30]


def test_a_folder_keeps_to_its_settings(tmp_path: Path) -> None:
    check_plan(plan(tmp_path))
    check_plan(replace(plan(tmp_path), budgets=(60.0,), seeds=(1,)))  # more pieces are welcome
    with pytest.raises(SystemExit, match="choose another --out"):
        check_plan(replace(plan(tmp_path), n=200))


def test_pieces_are_gathered_in_order_with_their_scores(tmp_path: Path) -> None:
    for minutes in (5, 30, 10):
        note = tmp_path / "diffusers" / f"{minutes}min.json"
        write(note, {"peer": "diffusers", "minutes": minutes})
        write(note.with_name(f"{minutes}min-score.json"), {"fd": 100 / minutes})
    for name, budget in (("60s-seed0", 60), ("30s-seed0", 30)):
        write(tmp_path / "ours" / name / "note.json", {"budget": budget, "seed": 0})
        write(tmp_path / "ours" / name / "images-score.json", {"fd": 1.0})
    found = gather(plan(tmp_path))
    assert [piece["minutes"] for piece in found["peers"]] == [5, 10, 30]
    assert [piece["score"]["fd"] for piece in found["peers"]] == [20, 10, pytest.approx(100 / 30)]
    assert [piece["budget"] for piece in found["ours"]] == [30, 60]
