"""The loss of polishing: a classifier whose log-odds are differences of denoising losses."""

from __future__ import annotations

import math

import pytest
import torch

from ddpm.diffusion.discriminative import discriminative_loss

IS_REAL = torch.tensor([True, True, False, False])


def test_it_is_the_cross_entropy_of_a_classifier_with_these_log_odds() -> None:
    loss = torch.tensor([0.1, 0.3, 0.2, 0.5], dtype=torch.float64)
    reference = torch.tensor([0.2, 0.2, 0.3, 0.1], dtype=torch.float64)
    found = discriminative_loss(
        loss, reference, IS_REAL, values=64, strength=2.5, generated_weight=3
    )
    log_odds = 2.5 * 8 * (reference - loss)
    probability = torch.sigmoid(log_odds)  # that the image is real
    expected = torch.where(IS_REAL, -probability.log(), -3 * (1 - probability).log())
    torch.testing.assert_close(found, expected)


def test_a_model_that_equals_its_reference_cannot_tell() -> None:
    loss = torch.rand(4)
    found = discriminative_loss(loss, loss, IS_REAL, values=784, strength=2.8)
    assert found.tolist() == pytest.approx([math.log(2)] * 4)


def test_its_gradient_lowers_the_loss_of_real_images_and_raises_that_of_generated_ones() -> None:
    loss = torch.full((4,), 0.2, requires_grad=True)
    found = discriminative_loss(loss, torch.full((4,), 0.2), IS_REAL, values=16, strength=1)
    (gradient,) = torch.autograd.grad(found.sum(), loss)
    assert gradient.tolist() == pytest.approx([2, 2, -2, -2])  # strength * sqrt(values) / 2


def test_it_is_finite_for_any_log_odds() -> None:
    loss, reference = torch.tensor([0.0, 1e6]), torch.tensor([1e6, 0.0])
    for real in (True, False):
        found = discriminative_loss(
            loss, reference, torch.tensor([real, real]), values=784, strength=2.8
        )
        assert found.isfinite().all()
