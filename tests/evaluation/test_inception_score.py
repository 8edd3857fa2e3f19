from __future__ import annotations

import pytest
import torch

from ddpm.evaluation.inception_score import inception_score


def test_sure_and_balanced_scores_the_number_of_classes() -> None:
    assert inception_score(torch.eye(10).repeat(5, 1)).item() == pytest.approx(10)


def test_collapse_and_doubt_both_score_one() -> None:
    assert inception_score(torch.eye(10)[:1].repeat(5, 1)).item() == pytest.approx(1)
    assert inception_score(torch.full((8, 10), 0.1)).item() == pytest.approx(1)


def test_two_of_four_classes_score_two() -> None:
    assert inception_score(torch.eye(4)[[0, 1, 1, 0]]).item() == pytest.approx(2)


def test_counts_weigh_each_image() -> None:
    p = torch.softmax(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    counts = torch.tensor([[2, 0, 1, 1, 0, 2]])
    repeated = p.repeat_interleave(counts[0], dim=0)
    assert inception_score(p, counts).item() == pytest.approx(inception_score(repeated).item())
