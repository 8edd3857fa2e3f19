"""Initial values of weights."""

from __future__ import annotations

import torch
from torch import nn

from ddpm.networks.initialization import zero_init


def test_zero_init_empties_weight_and_bias() -> None:
    layer = zero_init(nn.Conv2d(2, 3, 3))
    assert all(not parameter.any() for parameter in layer.parameters())


def test_zero_init_draws_the_numbers_that_the_layer_draws() -> None:
    """Weights that are drawn after it keep their values."""
    torch.manual_seed(0)
    nn.Linear(3, 2)
    expected = torch.rand(2)
    torch.manual_seed(0)
    zero_init(nn.Linear(3, 2))
    assert torch.equal(torch.rand(2), expected)
