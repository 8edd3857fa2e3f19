"""Steps, epochs and minutes: one number of steps, fixed before the first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ddpm.config import Config, TrainingConfig
from ddpm.training import budget
from ddpm.training.budget import (
    OVERHEAD,
    TRIAL_SECONDS,
    TRIAL_WARMUP,
    seconds_per_step,
    with_requested_total,
    with_total_steps,
)


def config(**training: Any) -> Config:
    return Config(training=TrainingConfig(**training))


def never(seconds: float) -> float:
    raise AssertionError("nothing is to be measured")


def total(asked: Config, images: int = 1000, fixed: bool = False, step: float = 0.1) -> int:
    measured = with_total_steps(
        asked, fixed=fixed, images=images, measure_step=lambda seconds: step
    )
    assert replace(measured.training, steps=asked.training.steps) == asked.training
    return measured.training.steps


def test_steps_stay_steps() -> None:
    assert with_total_steps(config(steps=7), fixed=False, images=3, measure_step=never) == config(
        steps=7
    )


@given(
    epochs=st.integers(1, 200), images=st.integers(1, 100_000), batch=st.integers(1, 2000)
)  # fmt: skip
def test_epochs_cover_every_image_and_no_step_more(epochs: int, images: int, batch: int) -> None:
    asked = config(epochs=float(epochs), batch_size=batch)
    steps = with_total_steps(asked, fixed=False, images=images, measure_step=never).training.steps
    assert steps * batch >= epochs * images > (steps - 1) * batch


@pytest.mark.parametrize(
    ("epochs", "images", "batch", "steps"),
    [(30, 60_000, 128, 14_063), (1, 128, 128, 1), (1, 129, 128, 2), (0.5, 100, 10, 5), (0.01, 100, 10, 1)],
)  # fmt: skip
def test_epochs_by_hand(epochs: float, images: int, batch: int, steps: int) -> None:
    assert total(config(epochs=epochs, batch_size=batch), images) == steps


def test_minutes_are_what_the_trial_leaves_of_them() -> None:
    expected = int((600 - TRIAL_SECONDS) * (1 - OVERHEAD) / 0.1)
    assert total(config(minutes=10.0)) == expected
    assert total(config(minutes=0.1)) == int((6 - 0.6) * (1 - OVERHEAD) / 0.1)  # a tenth at most


@pytest.mark.parametrize(("minutes", "trial"), [(10, 8.0), (1.4, 8.0), (1, 6.0), (0.1, 0.6)])
def test_the_trial_is_short_against_the_minutes(minutes: float, trial: float) -> None:
    asked: list[float] = []

    def measure(seconds: float) -> float:
        asked.append(seconds)
        return 1.0

    with_total_steps(config(minutes=minutes), fixed=False, images=1, measure_step=measure)
    assert asked == [pytest.approx(trial)]


@given(st.floats(0.001, 1e4), st.floats(1e-4, 1e3))
def test_minutes_give_at_least_one_step_and_never_too_many(minutes: float, step: float) -> None:
    steps = total(config(minutes=minutes), step=step)
    assert steps >= 1
    assert steps == 1 or steps * step <= 60 * minutes


def test_minutes_come_before_epochs() -> None:
    assert total(config(minutes=1.0, epochs=3.0)) == total(config(minutes=1.0))


def test_fixed_minutes_are_not_measured_again() -> None:
    asked = config(minutes=10.0, steps=77)
    assert with_total_steps(asked, fixed=True, images=10, measure_step=never) == asked


@given(steps=st.integers(1, 10**7), minutes=st.floats(1e-3, 1e5))
def test_the_same_minutes_keep_their_steps(steps: int, minutes: float) -> None:
    own = config(minutes=minutes, steps=steps)
    assert with_requested_total(own, config(minutes=minutes)) == own


@given(steps=st.integers(1, 10**6), minutes=st.floats(0.01, 1e3), factor=st.integers(2, 20))
def test_more_minutes_scale_the_steps(steps: int, minutes: float, factor: int) -> None:
    own = config(minutes=minutes, steps=steps)
    asked = with_requested_total(own, config(minutes=factor * minutes))
    assert asked.training.steps == pytest.approx(factor * steps, abs=1)
    assert total(asked, fixed=True) == asked.training.steps


def test_a_new_kind_of_total_replaces_the_old_one() -> None:
    own = config(minutes=10.0, steps=500, learning_rate=0.5)
    by_steps = with_requested_total(own, config(steps=900)).training
    assert (by_steps.steps, by_steps.minutes, by_steps.epochs) == (900, 0.0, 0.0)
    assert by_steps.learning_rate == 0.5  # nothing but the total is taken over
    by_epochs = with_requested_total(own, config(epochs=2.0, batch_size=10))
    assert by_epochs.training.batch_size == own.training.batch_size
    assert total(by_epochs, images=1280, fixed=True) == 20
    by_minutes = with_requested_total(config(steps=900), config(minutes=1.0))
    assert total(by_minutes, fixed=False) == total(config(minutes=1.0))


@dataclass
class Trial:
    """A model and batches under a clock of their own: warm-up steps are ten times slower."""

    now: float = 0.0
    steps: list[int] = field(default_factory=list)
    spec: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(config=config(steps=5)))

    def batch(self, step: int) -> tuple[Tensor, None]:
        return torch.zeros(2, 1, 4, 4, dtype=torch.uint8), None

    def set_total_steps(self, config: Config) -> None:
        self.spec.config = config

    def training_step(self, images: Tensor, labels: None, step: int) -> dict[str, Tensor]:
        assert images.dtype == torch.float32  # in model range
        self.steps.append(step)
        self.now += 5.0 if step <= TRIAL_WARMUP else 0.5
        return {"loss": torch.tensor(1.0)}


@pytest.mark.parametrize(("seconds", "timed"), [(4.0, 8), (3.9, 8), (0.1, 1), (0.0, 1)])
def test_the_trial_leaves_the_warm_up_out(
    monkeypatch: pytest.MonkeyPatch, seconds: float, timed: int
) -> None:
    trial: Any = Trial()
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: trial.now))
    measured = seconds_per_step(trial, trial, seconds)
    assert math.isclose(measured, 0.5)
    assert trial.steps == list(range(1, TRIAL_WARMUP + timed + 1))
    share = trial.steps[-1] / trial.spec.config.training.steps
    assert share < 1e-6  # far before the last steps of a student, which drift and take another time
