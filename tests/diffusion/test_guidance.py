import pytest
import torch

from ddpm.diffusion.guidance import CLIPS, clip_dynamic, clip_static, guide, in_interval
from tests.diffusion.oracle import normal


def test_guidance_goes_past_the_condition():
    with_label, without = torch.tensor([3.0]), torch.tensor([1.0])
    results = [float(guide(with_label, without, scale)) for scale in (0, 1, 2, 0.5)]
    assert results == [1.0, 3.0, 5.0, 2.0]


def test_guiding_images_is_guiding_noise():
    x_t, signal, sigma = normal(1, 1, 4, 4), 0.6, 0.8
    noises = [normal(1, 1, 4, 4, seed=seed) for seed in (1, 2)]
    images = [(x_t - sigma * noise) / signal for noise in noises]
    wanted = (x_t - sigma * guide(noises[0], noises[1], 2.5)) / signal
    torch.testing.assert_close(guide(images[0], images[1], 2.5), wanted)


def test_the_interval_holds_its_ends():
    inside = [t for t in range(11) if in_interval(t, 11, (0.2, 0.7))]
    assert inside == [2, 3, 4, 5, 6, 7]
    assert all(in_interval(t, 11, (0.0, 1.0)) for t in range(11))


def test_static_clipping():
    assert clip_static(torch.tensor([-3.0, -0.5, 1.5])).tolist() == [-1.0, -0.5, 1.0]


def test_dynamic_clipping_leaves_images_in_range_alone():
    x0 = normal(2, 3, 8, 8).clamp(-1, 1)
    assert torch.equal(clip_dynamic(x0), x0)


def test_dynamic_clipping_divides_each_image_by_its_own_percentile():
    x0 = torch.arange(-100.0, 100.0).view(1, 1, 10, 20) / 50  # |x0| up to 2, evenly
    both = torch.cat([x0, x0 / 2])
    wild, tame = clip_dynamic(both, percentile=0.9).split(1)
    assert torch.equal(tame, x0 / 2)  # its percentile is below 1
    limit = 1.8
    torch.testing.assert_close(wild, x0.clamp(-limit, limit) / limit)


@pytest.mark.parametrize("percentile", [0.0, 0.5, 0.995, 1.0])
def test_dynamic_clipping_ends_in_range_and_keeps_the_order(percentile):
    x0 = 5 * normal(4, 3, 8, 8)
    clipped = clip_dynamic(x0, percentile)
    assert float(clipped.abs().max()) <= 1
    order = x0.flatten(1).argsort(dim=1)
    assert bool((clipped.flatten(1).gather(1, order).diff(dim=1) >= 0).all())


def test_each_clip_of_the_configuration_is_here():
    x0 = torch.tensor([[[[2.0, -0.5]]]])
    ends = {name: clip(x0).flatten().tolist() for name, clip in CLIPS.items()}
    assert ends == {"static": [1.0, -0.5], "dynamic": [1.0, -0.25], "none": [2.0, -0.5]}
