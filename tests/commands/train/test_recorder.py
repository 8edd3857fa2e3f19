"""The recorder of a training: rows, warnings and the best checkpoint, from where it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ddpm.commands.train.recorder import Recorder
from ddpm.config import TrainingConfig
from ddpm.runs import RunFolder, read_metrics
from ddpm.training.faults import NotFiniteError
from ddpm.training.recovery import StartPoint

TRAINING = TrainingConfig(steps=10, batch_size=4)
COPIES = {"copies": 0.9, "copies_heldout": 0.0, "neighbor_ratio": 0.1}


@pytest.fixture
def run() -> RunFolder:
    """A run whose log has a held-out loss at step 2 and a row after step 3."""
    made = RunFolder(Path("run"))
    made.root.mkdir()
    rows = [{"step": 1, "loss": 0.9}, {"step": 2, "heldout_loss": 0.5}, {"step": 4, "loss": 0.1}]
    made.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return made


def test_rows_after_the_start_are_dropped_and_new_ones_written(run: RunFolder) -> None:
    with Recorder(run, TRAINING, StartPoint(3), epoch_size=40) as recorder:
        recorder.write({"step": 4, "loss": torch.tensor(0.25)})
        recorder.write({"step": 4, "heldout_loss": torch.tensor(0.75)})
        recorder.report(4, {"loss": torch.tensor(0.25)})
    assert [row["step"] for row in read_metrics(run.metrics)] == [1, 2, 4, 4]
    assert read_metrics(run.metrics)[2]["loss"] == 0.25
    assert recorder.best.best_step([2, 4]) == 2  # rows of the file count


def test_a_warning_is_printed_and_written_once(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder(run, TRAINING, StartPoint(3), epoch_size=40) as recorder:
        recorder.write({"step": 4, **COPIES})
        recorder.write({"step": 5, **COPIES})
    printed = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(printed) == 1 and printed[0].startswith("warning at step 4: memorization begins")
    warnings = [row["step"] for row in read_metrics(run.metrics) if "warning" in row]
    assert warnings == [4]


def test_a_number_that_is_not_finite_ends_the_recording(run: RunFolder) -> None:
    with (
        pytest.raises(NotFiniteError, match="At step 4 the loss became nan"),
        Recorder(run, TRAINING, StartPoint(3), epoch_size=40) as recorder,
    ):
        recorder.write({"step": 4, "loss": torch.tensor(torch.nan)})
    assert [row["step"] for row in read_metrics(run.metrics)] == [1, 2]
