"""Pieces of one measurement lie in one folder, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine, time_to_quality
from benchmarks.results import read, write
from benchmarks.time_to_quality import (
    Plan,
    check_plan,
    check_threads,
    gather,
    our_piece,
    peer_pieces,
    peer_rate,
)


def plan(out: Path) -> Plan:
    return Plan(out, "mnist", "mnist", 30.0, (30.0,), (0,), n=2000, steps=20, threads=2)


def test_a_peer_is_scored_at_a_third_of_its_minutes_and_at_the_end(tmp_path: Path) -> None:
    assert plan(tmp_path).snapshots == [10, 30]


def test_a_folder_keeps_to_its_settings(tmp_path: Path) -> None:
    check_plan(plan(tmp_path))
    check_plan(replace(plan(tmp_path), budgets=(60.0,), seeds=(1,)))  # more pieces are welcome
    with pytest.raises(SystemExit, match="choose another --out"):
        check_plan(replace(plan(tmp_path), n=200))


def test_times_are_taken_with_one_number_of_threads(tmp_path: Path) -> None:
    asked = plan(tmp_path)
    check_plan(asked)
    check_plan(replace(asked, threads=1))  # a peer's counted steps may take any
    check_threads(asked)
    check_plan(replace(asked, threads=1))
    with pytest.raises(SystemExit, match=r"taken with 2 threads, not 1; set OMP_NUM_THREADS"):
        check_threads(replace(asked, threads=1))
    check_threads(asked)


def test_a_folder_of_before_is_asked_for_the_threads_of_its_rates(tmp_path: Path) -> None:
    write(tmp_path / "settings.json", {"data": "mnist", "preset": "mnist", "n": 2000, "steps": 20})
    write(tmp_path / "diffusers" / "rate.json", {"steps_a_second": 0.5, "threads": 2})
    check_plan(plan(tmp_path))
    with pytest.raises(SystemExit, match="taken with 2 threads, not 4"):
        check_threads(replace(plan(tmp_path), threads=4))
    check_threads(plan(tmp_path))
    assert read(tmp_path / "settings.json")["threads"] == 2


class Peer:
    """Stands in for a peer's process; starting it is an event."""

    events: list[str]

    def __init__(self, setup: object) -> None:
        self.events.append("a process starts")

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, do: str, steps: int = 30, **_: object) -> dict[str, Any]:
        return {"steps": steps, "seconds": 60.0}


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens: the machine is looked at, a process starts."""
    found = Peer.events = []

    def describe(threads: int, warn: bool = True) -> dict[str, Any]:
        found.append("the machine is described")
        return {"threads": threads, "load_before": 0.1, "commit": "abc"}

    monkeypatch.setattr(machine, "describe", describe)
    monkeypatch.setattr(time_to_quality, "Worker", Peer)
    monkeypatch.setattr(time_to_quality, "export_images", lambda data, file: None)
    return found


def test_a_peer_s_load_is_not_that_of_its_own_minute(tmp_path: Path, events: list[str]) -> None:
    assert peer_rate(plan(tmp_path), "diffusers") == 0.5
    assert events == ["the machine is described", "a process starts"]
    rate = read(tmp_path / "diffusers" / "rate.json")
    assert rate == {"steps_a_second": 0.5, "threads": 2, "load_before": 0.1, "commit": "abc"}


def test_every_piece_says_what_it_was_made_on(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_to_quality, "_ddpm", lambda *words: events.append("ddpm runs"))
    row = {"batch": 64, "seconds": 25.0, "step": 200}
    monkeypatch.setattr(time_to_quality, "read_metrics", lambda file: [row])
    peer_pieces(plan(tmp_path), "diffusers")
    our_piece(plan(tmp_path), 30.0, 0)
    assert events[-3:] == ["the machine is described", "ddpm runs", "ddpm runs"]
    for note in ("diffusers/10min.json", "diffusers/30min.json", "ours/30s-seed0/note.json"):
        assert read(tmp_path / note)["machine"]["commit"] == "abc"
    with pytest.raises(SystemExit, match="taken with 2 threads"):
        our_piece(replace(plan(tmp_path), threads=1), 60.0, 0)


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
