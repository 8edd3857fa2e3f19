"""The run folder: its names, its checkpoints, its rows, and what a damaged one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.runs import RunFolder, list_runs, read_metrics
from tests.examples import examples


def begin(folder: Path) -> RunFolder:
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.config.write_text("{}", encoding="utf-8")
    return run


def test_asking_for_a_path_creates_nothing(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    paths = [run.config, run.environment, run.metrics, run.checkpoint(5), run.preview(5)]
    paths += [run.samples, run.tensorboard, *run.pictures(True)]
    assert all(run.root in path.parents for path in paths)
    assert len(set(paths)) == len(paths)
    assert not run.exists() and run.checkpoint_steps() == [] and run.load_environment() == {}
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=examples(20), deadline=None)
@given(st.sets(st.integers(0, 10**10), max_size=6))
def test_checkpoint_names_and_steps_are_inverse(
    tmp_path_factory: pytest.TempPathFactory, steps: set[int]
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    for step in steps:
        run.checkpoint(step).mkdir(parents=True)
    assert run.checkpoint_steps() == sorted(steps)


def test_other_folders_are_no_checkpoints(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.checkpoint(3).mkdir(parents=True)
    for name in ("step-", "step-x", "step-00000004-old", ".tmp-step-00000005", "other"):
        (run.checkpoints / name).mkdir()
    assert run.checkpoint_steps() == [3]


def test_runs_are_folders_with_a_configuration(tmp_path: Path) -> None:
    for name in ("b", "a", "größe 2"):
        begin(tmp_path / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert [run.root.name for run in list_runs(tmp_path)] == ["a", "b", "größe 2"]
    assert list_runs(tmp_path / "absent") == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "\0\0"])
def test_a_damaged_environment_is_an_empty_one(tmp_path: Path, text: str) -> None:
    run = begin(tmp_path / "run")
    run.environment.write_text(text, encoding="utf-8")
    assert run.load_environment() == {}


def test_rows_survive_with_unicode_line_ends_in_them(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": 0.1}, {"step": 2, "note": "a\u2028b\x0c"}]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "rows").write_text(text, encoding="utf-8")
    assert read_metrics(tmp_path / "rows") == rows
    assert read_metrics(tmp_path / "absent") == []


@settings(max_examples=examples(40), deadline=None)
@given(cut=st.integers(0, 60))
def test_a_half_written_last_line_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    lines = [json.dumps({"step": step, "loss": step / 7}) for step in (1, 2)]
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_text("\n".join(lines)[:cut], encoding="utf-8")
    whole = [
        json.loads(line) for n, line in enumerate(lines, 1) if cut >= len("\n".join(lines[:n]))
    ]
    assert read_metrics(path) == whole


@pytest.mark.parametrize("damage", ["\0\0\0", "{", "5", "[]", "{}", '{"step": "3"}', "\ufffd"])
def test_a_damaged_line_costs_only_itself(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rows"
    path.write_text(f'{{"step": 1}}\n{damage}\n{{"step": 3}}\n', encoding="utf-8")
    assert [row["step"] for row in read_metrics(path)] == [1, 3]
    path.write_bytes(b'{"step": 1}\n\xff\xfe\n')  # not UTF-8
    assert read_metrics(path) == [{"step": 1}]
