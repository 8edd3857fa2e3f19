"""Drawing: an image belongs to its seed, frames run from noise to image, guidance does what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.samplers import SAMPLERS
from ddpm.models.base import Frame
from ddpm.models.ddpm import Ddpm
from ddpm.randomness import ImageNoise

Make = Callable[..., Ddpm]


def frames(
    model: Ddpm, seeds: Sequence[int], labels: Sequence[int] | None = None, **changes: Any
) -> list[Frame]:
    settings = replace(model.spec.config.sampling, **changes)
    return list(model.trajectory(seeds, labels, settings))


def drawn(
    model: Ddpm, seeds: Sequence[int], labels: Sequence[int] | None = None, **changes: Any
) -> Tensor:
    return frames(model, seeds, labels, **changes)[-1].x


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_image_is_its_seed_s_whatever_else_is_in_the_chunk(
    small_ddpm: Make, sampler: str
) -> None:
    model = small_ddpm(awake=True)
    options: dict[str, Any] = {"sampler": sampler, "eta": 0.7, "churn": 4.0}
    one, other = drawn(model, [5, 1, 2], **options), drawn(model, [5, 8, 9], **options)
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])
    assert torch.equal(one, drawn(model, [5, 1, 2], **options))
    elsewhere = drawn(model, [1, 2, 5, 7], **options)  # another place, another chunk
    torch.testing.assert_close(elsewhere[2], one[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("schedule", ["cosine", "flow"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_frames_run_from_noise_to_the_image(small_ddpm: Make, sampler: str, schedule: str) -> None:
    model = small_ddpm(f"diffusion.schedule={schedule}", awake=True)
    moments = frames(model, [0, 1], sampler=sampler, steps=6)
    assert [frame.remaining for frame in moments] == [6, 5, 4, 3, 2, 1, 0]
    levels = [frame.log_snr for frame in moments]
    assert levels == sorted(set(levels)) and levels[-1] == math.inf
    assert levels[0] == float(model.schedule.log_snr[-1])
    start = float(model.schedule.sigma[-1]) * ImageNoise([0, 1], (1, 8, 8))()
    assert torch.equal(moments[0].x, start)
    assert torch.equal(moments[0].x0, torch.zeros(2, 1, 8, 8))
    torch.testing.assert_close(moments[-1].x, moments[-1].x0, atol=1e-5, rtol=1e-5)
    assert all(frame.x0.abs().max() <= 1 for frame in moments)


def test_the_edm_schedule_starts_at_its_own_noise(small_ddpm: Make) -> None:
    model = small_ddpm("diffusion.schedule=edm", "diffusion.objective=edm", awake=True)
    first = frames(model, [3])[0]
    torch.testing.assert_close(first.x, 80 * ImageNoise([3], (1, 8, 8))())


def test_the_edm_network_is_given_its_scaled_input(small_ddpm: Make) -> None:
    """Karras et al. 2022, Eq. 7 and Table 1, by hand; the small data have mean -0.2, deviation 0.6."""
    model = small_ddpm("diffusion.schedule=edm", "diffusion.objective=edm", awake=True)
    settings = replace(model.spec.config.sampling, clip="none")
    x, t = 3 * ImageNoise([0, 1], (1, 8, 8))(), torch.tensor([4, 12])
    sigma, data_std = model.schedule.sigma[t].float().view(2, 1, 1, 1), 0.6
    total = sigma.square() + data_std**2
    with torch.no_grad():
        output = model.learner.ema.network((x + 0.2) / total.sqrt(), t)
        found = model.denoiser(None, settings)(x, t).x0
    expected = data_std**2 / total * (x + 0.2) + sigma * data_std / total.sqrt() * output - 0.2
    torch.testing.assert_close(found, expected)


def test_a_silent_v_network_is_drawn_with_in_closed_form(small_ddpm: Make) -> None:
    """v_hat = 0 means x0_hat = a x and noise_hat = s x: DDIM shrinks x by cos of each turn."""
    model = small_ddpm("sampling.sampler=ddim", "sampling.clip=none")
    settings = model.spec.config.sampling
    levels = model.levels(settings)
    signal, sigma = levels.signal, levels.sigma
    factor = (signal[1:] * signal[:-1] + sigma[1:] * sigma[:-1]).prod()
    expected = float(factor * sigma[0]) * ImageNoise([4, 2], (1, 8, 8))()
    torch.testing.assert_close(drawn(model, [4, 2]), expected)


def test_samples_come_from_the_average(small_ddpm: Make) -> None:
    model = small_ddpm("training.ema=0.9", awake=True)
    before = drawn(model, [0])
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.normal_()
    assert torch.equal(drawn(model, [0]), before)


def test_drawing_leaves_training_and_the_global_stream_alone(small_ddpm: Make) -> None:
    images = torch.zeros(4, 1, 8, 8)
    watched, unwatched = (small_ddpm("network.dropout=0.3", "training.ema=0") for _ in range(2))
    torch.manual_seed(0)
    drawn(watched, [0, 1], sampler="ancestral")
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), after)
    for step in range(1, 6):  # without an average the network drawn with is the one that learns
        one = watched.training_step(images, None, step)["loss"]
        assert torch.equal(one, unwatched.training_step(images, None, step)["loss"])
        drawn(watched, [0])


def test_dropout_is_off_in_drawing(small_ddpm: Make) -> None:
    with_dropout, without = small_ddpm("network.dropout=0.9", awake=True), small_ddpm(awake=True)
    with_dropout.network.train()
    assert torch.equal(drawn(with_dropout, [0]), drawn(without, [0]))


def test_guidance_one_is_the_labelled_prediction_alone(small_ddpm: Make) -> None:
    model = small_ddpm(classes=3, awake=True)
    seeds, labels = [0, 1, 2], [0, 1, 2]
    plain = drawn(model, seeds, labels, guidance=1.0)
    nowhere = drawn(model, seeds, labels, guidance=4.0, guidance_interval=(0.001, 0.002))
    assert torch.equal(plain, nowhere)
    guided = drawn(model, seeds, labels, guidance=4.0)
    assert not torch.allclose(guided, plain, atol=1e-3)
    partly = drawn(model, seeds, labels, guidance=4.0, guidance_interval=(0.0, 0.5))
    assert not torch.allclose(partly, plain, atol=1e-4)
    assert not torch.allclose(partly, guided, atol=1e-4)


def test_guidance_zero_forgets_the_labels(small_ddpm: Make) -> None:
    model = small_ddpm(classes=3, awake=True)
    unlabelled = drawn(model, [0, 1], None, guidance=4.0)
    assert torch.equal(drawn(model, [0, 1], [2, 1], guidance=0.0), unlabelled)
    assert not torch.allclose(drawn(model, [0, 1], [2, 1]), unlabelled, atol=1e-3)


def test_guidance_extrapolates_from_the_unlabelled_prediction(small_ddpm: Make) -> None:
    model = small_ddpm("sampling.clip=none", classes=2, awake=True)
    x, t = ImageNoise([0, 1], (1, 8, 8))(), torch.tensor([15, 15])

    def x0(labels: list[int] | None, guidance: float) -> Tensor:
        settings = replace(model.spec.config.sampling, guidance=guidance)
        with torch.no_grad():
            return model.denoiser(labels, settings)(x, t).x0

    without, plain = x0(None, 1.0), x0([0, 1], 1.0)
    torch.testing.assert_close(x0([0, 1], 2.5), without + 2.5 * (plain - without))


def test_labels_are_one_an_image(small_ddpm: Make) -> None:
    model = small_ddpm(classes=3, awake=True)
    with pytest.raises(ValueError, match="3 labels for 4 images"):
        drawn(model, [0, 1, 2, 3], [0, 1, 2])
    with pytest.raises(ValueError, match="1 labels for 4 images"):
        drawn(model, [0, 1, 2, 3], [0])


@pytest.mark.parametrize(("clip", "bound"), [("static", 1.0), ("dynamic", 1.0), ("none", math.inf)])
def test_predictions_are_clipped_as_asked(small_ddpm: Make, clip: str, bound: float) -> None:
    model = small_ddpm(
        "diffusion.objective=noise", awake=True
    )  # noise over a small signal: far off
    largest = max(float(frame.x0.abs().max()) for frame in frames(model, [0], clip=clip))
    assert largest <= 1 if bound == 1 else largest > 1


def test_ancestral_and_ddim_options_reach_the_sampler(small_ddpm: Make) -> None:
    model = small_ddpm(awake=True)
    images = [
        drawn(model, [0], sampler="ancestral", variance="small"),
        drawn(model, [0], sampler="ancestral", variance="large"),
        drawn(model, [0], sampler="ddim", eta=0.0),
        drawn(model, [0], sampler="ddim", eta=1.0),
        drawn(model, [0], sampler="heun", churn=0.0),
        drawn(model, [0], sampler="heun", churn=8.0),
        drawn(model, [0], spacing="trailing"),
        drawn(model, [0], spacing="uniform"),
    ]
    for i, image in enumerate(images):
        assert not any(torch.equal(image, other) for other in images[:i])


def test_describe_says_size_and_schedule(small_ddpm: Make) -> None:
    model = small_ddpm("diffusion.schedule=linear")
    size = sum(parameter.numel() for parameter in model.network.parameters())
    first, second = model.describe()
    assert first == f"{size / 1e6:.2f} million parameters on cpu, fp32"
    assert second.startswith("linear schedule of 20 steps, terminal SNR 5.6e-11")


@pytest.mark.parametrize(("num_steps", "warned"), [(2, True), (4, False), (1000, False)])
def test_describe_warns_of_a_signal_that_is_left(
    small_ddpm: Make, num_steps: int, warned: bool
) -> None:
    steps = (f"diffusion.num_steps={num_steps}", "sampling.steps=2")
    lines = small_ddpm("sampling.steps=2", "diffusion.schedule=linear", *steps).describe()
    assert any(line.startswith("warning: 3% of the signal") for line in lines) == warned
