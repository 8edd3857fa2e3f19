import pytest
import torch

from ddpm.diffusion.guidance import (
    CLIPS,
    classifier_shift,
    clip_dynamic,
    clip_static,
    guide,
    in_interval,
    rescale,
)
from ddpm.diffusion.levels import noise_levels
from ddpm.diffusion.samplers import SAMPLERS, Prediction
from ddpm.diffusion.schedules import make_schedule
from tests.diffusion.oracle import Gaussian, exact_moments, normal


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


def test_rescaling_moves_the_contrast_to_the_conditional_images():
    guided, conditional = 3 * normal(2, 1, 8, 8), normal(2, 1, 8, 8, seed=1)
    assert torch.equal(rescale(guided, conditional, 0.0), guided)
    whole = rescale(guided, conditional, 1.0)
    torch.testing.assert_close(whole.flatten(1).std(dim=1), conditional.flatten(1).std(dim=1))
    half = rescale(guided, conditional, 0.5)
    torch.testing.assert_close(half, (guided + whole) / 2)  # Eq. 16, in the paper's words


@pytest.mark.parametrize("schedule", ["cosine", "flow", "edm"])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_linear_classifier_shifts_a_gaussian_exactly(schedule, scale):
    """p(x0) e^(s b x0) is the Gaussian moved by s b std^2; there p(y | x0_hat) loses nothing."""
    table, data, slope = make_schedule(schedule, 1000), Gaussian(), 0.8
    ideal = data.denoiser(table)

    def denoise(x, t):
        shift = classifier_shift(
            x, lambda x: ideal(x, t).x0, lambda x0: slope * x0.sum(dim=(1, 2, 3)), *table.at(t, x)
        )
        return Prediction(ideal(x, t).x0 + scale * shift)

    path = noise_levels(table, 60, "log-snr")
    mean, std = exact_moments(SAMPLERS["unipc"], denoise, path)
    assert mean == pytest.approx(data.mean + scale * slope * data.std**2, abs=0.01)
    assert std == pytest.approx(data.std, abs=0.01)
