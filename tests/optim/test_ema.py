"""The moving average against its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ddpm.optim.ema import Ema, decay_at


def line(weight: float) -> nn.Linear:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, weight)
    return network


@pytest.mark.parametrize(
    ("decay", "step", "expected"),
    [
        (0.999, 1, 2 / 11),
        (0.999, 90, 91 / 100),
        (0.999, 10_000, 0.999),
        (0.5, 7, 8 / 17),
        (0.5, 8, 0.5),
    ],
)
def test_decay_is_warmed_up_to_its_value(decay: float, step: int, expected: float) -> None:
    assert decay_at(decay, step) == pytest.approx(expected)


def test_warm_up_ends_where_the_two_formulas_cross() -> None:
    crossing = (10 * 0.99 - 1) / (1 - 0.99)  # (1 + n) / (10 + n) = 0.99
    assert decay_at(0.99, math.floor(crossing) - 1) < 0.99
    assert decay_at(0.99, math.ceil(crossing) + 1) == 0.99


def test_constant_weights_are_approached_by_the_product_of_the_decays() -> None:
    network = line(0.0)
    ema = Ema(network, 0.9)
    nn.init.constant_(network.weight, 1.0)
    left = 1.0
    for step in range(1, 101):
        ema.update(step)
        left *= min(0.9, (1 + step) / (10 + step))
        assert ema.network.weight.item() == pytest.approx(1 - left, abs=1e-6)


def test_steadily_growing_weights_are_followed_at_a_constant_distance() -> None:
    network = line(0.0)
    ema = Ema(network, 0.8)
    for step in range(1, 201):
        nn.init.constant_(network.weight, float(step))
        ema.update(step)
    assert ema.network.weight.item() == pytest.approx(200 - 0.8 / 0.2, abs=1e-3)


def test_without_decay_the_average_is_the_network_itself() -> None:
    network = line(1.0)
    ema = Ema(network, 0.0)
    assert ema.network is network
    ema.update(1)
    assert network.weight.item() == 1.0 and network.weight.requires_grad


def test_the_average_is_a_frozen_copy_in_evaluation_mode() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    ema = Ema(network, 0.9)
    assert ema.network is not network and not ema.network.training and network.training
    assert not any(parameter.requires_grad for parameter in ema.network.parameters())
    assert all(
        torch.equal(a, b)
        for a, b in zip(ema.network.parameters(), network.parameters(), strict=True)
    )


def test_buffers_are_taken_over_as_they_are() -> None:
    network = nn.BatchNorm1d(2)
    ema = Ema(network, 0.9)
    network(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    ema.update(1)
    assert torch.equal(ema.network.running_mean, network.running_mean)
    assert int(ema.network.num_batches_tracked) == 1
