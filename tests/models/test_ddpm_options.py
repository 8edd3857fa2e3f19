"""Options of training: what they change, bit for bit, and that old trainings do not notice them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddpm.config import with_overrides
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.diffusion.timesteps import draw_times
from ddpm.diffusion.training_noise import draw_noise
from ddpm.models.ddpm import Ddpm
from ddpm.models.student import Student
from ddpm.networks.self_conditioning import SelfConditioned
from ddpm.optim.state import State
from ddpm.randomness import derive_seed, generator_for

Make = Callable[..., Ddpm]
IMAGES = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
OPTIONS = {
    "self-conditioning": ("network.self_conditioning=true",),
    "immiscible": ("diffusion.noise_candidates=4",),
    "immiscible batch": ("diffusion.noise_assignment=true",),
    "offset": ("diffusion.offset_noise=0.1",),
    "learned": ("diffusion.weighting=learned",),
    "huber": ("diffusion.huber=0.1",),
    "rate": ("training.decay=inverse-sqrt", "training.warmup=2"),
    "all": (
        "network.self_conditioning=true",
        "diffusion.weighting=learned",
        "diffusion.learned_variance=true",
        "diffusion.noise_candidates=2",
        "network.kind=edm2",
        "data.augment=0.5",
    ),
}


def stirred(model: Ddpm) -> Ddpm:
    """With random weights, the network and its average alike."""
    generator = torch.Generator().manual_seed(3)
    weights = {
        name: tensor + 0.2 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in model.network.state_dict().items()
    }
    model.load_state({"weights": weights})
    return model


def same(one: State, other: State) -> bool:
    return all(
        torch.equal(tensor, other[stem][name])
        for stem, tensors in one.items()
        for name, tensor in tensors.items()
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_two_steps_and_two_more_are_four_bit_for_bit(
    small_ddpm: Make, stored: Callable[[State], State], option: str
) -> None:
    settings = ("training.accumulate=2", *OPTIONS[option])
    whole, first, second = (small_ddpm(*settings) for _ in range(3))
    for step in range(1, 5):
        assert whole.training_step(IMAGES, None, step)["loss"].isfinite()
    for step in (1, 2):
        first.training_step(IMAGES, None, step)
    second.load_state(stored(first.state()))
    for step in (3, 4):
        second.training_step(IMAGES, None, step)
    assert same(second.state(), whole.state())


def test_the_noise_of_a_step_is_drawn_as_configured(small_ddpm: Make) -> None:
    """A silent network that predicts noise has the mean square of the noise as its loss."""
    settings = ("diffusion.noise_candidates=3", "diffusion.offset_noise=0.5")
    settings = (*settings, "diffusion.noise_assignment=true")
    loss = small_ddpm("diffusion.objective=noise", *settings).training_step(IMAGES, None, 4)["loss"]
    generator = generator_for(0, "step", 4)
    model = small_ddpm()
    draw_times("stratified", model.schedule, 8, generator)
    noise = draw_noise(IMAGES, generator, candidates=3, assigned=True, offset=0.5)
    torch.testing.assert_close(loss, noise.square().mean())


def test_a_learned_weighting_changes_the_gradient_and_not_the_value(small_ddpm: Make) -> None:
    plain, learned = small_ddpm(), small_ddpm("diffusion.weighting=learned")
    one, other = (model.training_step(IMAGES, None, 1)["loss"] for model in (plain, learned))
    assert torch.equal(one, other)
    assert learned.network.uncertainty is not None
    assert learned.network.uncertainty(torch.arange(20)).abs().max() > 0  # it has learned


def test_weights_pass_between_learned_and_fixed_weighting(small_ddpm: Make) -> None:
    plain, learned = small_ddpm(awake=True), small_ddpm("diffusion.weighting=learned")
    learned.load_state({"ema": plain.state()["ema"]})
    again = small_ddpm()
    again.load_state({"ema": learned.state()["ema"]})
    assert same({"ema": again.state()["ema"]}, {"ema": plain.state()["ema"]})


def seen_estimates(model: Ddpm) -> list[Tensor]:
    """The second half of every input that the averaged network gets from now on."""
    seen: list[Tensor] = []
    network = model.averaged.network
    assert isinstance(network, SelfConditioned)
    network.network.register_forward_pre_hook(lambda _, given: seen.append(given[0][:, 1:]))
    return seen


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_feeds_predictions_back(small_ddpm: Make, sampler: str) -> None:
    """Chen et al. 2022, Algorithm 2: zeros first, then the clipped prediction of the call before."""
    model = stirred(small_ddpm("network.self_conditioning=true"))
    seen = seen_estimates(model)
    settings = with_overrides(model.spec.config, [f"sampling.sampler={sampler}"]).sampling
    frames = list(model.trajectory([0, 1], None, settings))
    assert not seen[0].any() and all(estimate.any() for estimate in seen[1:])
    if len(seen) == len(frames) - 1:  # one evaluation a step
        for frame, estimate in zip(frames[1:-1], seen[1:], strict=True):
            assert torch.equal(frame.x0, estimate)


def test_both_sides_of_guidance_see_the_same_estimate(small_ddpm: Make) -> None:
    model = stirred(small_ddpm("network.self_conditioning=true", classes=2))
    seen = seen_estimates(model)
    settings = with_overrides(model.spec.config, ["sampling.guidance=2"]).sampling
    list(model.trajectory([0], [1], settings))
    assert len(seen) == 2 * settings.steps
    assert all(torch.equal(a, b) for a, b in zip(seen[::2], seen[1::2], strict=True))


def test_a_denoiser_outside_of_a_trajectory_is_a_function_of_its_input(small_ddpm: Make) -> None:
    """As likelihood needs it: nothing of an earlier call is left."""
    model = stirred(small_ddpm("network.self_conditioning=true"))
    denoise = model.denoiser(None, model.spec.config.sampling)
    t = torch.full((8,), 9)
    first = denoise(IMAGES, t).x0
    denoise(-IMAGES, t)
    assert torch.equal(denoise(IMAGES, t).x0, first)


def test_about_every_other_step_sees_its_own_prediction(small_ddpm: Make) -> None:
    model = stirred(small_ddpm("network.self_conditioning=true"))
    fed = []
    network = model.network
    assert isinstance(network, SelfConditioned)
    network.network.register_forward_pre_hook(lambda _, given: fed.append(given[0][:, 1:].any()))
    for step in range(1, 13):
        fed.clear()
        model.training_step(IMAGES, None, step)
        feeds_back = derive_seed(0, "self-conditioning", step) % 2 == 1
        assert [bool(one) for one in fed] == ([False, True] if feeds_back else [False])
    assert 3 <= sum(derive_seed(0, "self-conditioning", step) % 2 for step in range(1, 13)) <= 9


def test_a_student_of_a_self_conditioned_teacher_sees_no_estimate(small_ddpm: Make) -> None:
    teacher = stirred(small_ddpm("network.self_conditioning=true"))
    config = with_overrides(teacher.spec.config, ["model=student"])
    student = Student(teacher.spec.with_config(config))
    student.set_teacher(teacher)
    assert student.training_step(IMAGES, None, 1)["loss"].isfinite()
    seen = seen_estimates(student.ddpm)
    list(student.trajectory([0], None, config.sampling))
    assert seen and not any(estimate.any() for estimate in seen)
