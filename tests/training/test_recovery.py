"""Recovery from failed steps: what is adjusted, where training resumes, what the errors say."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ddpm.config import Config, with_overrides
from ddpm.distributed import ProcessLostError
from ddpm.errors import WorkError
from ddpm.messages import message, sentence
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import Checkpoint
from ddpm.training.faults import NotFiniteError, OutOfMemoryError
from ddpm.training.recovery import Adjustments, StartPoint, explained_errors

NO_MEMORY = OutOfMemoryError(message("out_of_memory", step=3))
NOT_FINITE = NotFiniteError(message("not_finite", step=3, quantity="loss", value="nan"))
CONFIG = with_overrides(Config(), ["training.batch_size=6", "training.learning_rate=0.01"])


def test_the_learning_rate_is_halved_once() -> None:
    halved = Adjustments().after(NOT_FINITE, CONFIG)
    assert halved.applied(CONFIG).training.learning_rate == 0.005
    assert sentence(halved.describe(NOT_FINITE, CONFIG)) == "at half the learning rate"
    with pytest.raises(WorkError, match=r"halved already\. Train again with a lower training"):
        halved.after(NOT_FINITE, CONFIG)


def test_micro_batches_are_halved_down_to_one_image() -> None:
    adjustments, parts = Adjustments(rate=0.5), []
    for _ in range(3):
        adjustments = adjustments.after(NO_MEMORY, CONFIG)
        parts.append(adjustments.applied(CONFIG).training.accumulate)
    assert parts == [2, 4, 6] and adjustments.rate == 0.5
    assert "micro-batches of 1 " in sentence(adjustments.describe(NO_MEMORY, CONFIG))
    with pytest.raises(WorkError, match="One image at a time does not fit either"):
        adjustments.after(NO_MEMORY, CONFIG)


@pytest.mark.parametrize("adjustments", [Adjustments(), Adjustments(0.5), Adjustments(1.0, 4)])
def test_checkpoints_record_the_adjustments(adjustments: Adjustments) -> None:
    progress = {"step": 5, "seconds": 2.0, **adjustments.row()}
    assert len(adjustments.row()) == (0 if adjustments == Adjustments() else 2)
    found = Checkpoint({}, ModelSpec(CONFIG, (1, 2, 2), (0.0,), 1.0), progress)
    assert StartPoint.at(found) == StartPoint(5, 2.0, adjustments)
    assert StartPoint.at(found, Adjustments(0.5, 2)).adjustments == Adjustments(0.5, 2)
    assert StartPoint.at(None) == StartPoint()


def test_the_log_says_why_a_run_went_back() -> None:
    start = StartPoint(2, adjustments=Adjustments(0.5)).with_warning(NOT_FINITE, CONFIG)
    [row] = start.rows()
    assert row["step"] == 3
    assert sentence(row["warning"]) == (
        "At step 3 the loss became nan; the run went back to step 2 and continues at half the learning rate"
    )
    assert StartPoint(2).rows() == []


def explained(run: RunFolder, error: Exception) -> str:
    with pytest.raises(WorkError) as caught, explained_errors(run):
        raise error
    return str(caught.value)


def test_errors_say_which_checkpoint_is_intact_and_how_to_continue() -> None:
    run = RunFolder(Path("run"))
    full = OSError(errno.ENOSPC, "No space left on device", "run/metrics.jsonl")
    where = "run/metrics.jsonl: No space left on device. "
    intact = "The checkpoint of step 20 is intact. "
    advice = "Check the free space and the permissions there, then run the same command again to continue."
    assert explained(run, full) == where + advice
    run.checkpoint(20).mkdir(parents=True)
    assert explained(run, full) == where + intact + advice
    assert explained(run, WorkError("It diverged.")) == f"It diverged. {intact.strip()}"


def test_the_loss_of_a_process_is_reported_as_it_is() -> None:
    lost = ProcessLostError("Another process has ended.")
    with pytest.raises(ProcessLostError) as caught, explained_errors(RunFolder(Path("run"))):
        raise lost
    assert caught.value is lost
