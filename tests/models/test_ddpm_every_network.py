"""Every kind of network under all that a model does: learning, resuming, drawing, guiding, distilling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ddpm.config import Config, with_overrides
from ddpm.diffusion.objectives import OBJECTIVES
from ddpm.diffusion.samplers import SAMPLERS, Prediction
from ddpm.models.ddpm import Ddpm
from ddpm.models.registry import MODELS, make_model
from ddpm.models.sizes import TensorSpec, weight_specs, width_key
from ddpm.models.spec import ModelSpec
from ddpm.models.student import Student
from ddpm.networks.kinds import NETWORKS
from ddpm.optim.state import State
from ddpm.sampling.samples import sample_images
from tests.diffusion.oracle import Gaussian, exact_moments

MakeSpec = Callable[..., ModelSpec]
KINDS = [name for name, row in NETWORKS.items() if not row.imported]
TINY = ("network.width=16", "network.depth=2", "network.heads=2", "network.patch=2")
IMAGES = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
LABELS = torch.arange(8) % 2


def model(small_spec: MakeSpec, kind: str, *overrides: str, classes: int = 0) -> Ddpm:
    return Ddpm(small_spec(f"network.kind={kind}", *TINY, *overrides, classes=classes))


def awake(made: Ddpm, seed: int = 3) -> Ddpm:
    """With random weights, the network and its average alike."""
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: tensor + 0.2 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in made.network.state_dict().items()
    }
    made.load_state({"weights": weights, "ema": weights})
    return made


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[stem][name])
        for stem, tensors in one.items()
        for name, tensor in tensors.items()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_three_steps_and_three_more_are_six_bit_for_bit(
    small_spec: MakeSpec, stored: Callable[[State], State], kind: str
) -> None:
    busy = ("network.dropout=0.3", "training.optimizer=muon", "training.accumulate=2")
    kept = ("training.posthoc_ema=4", "data.augment=0.5")
    whole, first, second = (model(small_spec, kind, *busy, *kept, classes=2) for _ in range(3))
    for step in range(1, 7):
        whole.training_step(IMAGES, LABELS, step)
    for step in range(1, 4):
        first.training_step(IMAGES, LABELS, step)
    second.load_state(stored(first.state()))
    for step in range(4, 7):
        second.training_step(IMAGES, LABELS, step)
    assert same(second.state(), whole.state())


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_keeps_its_bits_however_many_are_drawn(small_spec: MakeSpec, kind: str) -> None:
    made = awake(model(small_spec, kind, "sampling.chunk=3", "sampling.guidance=2", classes=2))
    settings = made.spec.config.sampling
    many = sample_images(made, range(7), [0, 1, 0, 1, 0, 1, 0], settings)
    few = sample_images(made, range(4), [0, 1, 0, 1], settings)
    assert (many[:4] == few).all() and (many[0] != many[2]).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_with_every_network(
    small_spec: MakeSpec, kind: str, objective: str
) -> None:
    made = model(
        small_spec, kind, f"diffusion.objective={objective}", "training.learning_rate=0.02"
    )
    losses = [float(made.training_step(IMAGES, None, 1)["loss"]) for _ in range(6)]  # one batch
    assert losses[-1] < 0.98 * losses[0]
    *_, last = made.trajectory([0, 1], None, made.spec.config.sampling)
    assert last.x.isfinite().all() and last.x.abs().max() <= 1 + 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws_the_gaussian_with_every_network(
    small_spec: MakeSpec, kind: str, sampler: Any
) -> None:
    """A silent network under EDM's preconditioning is the exact denoiser of a Gaussian."""
    spec = small_spec(
        f"network.kind={kind}", *TINY, "diffusion.objective=edm", "diffusion.num_steps=1000",
        "sampling.clip=none", "sampling.spacing=log-snr", "sampling.steps=30",
    )  # fmt: skip
    made = Ddpm(replace(spec, image_shape=(1, 1, 1)))
    settings = replace(made.spec.config.sampling, sampler=sampler)
    single = made.denoiser(None, settings)

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        return Prediction(single(x.float(), t).x0.double())

    with torch.no_grad():
        mean, std = exact_moments(SAMPLERS[sampler], denoise, made.levels(settings))
    data = Gaussian(-0.2, 0.6)
    assert mean == pytest.approx(data.mean, abs=0.006)
    assert std == pytest.approx(data.std, abs=0.02 if SAMPLERS[sampler].order > 1 else 0.12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_denoises_the_gaussian_with_every_network(
    small_spec: MakeSpec, kind: str, objective: str
) -> None:
    """With the exact target added to the output of a silent network. Samplers ask this denoiser alone."""
    made = model(small_spec, kind, f"diffusion.objective={objective}", "sampling.clip=none")
    data, seen, x = Gaussian(-0.2, 0.6), [0], torch.randn(20, 1, 8, 8).clamp(-2, 2)
    signal, sigma = made.schedule.at(torch.arange(20), x)
    exact = torch.where(signal > 1e-6, data.denoised(x, signal.clamp(min=1e-6), sigma), data.mean)

    def add_target(network: object, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        assert not output.any() and torch.equal(
            given[0], made.objective.network_input(x, signal, sigma)
        )
        seen[0] += 1
        noise = (x - signal * exact) / sigma
        return output + made.objective.target(exact, noise, signal, sigma)

    made.averaged.network.register_forward_hook(add_target)
    found = made.denoiser(None, made.spec.config.sampling)(x, torch.arange(20)).x0
    assert seen == [1]
    torch.testing.assert_close(found, exact, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_rounds_and_does_no_more(small_spec: MakeSpec, kind: str) -> None:
    exact = awake(model(small_spec, kind, "sampling.clip=none", classes=2))
    rounded = awake(
        model(small_spec, kind, "sampling.clip=none", "training.precision=bf16", classes=2)
    )
    assert rounded.precision == "bf16"
    t = torch.arange(8)
    one, other = (
        made.denoiser([0, 1] * 4, made.spec.config.sampling)(IMAGES, t).x0
        for made in (exact, rounded)
    )
    assert other.dtype == torch.float32 and not torch.equal(one, other)
    assert float((one - other).norm() / one.norm()) < 0.05
    for step in (1, 2):
        assert rounded.training_step(IMAGES, LABELS, step)["loss"].isfinite()


@pytest.mark.parametrize("kind", KINDS)
def test_a_learned_variance_comes_out_of_every_network(small_spec: MakeSpec, kind: str) -> None:
    made = model(small_spec, kind, "diffusion.learned_variance=true", "diffusion.schedule=linear")
    for step in range(1, 4):
        assert made.training_step(IMAGES, None, step)["loss"].isfinite()
    settings = replace(made.spec.config.sampling, sampler="ancestral")
    _, variance = made.denoiser(None, settings)(IMAGES, torch.full((8,), 10))
    assert variance is not None and variance.shape == IMAGES.shape


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_any_kind_guides_any_other(small_spec: MakeSpec, kind: str) -> None:
    strong = awake(model(small_spec, kind, classes=2))
    settings = replace(strong.spec.config.sampling, guide="model:other", guidance=2.0)
    for other in KINDS:
        weak = awake(model(small_spec, other, classes=2), seed=4)
        strong.guides.loaded = {"model:other": weak.averaged}
        t = torch.full((8,), 9)
        guided = strong.denoiser([0] * 8, replace(settings, clip="none"))(IMAGES, t).x0
        plain, poor = (
            made.denoiser([0] * 8, replace(settings, guide="", guidance=1.0, clip="none"))(
                IMAGES, t
            ).x0
            for made in (strong, weak)
        )
        torch.testing.assert_close(guided, 2 * plain - poor, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_of_every_kind_learns_from_its_teacher(small_spec: MakeSpec, kind: str) -> None:
    teacher = awake(model(small_spec, kind))
    config = replace(teacher.spec.config, model="student")
    student = Student(teacher.spec.with_config(config))
    student.set_teacher(teacher)
    student.load_state({"ema": teacher.averaged_weights()})
    before = student.averaged_weights()
    before = {name: tensor.clone() for name, tensor in before.items()}
    assert student.training_step(IMAGES, None, 1)["loss"].isfinite()
    assert any(not torch.equal(t, before[n]) for n, t in student.averaged_weights().items())
    *_, last = student.trajectory([0, 1], None, config.sampling)
    assert last.x.shape == (2, 1, 8, 8) and last.x.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_its_size_is_known_before_it_is_made(small_spec: MakeSpec, kind: str) -> None:
    spec = small_spec(f"network.kind={kind}", *TINY, "data.augment=0.1", classes=2)
    real = {n: TensorSpec.of(t) for n, t in make_model(spec).averaged_weights().items()}
    assert weight_specs(spec, MODELS["ddpm"].make) == real
    key = width_key(spec.config)
    huge = spec.with_config(with_overrides(spec.config, [f"{key}=4096", "network.depth=64"]))
    wider = weight_specs(huge, MODELS["ddpm"].make)
    assert sum(Tensor.numel(torch.empty(f.shape, device="meta")) for f in wider.values()) > 10**8


def test_weights_keep_their_constraint_through_training(small_spec: MakeSpec) -> None:
    """Forced weight normalization is part of every step, and of it alone."""
    made = model(small_spec, "edm2", "training.learning_rate=0.5")
    assert Config().network.kind == "unet"
    for step in (1, 2):
        made.training_step(IMAGES, None, step)
        weight = made.network.state_dict()["middle.conv1.weight"]
        rows = weight.flatten(1).norm(dim=1)
        torch.testing.assert_close(rows, torch.ones_like(rows), atol=1e-3, rtol=0)
