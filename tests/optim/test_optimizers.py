"""The learning rate in closed form; the optimizer's state to a file and back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ddpm.config import TrainingConfig
from ddpm.optim.muon import Muon
from ddpm.optim.optimizers import FINAL_RATE, learning_rate, make_optimizer
from tests.examples import examples
from tests.optim.steps import KINDS, make

PLAIN = TrainingConfig(steps=1000, warmup=100, learning_rate=0.5, decay="none")


@pytest.mark.parametrize("decay", ["none", "cosine", "linear"])
def test_warm_up_is_a_straight_line_from_the_first_step(decay: str) -> None:
    training = replace(PLAIN, decay=decay)
    for step in (1, 50, 99, 100):
        assert learning_rate(step, training) == pytest.approx(0.5 * step / 100)


@pytest.mark.parametrize(
    ("decay", "quarter", "half", "end"),
    [
        ("none", 1.0, 1.0, 1.0),
        ("linear", 0.75, 0.5, 0.0),
        ("cosine", 0.5 * (1 + math.sqrt(0.5)), 0.5, 0.0),
    ],
)
def test_decay_at_its_quarter_middle_and_end(
    decay: str, quarter: float, half: float, end: float
) -> None:
    training = replace(PLAIN, decay=decay)
    for step, share in ((325, quarter), (550, half), (1000, end), (5000, end)):
        expected = 0.5 * (FINAL_RATE + (1 - FINAL_RATE) * share)
        assert learning_rate(step, training) == pytest.approx(expected)


def test_without_warm_up_the_first_step_is_the_full_rate() -> None:
    assert learning_rate(1, replace(PLAIN, warmup=0)) == 0.5
    assert learning_rate(1, replace(PLAIN, warmup=0, decay="linear", steps=1)) == 0.5 * FINAL_RATE


@settings(deadline=None, max_examples=examples(50))
@given(
    step=st.integers(1, 3000),
    steps=st.integers(1, 2000),
    warmup=st.integers(0, 2500),
    decay=st.sampled_from(["none", "cosine", "linear", "inverse-sqrt"]),
)
def test_the_rate_is_always_positive_and_never_above_the_full_one(
    step: int, steps: int, warmup: int, decay: str
) -> None:
    training = replace(PLAIN, steps=steps, warmup=warmup, decay=decay)
    assert 0 < learning_rate(step, training) <= 0.5


def test_a_larger_total_goes_on_along_its_own_longer_curve() -> None:
    short, long = replace(PLAIN, decay="cosine"), replace(PLAIN, decay="cosine", steps=2000)
    assert learning_rate(1000, short) == pytest.approx(0.5 * FINAL_RATE)
    assert learning_rate(1001, long) > 0.5 * learning_rate(100, long)


def test_the_inverse_root_falls_from_the_warmup_on_whatever_the_total() -> None:
    """Vaswani et al. 2017, Eq. 3, in units of the highest rate."""
    for steps in (100, 10_000):
        training = replace(PLAIN, decay="inverse-sqrt", warmup=10, steps=steps)
        rates = [learning_rate(step, training) / 0.5 for step in (1, 5, 10, 40, 90)]
        assert rates == pytest.approx([0.1, 0.5, 1, 1 / 2, 1 / 3])


def test_each_name_makes_its_optimizer() -> None:
    kinds = [type(make(kind)[1]) for kind in KINDS]
    assert kinds == [torch.optim.Adam, torch.optim.AdamW, Muon]


@pytest.mark.parametrize("kind", KINDS)
def test_settings_reach_the_optimizer(kind: str) -> None:
    training = TrainingConfig(
        optimizer=kind,  # type: ignore[arg-type]
        learning_rate=0.03,
        betas=(0.7, 0.8),
        weight_decay=0.2,
    )
    (group,) = make_optimizer([nn.Parameter(torch.zeros(2))], training).param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.03, (0.7, 0.8), 0.2)
