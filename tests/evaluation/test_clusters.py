"""k-means against its definition, on groups that are there, and where groups run out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.errors import RequestError
from ddpm.evaluation.clusters import WHITENING_POWER, assign_clusters, fit_whitening, kmeans
from tests.examples import examples


def blobs(sizes: tuple[int, ...], dim: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Groups of these sizes, far apart, shuffled; and which each point is of."""
    generator = torch.Generator().manual_seed(seed)
    groups = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    groups = groups[torch.randperm(len(groups), generator=generator)]
    middles = 20 * torch.randn(len(sizes), dim, generator=generator)
    return middles[groups] + torch.randn(len(groups), dim, generator=generator), groups


def test_separate_groups_are_found_largest_first() -> None:
    for seed in range(5):
        points, groups = blobs((40, 25, 10), seed=seed)
        centers = kmeans(points, 3, seed=seed)
        assert torch.equal(assign_clusters(points, centers), groups)
        means = torch.stack([points[groups == g].double().mean(0) for g in range(3)])
        torch.testing.assert_close(centers, means)


@given(st.integers(2, 8), st.integers(0, 1000))
@settings(max_examples=examples(15), deadline=None)
def test_it_ends_where_no_point_and_no_center_would_move(k: int, seed: int) -> None:
    points = torch.randn(60, 3, generator=torch.Generator().manual_seed(seed)).double()
    centers = kmeans(points, k, seed)
    groups = torch.cdist(points, centers).argmin(dim=1)
    assert torch.equal(groups, assign_clusters(points, centers))
    sizes = torch.bincount(groups, minlength=k)
    assert sizes.min() > 0 and torch.equal(sizes, sizes.sort(descending=True).values)
    means = torch.stack([points[groups == g].mean(0) for g in range(k)])
    torch.testing.assert_close(centers, means)
    assert torch.equal(centers, kmeans(points, k, seed))


def test_equal_points_and_too_few_of_them() -> None:
    points = torch.tensor([[0.0], [0.0], [0.0], [9.0]])
    assert kmeans(points, 2).tolist() == [[0.0], [9.0]]
    assert assign_clusters(points, kmeans(points, 4)).unique().numel() == 2  # no more than differ
    with pytest.raises(RequestError, match="3 clusters need"):
        kmeans(points[:2], 3)


def test_directions_are_uncorrelated_and_nearer_to_one_another_than_before() -> None:
    generator = torch.Generator().manual_seed(1)
    mixed = torch.randn(500, 6, generator=generator) @ torch.randn(6, 9, generator=generator)
    features = 100 * mixed + 7  # of rank 6
    found = fit_whitening(features)(features)
    assert found.shape == (500, 6)
    largest = torch.linalg.eigvalsh(features.double().T.cov())[-6:]
    expected = torch.diag(largest ** (1 - WHITENING_POWER))  # variances to that power
    torch.testing.assert_close(found.T.cov(), expected, atol=1e-6, rtol=1e-6)
    assert fit_whitening(features[:50])(features).shape == (500, 2)  # few images: few directions
