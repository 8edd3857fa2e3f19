"""The newest intact checkpoint of a run, and the way back to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.loading.checkpoints import load_into, newest_checkpoint, restore_last_good
from ddpm.models.ddpm import Ddpm
from ddpm.runs import RunFolder
from ddpm.training import checkpoint
from ddpm.training.recovery import Adjustments, StartPoint

MakeDdpm = Callable[..., Ddpm]


@pytest.fixture
def model(small_ddpm: MakeDdpm) -> Ddpm:
    return small_ddpm(awake=True)


@pytest.fixture
def run(model: Ddpm) -> RunFolder:
    """A run with the checkpoints of steps 10 and 20."""
    made = RunFolder(Path("runs") / "mine")
    for step in (10, 20):
        progress = {"step": step, "seconds": float(step)}
        checkpoint.save(made.checkpoint(step), model.state(), model.spec, progress)
    return made


def test_a_checkpoint_under_the_name_of_another_step_is_damaged(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run.checkpoint(10), run.checkpoint(30))
    found = newest_checkpoint(run)
    assert found is not None and found.progress["step"] == 20
    error = capsys.readouterr().err
    assert "step-00000030 is damaged: its state is of step 10. Using the previous" in error


def test_weights_of_another_network_are_refused(model: Ddpm, small_ddpm: MakeDdpm) -> None:
    with pytest.raises(
        RequestError, match=r"weights of runs/x belong to another network\. Use the"
    ):
        load_into(model, small_ddpm("network.channels=16").state(), "runs/x")


def test_a_failed_training_goes_back_to_the_newest_checkpoint(run: RunFolder, model: Ddpm) -> None:
    config, saved = model.spec.config, checkpoint.load(run.checkpoint(20)).state["weights"]
    for parameter in model.learner.network.parameters():
        parameter.data.fill_(torch.nan)
    adjustments = Adjustments(rate=0.5)
    start = restore_last_good(run, model, config, lambda: model, adjustments)
    assert start == StartPoint(20, 20.0, adjustments)
    assert all(
        torch.equal(tensor, saved[name]) for name, tensor in model.state()["weights"].items()
    )
    rate = config.training.learning_rate
    assert model.spec.config.training.learning_rate == 0.5 * rate


def test_without_a_checkpoint_it_goes_back_to_the_initial_state(
    model: Ddpm, small_ddpm: MakeDdpm
) -> None:
    initial, adjustments = small_ddpm(), Adjustments(accumulate=2)
    run = RunFolder(Path("runs") / "new")
    start = restore_last_good(run, model, model.spec.config, lambda: initial, adjustments)
    assert start == StartPoint(0, 0.0, adjustments)
    weights, expected = model.state()["weights"], initial.state()["weights"]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights.items())
