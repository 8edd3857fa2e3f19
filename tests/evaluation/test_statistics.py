from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.errors import RequestError
from ddpm.evaluation.statistics import RunningStatistics, statistics
from tests.examples import examples


def features(count: int = 200, offset: float = 1e4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    mixing = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    return torch.randn(count, 5, generator=generator, dtype=torch.float64) @ mixing + offset


@settings(deadline=None, max_examples=examples(20))
@given(st.integers(1, 201))
def test_any_batch_size_gives_the_same_moments(size: int) -> None:
    x = features()
    running = RunningStatistics(5)
    for part in torch.split(x, size):
        running.update(part)
    result = running.result()
    torch.testing.assert_close(result.mean, x.mean(dim=0), rtol=1e-12, atol=0)
    torch.testing.assert_close(result.covariance, torch.cov(x.T), rtol=1e-10, atol=1e-10)
    assert result.count == 200


def test_moments_of_many_more_than_a_block() -> None:
    x = features(9000, offset=0)
    torch.testing.assert_close(statistics(x).covariance, torch.cov(x.T), rtol=1e-10, atol=1e-10)


def test_weights_count_repeats() -> None:
    x = features(6)
    counts = torch.tensor([0, 3, 1, 0, 2, 1], dtype=torch.float64)
    repeated = x.repeat_interleave(counts.long(), dim=0)
    weighted, plain = statistics(x, counts), statistics(repeated)
    torch.testing.assert_close(weighted.mean, plain.mean)
    torch.testing.assert_close(weighted.covariance, plain.covariance, rtol=1e-8, atol=1e-8)


def test_batches_of_no_weight_change_nothing() -> None:
    running = RunningStatistics(5)
    running.update(features(4))
    before = running.result()
    running.update(features(3) + 1, torch.zeros(3))
    assert torch.equal(running.result().covariance, before.covariance)


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(RequestError, match="at least 2"):
        statistics(features(1))
    assert statistics(features(2)).count == 2
