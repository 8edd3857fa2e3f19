"""Muon: what its iteration does to singular values, and its step against two other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ddpm.optim.muon import Muon, orthogonalize
from tests.examples import examples


def matrix(rows: int, columns: int, singular_values: list[float], seed: int = 0) -> Tensor:
    """A random float64 matrix with the given singular values."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    u, _, vh = torch.linalg.svd(drawn, full_matrices=False)
    return u @ torch.diag(torch.tensor(singular_values, dtype=torch.float64)) @ vh


def parameters_with_gradients(seed: int, *shapes: tuple[int, ...]) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    found = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    new_gradients(found, generator)
    return found


def new_gradients(parameters: list[nn.Parameter], generator: torch.Generator) -> None:
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@settings(deadline=None, max_examples=examples(40))
@given(data=st.data(), rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 99))
def test_singular_values_end_near_one(
    data: st.DataObject, rows: int, columns: int, seed: int
) -> None:
    rank = min(rows, columns)
    values = data.draw(st.lists(st.floats(0.01, 1), min_size=rank, max_size=rank))
    found = torch.linalg.svdvals(orthogonalize(matrix(rows, columns, values, seed)))
    assert found.min() > 0.68 and found.max() < 1.21


@settings(deadline=None, max_examples=examples(20))
@given(rows=st.integers(1, 10), columns=st.integers(1, 10), seed=st.integers(0, 99))
def test_singular_vectors_stay(rows: int, columns: int, seed: int) -> None:
    before = matrix(rows, columns, [1 - 0.05 * i for i in range(min(rows, columns))], seed)
    u, _, vh = torch.linalg.svd(before, full_matrices=False)
    inside = u.T @ orthogonalize(before) @ vh.T  # diagonal where the vectors are the same
    off_diagonal = inside - torch.diag(inside.diagonal())
    assert off_diagonal.abs().max() < 1e-9
    assert inside.diagonal().min() > 0.68


def test_the_scale_of_the_gradient_does_not_matter() -> None:
    before = matrix(4, 6, [1.0, 0.7, 0.4, 0.2])
    for scale in (1e-3, 1e4):
        torch.testing.assert_close(
            orthogonalize(scale * before), orthogonalize(before), rtol=1e-3, atol=1e-4
        )


def test_wide_and_tall_are_transposes_of_one_another() -> None:
    wide = matrix(3, 8, [1.0, 0.5, 0.1])
    assert torch.equal(orthogonalize(wide.T), orthogonalize(wide).T)


def test_no_gradient_is_no_direction() -> None:
    assert torch.equal(orthogonalize(torch.zeros(3, 4)), torch.zeros(3, 4))


def by_hand(weight: np.ndarray, gradients: list[np.ndarray], lr: float, decay: float) -> np.ndarray:  # type: ignore[type-arg]
    """Jordan et al. 2024 in float64 numpy: momentum 0.95, Nesterov, five quintic iterations."""
    momentum = np.zeros_like(weight)
    for gradient in gradients:
        weight = weight * (1 - lr * decay)
        momentum = 0.95 * momentum + 0.05 * gradient
        update = 0.05 * gradient + 0.95 * momentum
        x = update.reshape(len(update), -1)
        x = x / np.linalg.norm(x)
        for _ in range(5):
            x = 3.4445 * x - 4.7750 * (x @ x.T) @ x + 2.0315 * (x @ x.T) @ (x @ x.T) @ x
        rows, columns = x.shape
        weight = weight - lr * 0.2 * max(rows, columns) ** 0.5 * x.reshape(weight.shape)
    return weight


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (4, 2, 3, 3)])
def test_steps_against_a_plain_implementation(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    parameter = nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
    start, gradients = parameter.detach().numpy().copy(), []
    optimizer = Muon([parameter], lr=0.02, weight_decay=0.1)
    for _ in range(3):
        parameter.grad = torch.randn(shape, generator=generator, dtype=torch.float64)
        gradients.append(parameter.grad.numpy().copy())
        optimizer.step()
    expected = by_hand(start, gradients, 0.02, 0.1)
    np.testing.assert_allclose(parameter.detach().numpy(), expected, atol=1e-6)


def test_steps_against_pytorch_s_own() -> None:
    ours, theirs = (parameters_with_gradients(0, (5, 9), (9, 5)) for _ in range(2))
    start = [parameter.detach().clone() for parameter in ours]
    one = Muon(ours, lr=0.02, momentum=0.95, weight_decay=0.1)
    two = torch.optim.Muon(
        theirs,
        lr=0.02,
        momentum=0.95,
        weight_decay=0.1,
        nesterov=True,
        adjust_lr_fn="match_rms_adamw",
    )
    for step in range(3):
        for optimizer, parameters in ((one, ours), (two, theirs)):
            new_gradients(parameters, torch.Generator().manual_seed(step))
            optimizer.step()
    for a, b, s in zip(ours, theirs, start, strict=True):
        difference, moved = (a - b).norm(), (a - s).norm()
        assert (difference / moved).item() < 0.03  # theirs iterates in bfloat16


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_vectors_are_left_to_adam(weight_decay: float) -> None:
    ours, theirs = (parameters_with_gradients(1, (7,), (3,)) for _ in range(2))
    options = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-8, "weight_decay": weight_decay}
    one, two = Muon(ours, **options), torch.optim.AdamW(theirs, **options)  # type: ignore[arg-type]
    for step in range(5):
        for optimizer, parameters in ((one, ours), (two, theirs)):
            new_gradients(parameters, torch.Generator().manual_seed(step))
            optimizer.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-6)


def test_a_step_changes_weights_about_as_much_as_adam_s_would() -> None:
    (parameter,) = parameters_with_gradients(2, (64, 64))
    before = parameter.detach().clone()
    Muon([parameter], lr=1.0).step()
    size = (parameter - before).square().mean().sqrt()  # Liu et al. 2025: 0.2
    assert 0.15 < size.item() < 0.22


def test_parameters_without_gradient_are_left_alone() -> None:
    still, moving = parameters_with_gradients(3, (2, 2), (2, 2))
    still.grad, before = None, still.detach().clone()
    optimizer = Muon([still, moving], lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert torch.equal(still, before) and still not in optimizer.state
