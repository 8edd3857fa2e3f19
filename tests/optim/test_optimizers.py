"""The learning rate in closed form; the optimizer's state to a file and back."""

from __future__ import annotations

import copy
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
from ddpm.optim.state import load_optimizer_tensors, optimizer_tensors

PLAIN = TrainingConfig(steps=1000, warmup=100, learning_rate=0.5, decay="none")
KINDS = ["adam", "adamw", "muon"]


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


@settings(deadline=None, max_examples=50)
@given(
    step=st.integers(1, 3000),
    steps=st.integers(1, 2000),
    warmup=st.integers(0, 2500),
    decay=st.sampled_from(["none", "cosine", "linear"]),
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


def make(kind: str) -> tuple[nn.Sequential, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(1, 4), nn.Conv2d(4, 2, 1))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training = TrainingConfig(optimizer=kind, learning_rate=0.01, weight_decay=0.1)  # type: ignore[arg-type]
    return network, make_optimizer(network.parameters(), training)


def take_steps(network: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_state_goes_on_bit_for_bit(kind: str) -> None:
    network, optimizer = make(kind)
    take_steps(network, optimizer, range(3))
    tensors = {
        name: tensor.clone(memory_format=torch.contiguous_format)  # as a file stores it
        for name, tensor in optimizer_tensors(optimizer).items()
    }
    resumed, fresh = make(kind)
    resumed.load_state_dict(network.state_dict())
    load_optimizer_tensors(fresh, tensors)
    take_steps(network, optimizer, range(3, 6))
    take_steps(resumed, fresh, range(3, 6))
    for a, b in zip(network.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    ours = optimizer_tensors(optimizer)
    assert all(torch.equal(ours[name], t) for name, t in optimizer_tensors(fresh).items())


@pytest.mark.parametrize("kind", KINDS)
def test_loading_copies(kind: str) -> None:
    network, optimizer = make(kind)
    take_steps(network, optimizer, range(1))
    tensors = {name: t.clone() for name, t in optimizer_tensors(optimizer).items()}
    before = copy.deepcopy(tensors)
    load_optimizer_tensors(optimizer, tensors)
    take_steps(network, optimizer, range(1, 2))
    assert all(torch.equal(tensors[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("adam", {"exp_avg", "exp_avg_sq", "step"}),
        ("adamw", {"exp_avg", "exp_avg_sq", "step"}),
        ("muon", {"momentum", "exp_avg", "exp_avg_sq", "step"}),
    ],
)
def test_state_is_flat_named_tensors(kind: str, names: set[str]) -> None:
    network, optimizer = make(kind)
    assert optimizer_tensors(optimizer) == {}
    take_steps(network, optimizer, range(1))
    keys = [key.split(".") for key in optimizer_tensors(optimizer)]
    assert {int(index) for index, _ in keys} == set(range(len(list(network.parameters()))))
    assert {name for _, name in keys} == names


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
