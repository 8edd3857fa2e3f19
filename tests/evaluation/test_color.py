from __future__ import annotations

import pytest
import torch

from ddpm.evaluation.color import brightness, colorfulness, contrast, luma


def flat(red: int, green: int, blue: int) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8).view(1, 3, 1, 1).repeat(2, 1, 4, 6)


def test_luma_is_that_of_bt601() -> None:
    assert luma(flat(255, 0, 0)).unique().tolist() == pytest.approx([255 * 0.299])
    assert luma(flat(9, 9, 9)).unique().tolist() == pytest.approx([9])
    assert luma(flat(7, 0, 0)[:, :1]).unique().tolist() == [7]


def test_brightness_and_contrast_of_a_split_image() -> None:
    image = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    image[..., 2:] = 200
    assert brightness(image).tolist() == [100]
    assert contrast(image).tolist() == [100]
    assert contrast(flat(10, 80, 30)).tolist() == pytest.approx([0, 0], abs=1e-9)


def test_colorfulness_of_gray_flat_and_striped_colors() -> None:
    assert colorfulness(flat(50, 50, 50)).tolist() == [0, 0]
    assert colorfulness(flat(50, 50, 50)[:, :1]).tolist() == [0, 0]
    red = colorfulness(flat(200, 0, 0))[0].item()  # rg = 200, yb = 100, no spread
    assert red == pytest.approx(0.3 * (200**2 + 100**2) ** 0.5)
    striped = flat(200, 0, 0)
    striped[:, :, ::2] = flat(0, 200, 0)[:, :, ::2]
    assert colorfulness(striped)[0].item() == pytest.approx(200 + 0.3 * 100)
