"""The gradient that is compared is that of a real step, and the comparison tells paths apart."""

from __future__ import annotations

import torch

from benchmarks.fast_paths import apart, gradient, textbook
from ddpm.data.pixels import to_model
from ddpm.optim.muon import orthogonalize


def test_a_step_is_the_same_again_and_another_in_bf16() -> None:
    generator = torch.Generator().manual_seed(0)
    bytes_ = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8, generator=generator)
    images = to_model(bytes_)
    plain, again, half = gradient(images), gradient(images), gradient(images, "bf16")
    assert plain is not None and again is not None and half is not None
    assert plain.norm() > 0 and apart(again, plain) == 0
    assert 1e-4 < apart(half, plain) < 0.5


def test_muon_is_the_textbooks_to_rounding() -> None:
    matrix = torch.randn(6, 20, generator=torch.Generator().manual_seed(0))
    assert apart(orthogonalize(matrix).double(), textbook(matrix)) < 1e-5
    assert apart(matrix.double(), textbook(matrix)) > 0.1
