"""The scaling between bytes and model range."""

from __future__ import annotations

import torch

from ddpm.data.pixels import to_model, to_uint8, to_unit_range

EVERY = torch.arange(256, dtype=torch.uint8)


def test_every_byte_survives_the_way_there_and_back() -> None:
    x = to_model(EVERY)
    assert x.dtype == torch.float32 and torch.equal(to_uint8(x), EVERY)


def test_black_is_minus_one_and_white_is_one() -> None:
    assert to_model(EVERY)[[0, 255]].tolist() == [-1.0, 1.0]


def test_the_steps_are_even() -> None:
    steps = to_model(EVERY).double().diff()
    assert (steps - 2 / 255).abs().max() < 1e-6


def test_values_are_rounded_to_the_nearest_byte_and_clamped() -> None:
    step = 2 / 255
    x = torch.tensor([-9.0, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.4 * step, 9.0, float("inf")])
    assert to_uint8(x).tolist() == [0, 0, 1, 255, 255, 255]


def test_a_dull_image_stays_dull() -> None:
    """Never min-max: the contrast of an image says nothing about its scaling."""
    x = torch.tensor([-0.1, 0.0, 0.1])
    assert to_uint8(x).tolist() == [115, 128, 140]


def test_half_precision_is_widened_before_it_is_scaled() -> None:
    x = to_model(EVERY).to(torch.bfloat16)
    exact = ((x.double() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    assert torch.equal(to_uint8(x), exact)


def test_the_unit_range_is_a_line_with_a_gradient() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0, 3.0], requires_grad=True)
    unit = to_unit_range(x)
    assert unit.tolist() == [0, 0.5, 1, 2]
    unit.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.5] * 4
