"""Drifting: the field against a sum over pairs by hand, its symmetries, and the place where it vanishes."""

import math

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.drifting import OWN_DISTANCE, drifting_field, drifting_loss, pair_distances


def points(count: int, dim: int = 3, seed: int = 0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((count, dim), generator=generator, dtype=torch.float64) + shift


def by_hand(
    generated: list[list[float]], real: list[list[float]], width: float
) -> list[list[float]]:
    """The field of Deng et al. 2026 as sums over pairs, in plain numbers."""
    everything, g = generated + real, len(generated)
    length = [[math.dist(a, b) for b in everything] for a in generated]
    mean = sum(map(sum, length)) / (g * len(everything))
    kernel = [
        [math.exp(-(OWN_DISTANCE if i == j else d / mean) / width) for j, d in enumerate(row)]
        for i, row in enumerate(length)
    ]
    rows = [sum(row) for row in kernel]
    columns = [sum(row[j] for row in kernel) for j in range(len(everything))]
    weight = [
        [k / math.sqrt(rows[i] * columns[j]) for j, k in enumerate(row)]
        for i, row in enumerate(kernel)
    ]
    field = []
    for i, row in enumerate(weight):
        near, far = sum(row[:g]), sum(row[g:])
        field.append(
            [
                sum(w * near * b[d] for w, b in zip(row[g:], real, strict=True))
                - sum(w * far * b[d] for w, b in zip(row[:g], generated, strict=True))
                for d in range(len(generated[i]))
            ]
        )
    return field


@pytest.mark.parametrize("width", [0.05, 0.2, 1.0])
def test_the_field_is_the_sum_over_pairs(width: float) -> None:
    generated, real = points(4), points(6, seed=1, shift=0.5)
    distance, _ = pair_distances(generated, real)
    expected = torch.tensor(by_hand(generated.tolist(), real.tolist(), width), dtype=torch.float64)
    torch.testing.assert_close(drifting_field(generated, real, distance, width), expected)


def test_it_moves_with_the_origin_and_turns_with_the_axes() -> None:
    generated, real = points(5), points(7, seed=1, shift=1.0)
    turn, _ = torch.linalg.qr(points(3, seed=2))
    field = drifting_field(generated, real, pair_distances(generated, real)[0], 0.2)
    moved, aims = generated @ turn + 3, real @ turn + 3
    torch.testing.assert_close(
        drifting_field(moved, aims, pair_distances(moved, aims)[0], 0.2), field @ turn
    )


def test_it_points_to_the_real_images_and_pushes_equal_ones_apart() -> None:
    generated = torch.tensor([[0.0, 0.1], [0.0, -0.1]])
    real = torch.tensor([[1.0, 0.1], [1.0, -0.1]])
    field = drifting_field(generated, real, pair_distances(generated, real)[0], 1.0)
    assert bool((field[:, 0] > 0).all())  # toward the real ones
    assert field[0, 1] > 0 > field[1, 1]  # away from each other


def test_it_vanishes_on_average_where_both_have_one_skewed_distribution() -> None:
    """Its mean and its mean product with the images: attraction alone would pull to where most images are."""
    generator = torch.Generator().manual_seed(3)
    uniform = torch.rand((250, 64, 2), generator=generator, dtype=torch.float64)
    generated, real = (-uniform.log()).split(32, dim=1)  # of mean 1, dense near 0

    def averages(shift: float) -> Tensor:
        aims = real + shift
        field = drifting_field(generated, aims, pair_distances(generated, aims)[0], 0.2)
        product = (field * (generated - 1)).sum(-1).mean()
        return torch.stack([*field.mean((0, 1)), product])

    assert bool((averages(0.0).abs() < 0.01).all())
    assert bool((averages(1.0)[:2] > 0.1).all())


def test_the_loss_and_its_length_by_hand() -> None:
    """The squared length of a sum of three fields, each of root mean square 1 over images and features."""
    generated, real = points(6), points(9, seed=1, shift=0.3)
    _, mean = pair_distances(generated, real)
    unit, moved, length = float(mean) / math.sqrt(3), torch.zeros(6, 3, dtype=torch.float64), None
    for width in (0.02, 0.05, 0.2):
        field = torch.tensor(by_hand(generated.tolist(), real.tolist(), width), dtype=torch.float64)
        moved += field * math.sqrt(18 / sum(x * x for x in field.flatten().tolist()))
        length = field.square().sum(1).div(3).sqrt() / unit  # of the widest
    found = drifting_loss(generated, real)
    torch.testing.assert_close(found.loss, moved.square().sum(1) / 3)
    torch.testing.assert_close(found.length, length)


def test_the_loss_does_not_depend_on_the_unit_of_the_features() -> None:
    generated, real = points(6), points(9, seed=1, shift=0.3)
    one, other = drifting_loss(generated, real), drifting_loss(1000 * generated, 1000 * real)
    torch.testing.assert_close(one, other)


def test_its_gradient_goes_along_the_field_and_not_into_the_real_images() -> None:
    generated = points(6).requires_grad_()
    real = points(9, seed=1, shift=5.0).requires_grad_()
    drifting_loss(generated, real).loss.sum().backward()
    assert generated.grad is not None and real.grad is None
    assert bool((generated.grad.mean(0) < 0).all())  # a step against the gradient goes toward real


def test_points_that_follow_the_field_spread_over_the_real_ones() -> None:
    generated, real = points(60, 2, seed=4) * 0.1, points(120, 2, seed=5, shift=2.0)
    for step in range(100):
        field = drifting_field(generated, real, pair_distances(generated, real)[0], 0.2)
        generated = generated + 0.6 * (1 - step / 100) * field / field.square().mean().sqrt()
    torch.testing.assert_close(generated.mean(0), real.mean(0), atol=0.15, rtol=0)
    spread = generated.std(0) / real.std(0)
    assert bool(
        ((spread > 0.8) & (spread < 1.5)).all()
    )  # fixed points also repel each other to the edge


def test_equal_features_do_not_divide_by_zero() -> None:
    same = torch.zeros(4, 3)
    loss, length = drifting_loss(same, same)
    assert bool((loss == 0).all()) and bool((length == 0).all())
