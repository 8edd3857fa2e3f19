"""What `ddpm distill` and `ddpm polish` share: one total, the trained steps, the final configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddpm.commands import teacher_training
from ddpm.commands.polish.polish import PolishRequest
from ddpm.commands.teacher_training import check_one_total, train_from, with_trained_steps
from ddpm.config import Config, TrainingConfig
from ddpm.errors import RequestError


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (PolishRequest("m", minutes=1, steps=2), "--minutes and --steps each set"),
        (
            PolishRequest("m", steps=2, overrides=["training.epochs=1"]),
            "--steps and --set training.epochs each set",
        ),
    ],
)
def test_a_length_given_twice_is_refused(request_: PolishRequest, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        check_one_total(request_)


def test_a_length_given_once_or_not_at_all_is_taken() -> None:
    for request in (PolishRequest("m"), PolishRequest("m", overrides=["training.minutes=1"])):
        check_one_total(request)


def test_a_model_stopped_early_counts_with_the_steps_it_has() -> None:
    config = Config(training=TrainingConfig(steps=100))
    assert with_trained_steps(config, 40).training.steps == 40
    assert with_trained_steps(config, 500).training.steps == 100
    assert with_trained_steps(config, None).training.steps == 100


def test_the_request_changes_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(
        teacher_training.train, "train", lambda *args, **named: calls.append((args, named))
    )
    request = PolishRequest("m", data="other", steps=7, overrides=["training.seed=3"], device="cpu")
    train_from(request, Config(), Path("out"))
    ((config, out), named) = calls[0]
    assert config == replace(
        Config(),
        data=replace(Config().data, path="other"),
        training=replace(Config().training, steps=7, seed=3),
    )
    assert out == Path("out") and named == {"init": "m", "device": "cpu"}
