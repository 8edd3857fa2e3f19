"""A polished model: its pairs, its loss against the reference, and that training separates the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.discriminative import discriminative_loss
from ddpm.diffusion.objectives import training_loss
from ddpm.errors import RequestError
from ddpm.models.base import TaughtModel, as_diffusion
from ddpm.models.ddpm import Ddpm
from ddpm.models.polished import PolishedDdpm, reference_settings
from ddpm.models.spec import ModelSpec
from ddpm.randomness import generator_for

MakeDdpm = Callable[..., Ddpm]
MakeSpec = Callable[..., ModelSpec]
LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture
def polished(small_spec: MakeSpec, small_ddpm: MakeDdpm) -> Callable[..., PolishedDdpm]:
    """A polished model at its start, with the weights of its reference."""

    def make(*overrides: str, classes: int = 3) -> PolishedDdpm:
        reference = small_ddpm(*overrides, classes=classes, awake=True)
        spec = small_spec(*overrides, classes=classes)
        model = PolishedDdpm(spec.with_config(replace(spec.config, model="polished")))
        model.load_state({"ema": reference.averaged_weights()})
        model.set_teacher(reference)
        return model

    return make


def pair(model: PolishedDdpm, real: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Images, losses under the reference, and losses under the model, of one batch of pairs."""
    batch = model._pair_batch(real, labels, generator_for(0, "step", 1), model._loss)
    assert batch.reference_loss is not None and batch.is_real is not None
    assert batch.is_real.tolist() == [True] * len(real) + [False] * len(real)
    half = len(real)
    assert torch.equal(batch.t[:half], batch.t[half:])
    assert torch.equal(batch.noise[:half], batch.noise[half:])
    with torch.no_grad():
        return batch.x0, batch.reference_loss, model._loss(model.network, batch)


def test_generated_images_are_the_reference_s_own_and_pairs_share_time_and_noise(
    polished: Callable[..., PolishedDdpm],
) -> None:
    model, real = polished("sampling.guidance=3"), torch.rand(4, 1, 8, 8) * 2 - 1
    images, under_reference, under_model = pair(model, real, LABELS)
    assert torch.equal(images[:4], real)
    reference = model.reference
    assert reference is not None
    settings = reference_settings(reference)
    assert settings.guidance == 1 and settings.steps == 8
    generator = generator_for(0, "step", 1, device=model.device)
    noise = torch.randn(real.shape, generator=generator)
    levels = reference.levels(settings)
    start = levels.sigma[0].float() * noise
    *_, last = reference.frames(levels, start, lambda: noise, LABELS.tolist(), settings)
    torch.testing.assert_close(images[4:], last.x.clamp(-1, 1))
    torch.testing.assert_close(under_model, under_reference)  # at the start


def test_its_step_descends_the_discriminative_loss(
    polished: Callable[..., PolishedDdpm],
) -> None:
    """The logged loss of the first step is ln 2; later ones tell real images from generated ones."""
    model = polished("training.learning_rate=1e-2", "training.warmup=0", "training.steps=30")
    real = torch.ones(4, 1, 8, 8) * 0.5  # unlike anything that the reference generates
    losses = [float(model.training_step(real, LABELS, step)["loss"]) for step in range(1, 21)]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)
    assert losses[-1] < 0.5


def test_the_loss_is_that_of_the_networks(polished: Callable[..., PolishedDdpm]) -> None:
    model, real = polished(), torch.rand(2, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.01)
    batch = model._pair_batch(real, LABELS[:2], generator_for(0, "step", 1), model._loss)
    with torch.no_grad():
        own = training_loss(
            lambda x, t: model.network(x, t, batch.labels).float(),
            model.schedule,
            model.objective,
            batch.x0,
            batch.t,
            batch.noise,
        )
        assert batch.reference_loss is not None and batch.is_real is not None
        polish = model.spec.config.polish
        expected = discriminative_loss(
            own, batch.reference_loss, batch.is_real, values=64, strength=polish.strength
        )
        torch.testing.assert_close(
            model._pair_loss(model._loss)(model.network, batch), expected, rtol=0.02, atol=1e-3
        )


def test_both_see_an_estimate_in_every_other_step_on_average(
    polished: Callable[..., PolishedDdpm],
) -> None:
    """A self-conditioned model is polished with and without its own estimate, and begins at ln 2."""
    model = polished("network.self_conditioning=true", "training.learning_rate=0")
    calls = {}
    for network in (model.network, model.reference.averaged.network):
        network.register_forward_hook(lambda self, *_: calls.update({self: calls.get(self, 0) + 1}))
    real, own = torch.rand(4, 1, 8, 8) * 2 - 1, []
    for step in range(1, 13):
        calls.clear()
        loss = float(model.training_step(real, LABELS, step)["loss"])
        assert loss == pytest.approx(0.6931, abs=1e-3)
        own.append(calls[model.network])
    assert set(own) == {1, 2}


def test_without_a_reference_it_samples_but_does_not_train(
    small_spec: MakeSpec, polished: Callable[..., PolishedDdpm]
) -> None:
    model = polished(classes=0)
    model.reference = None
    assert as_diffusion(model) is model and isinstance(model, TaughtModel)
    frames = list(model.trajectory([0], None, model.spec.config.sampling))
    assert frames[-1].x.shape == (1, 1, 8, 8)
    with pytest.raises(RequestError, match=r"needs a reference; train it with ddpm polish RUN"):
        model.training_step(torch.zeros(2, 1, 8, 8), None, 1)
    assert model.heldout_loss(torch.zeros(2, 1, 8, 8), None)["loss"].isfinite()


def test_its_held_out_loss_does_not_change_with_the_step(
    polished: Callable[..., PolishedDdpm],
) -> None:
    model, images = polished(), torch.rand(4, 1, 8, 8)
    first = model.heldout_loss(images, LABELS)["loss"]
    assert float(first) == pytest.approx(0.6931, abs=1e-3)
    assert torch.equal(first, model.heldout_loss(images, LABELS)["loss"])
