"""What several processes cannot train together is refused before anything begins."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from ddpm import distributed
from ddpm.config import Config, TrainingConfig
from ddpm.errors import RequestError
from ddpm.optim.parallel import all_reduce_step, check_multi_process, step_on_all_ranks
from ddpm.presets import get_preset


@pytest.fixture
def second_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_world", distributed._World(1, 4, 1, None))


def test_alone_everything_can_be_trained() -> None:
    check_multi_process(get_preset("dcgan-mnist").config)
    check_multi_process(Config(training=TrainingConfig(batch_size=1)))


def test_a_batch_must_have_an_image_for_each(second_of_four: None) -> None:
    check_multi_process(Config(training=TrainingConfig(batch_size=4)))
    with pytest.raises(RequestError, match="A batch of 3 images cannot be split over 4 processes"):
        check_multi_process(Config(training=TrainingConfig(batch_size=3)))


def test_other_families_are_trained_by_one(second_of_four: None) -> None:
    with pytest.raises(RequestError, match="batch normalization needs the whole batch"):
        check_multi_process(get_preset("dcgan-mnist").config)
    with pytest.raises(RequestError, match="A few-step student is trained by one process"):
        check_multi_process(replace(Config(), model="student"))  # type: ignore[arg-type]


def test_alone_losses_and_gradients_stay_as_they_are() -> None:
    network, losses = nn.Linear(1, 1), torch.ones(3)
    assert all_reduce_step(losses, 3, network) is losses


def test_alone_errors_stay_as_they_are() -> None:
    with pytest.raises(MemoryError), step_on_all_ranks():
        raise MemoryError


def test_an_error_of_one_of_several_ends_it_in_a_sentence(second_of_four: None) -> None:
    for error, words in (
        (torch.OutOfMemoryError("CUDA out of memory"), "Process 1 ran out of memory in a step"),
        (RuntimeError("DefaultCPUAllocator: not enough"), "Process 1 ran out of memory in a step"),
        (RuntimeError("odd"), r"Process 1 failed within a step \(odd\)"),
    ):
        with pytest.raises(distributed.ProcessLostError, match=words), step_on_all_ranks():
            raise error


def test_an_error_of_all_stays_as_it_is(second_of_four: None) -> None:
    error = torch.OutOfMemoryError("no memory")
    error.__dict__[distributed._RAISED_ON_ALL] = True
    with pytest.raises(torch.OutOfMemoryError), step_on_all_ranks():
        raise error
    with pytest.raises(RequestError), step_on_all_ranks():
        raise RequestError("wrong")
