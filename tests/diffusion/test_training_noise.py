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


def test_assigned_noises_are_those_of_the_batch_in_the_nearest_places() -> None:
    """The set of noises stays as it was drawn, so it is standard normal; only the pairs change."""
    plain, paired = draw_noise(IMAGES, seeded()), draw_noise(IMAGES, seeded(), assigned=True)
    rows = [[tuple(noise.flatten().tolist()) for noise in noises] for noises in (plain, paired)]
    assert sorted(rows[0]) == sorted(rows[1]) and rows[0] != rows[1]
    assert float(paired.mean()) == pytest.approx(0, abs=0.07)  # four deviations of 2048 normals
    assert float(paired.std()) == pytest.approx(1, abs=0.07)
    squared = [float((noises - IMAGES).square().sum()) for noises in (plain, paired)]
    assert squared[1] < 0.97 * squared[0]
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        shuffled = plain[torch.randperm(64, generator=generator)]
        assert float((shuffled - IMAGES).square().sum()) > squared[1]
