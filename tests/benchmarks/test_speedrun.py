"""The speedrun: what is run, what is recorded, and what is refused."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine, speedrun
from benchmarks.results import read
from benchmarks.speedrun import RECORDS, attempt_of, finished_rows, main, table

METRICS = RECORDS["mnist-10min"].metrics


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The `ddpm` commands in place of which files like theirs are written."""
    calls: list[tuple[str, ...]] = []

    def ddpm(*words: str) -> None:
        calls.append(words)
        after = dict(pairwise(words))
        if words[0] == "train":
            run = Path(after["--out"])
            run.mkdir()
            rows = [{"step": i, "batch": 64, "seconds": 0.5 * i, "loss": 1.0} for i in (1, 2)]
            (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
        if words[0] == "evaluate":
            scores = [
                {"metric": name, "label": name, "value": 6.0, "low": 5.0, "high": 7.0,
                 "floor": 3.0, "ratio": 2.0, "n": 50}
                for name in METRICS
            ]  # fmt: skip
            Path(after["--json"]).write_text(json.dumps({"rows": scores}), "utf-8")

    monkeypatch.setattr(speedrun, "_ddpm", ddpm)
    monkeypatch.setattr(machine, "describe", _describe)
    return calls


def _describe(threads: int, warn: bool = True) -> dict[str, Any]:
    return {"processor": "p", "cores": 2, "threads": threads, "python": "3", "torch": "2",
            "commit": "c", "load_before": 0.0}  # fmt: skip


WORDS = ["--record", "mnist-10min", "--out", "out", "--seeds", "0,1"]


def test_each_seed_trains_for_the_minutes_draws_and_is_scored(
    commands: list[tuple[str, ...]], workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(WORDS)
    assert [words[0] for words in commands] == ["train", "sample", "evaluate"] * 2
    train, sample, evaluate = commands[3:]
    assert train[1:4] == ("mnist", "--data", "mnist")
    assert train[train.index("--minutes") + 1] == "10"
    assert "training.seed=1" in train
    assert sample[sample.index("-n") + 1] == evaluate[evaluate.index("-n") + 1] == "10000"
    assert sample[sample.index("--seed") + 1] == "0"  # seeds of the images are never chosen
    row = read(Path("out/ours/seed1/row.json"))
    assert (row["steps"], row["images_per_second"]) == (2, 128.0)
    printed = capsys.readouterr().out
    assert "| mean |" in printed and "**2.00**" in printed


def test_finished_seeds_are_not_repeated(commands: list[tuple[str, ...]], workplace: Path) -> None:
    main(WORDS)
    commands.clear()
    main([*WORDS[:-1], "0,1,2"])
    assert [words[0] for words in commands] == ["train", "sample", "evaluate"]
    commands.clear()
    main([*WORDS, "--markdown"])
    assert commands == []


@pytest.mark.parametrize(
    "more", [["--set", "network.channels=8"], ["--minutes", "5"], ["-n", "100"], ["--data", "x"]]
)
def test_a_folder_holds_one_attempt(
    commands: list[tuple[str, ...]], workplace: Path, more: list[str]
) -> None:
    main(WORDS)
    with pytest.raises(SystemExit, match="other settings"):
        main([*WORDS, *more])


def test_an_interrupted_seed_starts_again(commands: list[tuple[str, ...]], workplace: Path) -> None:
    left_over = Path("out/ours/seed0/run/checkpoints")
    left_over.mkdir(parents=True)
    main([*WORDS[:-1], "0"])
    assert not left_over.exists()


def test_an_empty_table_says_what_to_run(workplace: Path) -> None:
    with pytest.raises(SystemExit, match="no finished seed"):
        main([*WORDS, "--markdown"])


def test_a_metric_without_interval_or_ratio_has_its_own_row() -> None:
    score = {"value": 0.5, "low": None, "high": None, "floor": 0.1, "ratio": None, "n": 5,
             "label": "m"}  # fmt: skip
    row = {"seed": 0, "steps": 1, "images_per_second": 1.0, "wall": 1.0, "scores": {"m": score},
           "record": "r", "program": "ours", "date": "d", "settings": ["a=1"],
           "machine": _describe(2)}  # fmt: skip
    lines = table([row]).splitlines()
    assert lines[2] == "| 0 | 1 | 1 | 1 | 0.5 | 0.10 | – |"
    assert "settings changed: a=1; n=5" in lines[-1]


def test_records_are_those_of_the_document() -> None:
    text = (machine.ROOT / "docs" / "speedrun.md").read_text("utf-8")
    for name, record in RECORDS.items():
        assert f"`{name}`" in text
        assert f"{record.n:,}" in text


def test_an_attempt_s_rows_are_read_from_its_own_program(workplace: Path) -> None:
    attempt = attempt_of(speedrun.arguments([*WORDS, "--program", "lucidrains"]))
    assert finished_rows(attempt) == []
    assert attempt.folder(3).parent.name == "lucidrains"
