from __future__ import annotations

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation import kid as module
from ddpm.evaluation.kid import squared_mmd, weighted_mmd


def normal(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=generator, dtype=torch.float64) + shift


def slow_mmd(x: torch.Tensor, y: torch.Tensor) -> float:
    """The definition, one pair at a time."""

    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a.dot(b) / 6 + 1) ** 3)

    def within(z: torch.Tensor) -> float:
        pairs = [k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(pairs) / len(pairs)

    cross = [k(a, b) for a in x for b in y]
    return within(x) + within(y) - 2 * sum(cross) / len(cross)


def test_it_is_the_definition() -> None:
    x, y = normal(7, 1), normal(9, 2, shift=0.5)
    assert squared_mmd(x, y) == pytest.approx(slow_mmd(x, y), rel=1e-12)


def test_it_is_symmetric_and_independent_of_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(50, 1), normal(40, 2, shift=0.3)
    whole = squared_mmd(x, y)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert squared_mmd(x, y) == pytest.approx(whole, rel=1e-12)
    assert squared_mmd(y, x) == pytest.approx(whole, rel=1e-12)


def test_it_is_unbiased_where_the_distributions_agree() -> None:
    values = torch.tensor(
        [squared_mmd(normal(40, 2 * s), normal(40, 2 * s + 1)) for s in range(60)]
    )
    error = values.std() / 60**0.5
    assert abs(values.mean()) < 3 * error
    assert values.min() < 0 < values.max()


def test_it_grows_with_the_shift() -> None:
    y = normal(200, 1)
    near, far = squared_mmd(normal(200, 2, 0.2), y), squared_mmd(normal(200, 2, 0.6), y)
    assert 0 < near < far


def test_counts_drop_and_repeat_images_without_pairing_one_with_itself() -> None:
    x, y = normal(6, 1), normal(8, 2)
    dropped = torch.tensor([[1, 1, 0, 1, 0, 1]])
    assert weighted_mmd(x, y, dropped).item() == pytest.approx(squared_mmd(x[[0, 1, 3, 5]], y))
    assert weighted_mmd(x, y, torch.full((1, 6), 3.0)).item() == pytest.approx(squared_mmd(x, y))


def test_too_few_images_are_refused() -> None:
    with pytest.raises(RequestError, match="at least 2"):
        squared_mmd(normal(1, 1), normal(9, 2))
