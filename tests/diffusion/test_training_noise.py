"""The noise of a batch: plain by default to the bit, nearest of several draws, or shifted as a whole."""

from __future__ import annotations

import pytest
import torch

from ddpm.diffusion.training_noise import draw_noise

IMAGES = torch.rand(64, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def test_one_candidate_without_offset_is_the_generators_next_normal() -> None:
    assert torch.equal(draw_noise(IMAGES, seeded()), torch.randn(IMAGES.shape, generator=seeded()))


@pytest.mark.parametrize("count", [2, 5])
def test_each_image_gets_the_nearest_of_its_draws(count: int) -> None:
    generator = seeded()
    draws = torch.stack([torch.randn(IMAGES.shape, generator=generator) for _ in range(count)])
    distances = (draws - IMAGES).flatten(2).norm(dim=2)  # [count, N]
    chosen = draws[distances.argmin(dim=0), torch.arange(64)]
    assert torch.equal(draw_noise(IMAGES, seeded(), candidates=count), chosen)
    assert (distances.argmin(dim=0) > 0).any()


def test_an_offset_shifts_a_channel_as_a_whole() -> None:
    plain, shifted = draw_noise(IMAGES, seeded()), draw_noise(IMAGES, seeded(), offset=0.3)
    shift = shifted - plain
    torch.testing.assert_close(shift, shift[..., :1, :1].expand_as(shift), atol=1e-5, rtol=0)
    assert float(shift[:, :, 0, 0].std()) == pytest.approx(0.3, rel=0.2)
    assert not torch.allclose(shift[:, 0, 0, 0], shift[:, 1, 0, 0])
