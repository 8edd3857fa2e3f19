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


def test_its_mean_vanishes_where_both_have_one_distribution() -> None:
    """Attraction and repulsion cancel over many sets of one distribution, and not over sets of two."""

    def mean_field(shift: float) -> Tensor:
        sets = points(400 * 12, seed=3).unflatten(
            0, (400, 12)
        )  # 6 generated and 6 real images each
        generated, real = sets[:, :6], sets[:, 6:] + shift
        return drifting_field(generated, real, pair_distances(generated, real)[0], 0.2).mean((0, 1))

    spread = drifting_field(
        *(pair := points(4800, seed=3).unflatten(0, (400, 12)).split(6, dim=1)),
        pair_distances(*pair)[0],
        0.2,
    ).std() / math.sqrt(400 * 6)
    assert bool((mean_field(0.0).abs() < 4 * spread).all())
    assert bool((mean_field(1.0) > 20 * spread).all())


def test_the_loss_is_that_of_three_unit_fields_whatever_the_unit_of_the_features() -> None:
    generated, real = points(6), points(9, seed=1, shift=0.3)
    one, other = drifting_loss(generated, real), drifting_loss(1000 * generated, 1000 * real)
    torch.testing.assert_close(one, other)
    assert 1 <= float(one.loss.mean()) <= 9  # three fields of root mean square 1, alike or not


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
