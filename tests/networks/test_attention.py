"""Attention: both ways of computing it agree, and heads share the channels."""

from __future__ import annotations

import pytest
import torch

from ddpm.networks.attention import MIN_FUSED_LENGTH, attend, head_count


@pytest.mark.parametrize("positions", [MIN_FUSED_LENGTH, MIN_FUSED_LENGTH + 1])
def test_both_ways_of_attention_agree_forward_and_backward(positions: int) -> None:
    given = torch.randn(3, 2, 2, positions, 8, dtype=torch.float64)
    ours, theirs = given.clone().requires_grad_(), given.clone().requires_grad_()
    mixed = attend(*ours)
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs)
    torch.testing.assert_close(mixed, expected, rtol=1e-6, atol=1e-6)  # the softmax is in float32
    mixed.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("width", "heads"), [(8, 1), (64, 1), (96, 1), (128, 2), (129, 1), (192, 3)]
)
def test_heads_have_about_64_channels_and_share_them_evenly(width: int, heads: int) -> None:
    assert head_count(width) == heads
