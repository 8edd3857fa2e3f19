"""Trainings that the studio starts: real processes, which outlive whoever started them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ddpm.locking import exclusive_lock
from ddpm.runs import RunFolder
from ddpm.studio.refusals import RefusalError
from ddpm.studio.trainings import Trainings
from tests.studio.live import is_alive, until

SMALL = (
    "network.channels=8",
    "network.attention=[]",
    "sampling.steps=2",
    "training.checkpoint_every=5",
)


def train_words(run: RunFolder, steps: int) -> list[str]:
    more = [word for setting in SMALL for word in ("--set", setting)]
    return ["train", "digits", "--out", str(run.root), "--steps", str(steps), *more]


def test_a_training_is_started_stopped_and_seen_by_another_server(runs: Path) -> None:
    run, first, later = RunFolder(runs / "a"), Trainings(runs, 4), Trainings(runs, 4)
    first.start(run, train_words(run, 10**6))
    assert first.is_running(run) and later.is_running(run)  # before it holds the lock of its run
    assert [found.root for found in later.starting()] == [run.root] or run.exists()
    with pytest.raises(RefusalError, match="being trained already"):
        later.start(run, train_words(run, 10))
    until(lambda: bool(run.checkpoint_steps()))
    pid = later.pid(run)
    assert pid == first.pid(run) and pid and is_alive(pid)
    later.stop(run)
    until(lambda: not first.is_running(run))
    assert run.checkpoint_steps()[-1] < 10**6 and later.failure(run) is None
    assert "Saved at step" in later.output(run)
    with pytest.raises(RefusalError, match="not being trained"):
        first.stop(run)


def test_a_training_that_fails_leaves_its_sentence(runs: Path) -> None:
    run, trainings = RunFolder(runs / "a"), Trainings(runs, 1)
    trainings.start(run, ["train", "digits", "--out", str(run.root), "--data", "nowhere"])
    other = RunFolder(runs / "b")
    with pytest.raises(RefusalError, match="limit") as error:
        trainings.start(other, train_words(other, 10))
    assert error.value.status == 429
    until(lambda: not trainings.is_running(run))
    ((failed, sentence),) = Trainings(runs, 1).failed_starts()
    assert failed.root == run.root and "nowhere" in sentence and not sentence.startswith("ddpm")
    trainings.forget(run)
    assert trainings.failed_starts() == []


def test_a_training_of_a_terminal_is_seen_by_its_lock(runs: Path) -> None:
    run, trainings = RunFolder(runs / "a"), Trainings(runs, 1)
    run.root.mkdir()
    assert not trainings.is_running(run)
    with exclusive_lock(run.lock, "the run"):
        assert trainings.pid(run) == os.getpid()
    run.lock.write_bytes(b" 1\n")  # left by a process that was killed
    assert not trainings.is_running(run) and trainings.failure(run) is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": "x"}', "[" * 10**4])
def test_a_damaged_record_is_none(content: str, runs: Path) -> None:
    folder = runs / ".studio" / "trainings"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(content, "utf-8")
    trainings, run = Trainings(runs, 1), RunFolder(runs / "a")
    assert trainings.starting() == trainings.failed_starts() == []
    assert trainings.pid(run) is None and trainings.output(run) == ""


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("loss 0.5\nddpm: The disk is full.\n", "The disk is full."),
        ("Saved at step 5 of 9.\n", None),
        ("ddpm: Stopped. Nothing is damaged; run the same command again.\n", None),
        (
            "Traceback (most recent call last):\n  x\nKeyError: 'a\x1b[31m'\n",
            "KeyError: 'a\\x1b[31m'",
        ),
        ("bar\r\x1b[Kddpm: \u202eevil\n", None),
    ],
)
def test_the_last_words_tell_how_it_ended(output: str, sentence: str | None, runs: Path) -> None:
    folder = runs / ".studio" / "trainings"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"run": "a", "pid": 1}), "utf-8")
    (folder / "a.log").write_bytes(output.encode())
    found = Trainings(runs, 1).failure(RunFolder(runs / "a"))
    assert found is None if sentence is None else sentence in str(found)
    assert Trainings(runs, 1).output(RunFolder(runs / "a")).replace("\n", "").isprintable()
