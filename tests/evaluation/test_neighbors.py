from __future__ import annotations

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.neighbors import ball_radii, distance_blocks


def test_distances_are_those_of_each_pair_however_far_from_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 4, generator=generator).double() + 1e4
    y = torch.randn(20, 4, generator=generator).double() + 1e4
    blocks = list(distance_blocks(x, y))
    assert [len(block) for block in blocks] == [1024, 476]
    expected = (x[:, None] - y).square().sum(dim=2).sqrt()
    torch.testing.assert_close(torch.cat(blocks), expected, rtol=1e-9, atol=1e-9)


def test_radii_on_a_line() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    torch.testing.assert_close(ball_radii(points, 1), torch.tensor([1.0, 1, 2, 4]).double())
    torch.testing.assert_close(ball_radii(points, 2), torch.tensor([3.0, 2, 3, 6]).double())


def test_k_neighbors_need_more_than_k_images() -> None:
    points = torch.arange(3.0)[:, None]
    assert len(ball_radii(points, 2)) == 3
    with pytest.raises(RequestError, match="more than 3 images"):
        ball_radii(points, 3)
