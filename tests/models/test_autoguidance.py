"""Autoguidance in closed form: two Gaussians, one of them a worse version of the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpm.config import SamplingConfig, without_guide
from ddpm.errors import RequestError
from ddpm.messages import sentence
from ddpm.models.autoguidance import Guides, guidances
from ddpm.models.ddpm import Ddpm

Make = Callable[..., Ddpm]
GOOD, BAD = (-0.2, 0.5), (0.1, 0.9)  # mean, standard deviation: the worse one is wider
T = 8


class GaussianNetwork(nn.Module):
    """Answers E[x0 | x_t] for Gaussian data: what a network that predicts x0 learns of them."""

    def __init__(self, model: Ddpm, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = (nn.Parameter(torch.tensor(v)) for v in (mean, std))
        self.schedule = model.schedule

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        signal, sigma = self.schedule.at(t, x)
        prior, seen = self.std**-2, (signal / sigma) ** 2
        return (prior * self.mean + seen * x / signal) / (prior + seen)


def log_density(x: Tensor, data: tuple[float, float], signal: float, sigma: float) -> Tensor:
    """log p(x_t) for Gaussian data: a Gaussian of mean a μ and variance a² s² + σ²."""
    mean, std = data
    spread = ((signal * std) ** 2 + sigma**2) ** 0.5
    return torch.distributions.Normal(signal * mean, spread).log_prob(x).sum()


@pytest.fixture
def model(small_ddpm: Make) -> Ddpm:
    """The good Gaussian, which knows the bad one as step:1."""
    model = small_ddpm("diffusion.objective=x0")
    model.learner.ema.network = GaussianNetwork(model, *GOOD)  # type: ignore[assignment]
    bad = {"mean": torch.tensor(BAD[0]), "std": torch.tensor(BAD[1])}
    model.guides = Guides({"step:1": bad}.__getitem__)
    return model


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.5, 3.0])
def test_the_guided_score_is_that_of_p_good_to_the_w_over_p_bad_to_the_w_minus_1(
    model: Ddpm, scale: float
) -> None:
    """∇ log p₁ + (w - 1) ∇ log p₁/p₀ (Karras et al. 2024, section 3), by automatic differentiation."""
    own = model.spec.config.sampling
    settings = replace(own, guidance=scale, guide="step:1", clip="none")
    x, t = torch.randn(2, 1, 8, 8, requires_grad=True), torch.tensor([T, T])
    signal, sigma = (float(v) for v in (model.schedule.signal[T], model.schedule.sigma[T]))
    good = log_density(x, GOOD, signal, sigma)
    total = good + (scale - 1) * (good - log_density(x, BAD, signal, sigma))
    (wanted,) = torch.autograd.grad(total, x)
    with torch.no_grad():
        x0 = model.denoiser(None, settings)(x, t).x0
    score = (signal * x0 - x) / sigma**2
    torch.testing.assert_close(score, wanted, atol=2e-4, rtol=2e-4)


def test_guided_images_are_narrower_than_the_data(model: Ddpm) -> None:
    """What the worse version spreads too widely is drawn together, as the paper says it is."""
    own = replace(model.spec.config.sampling, steps=20, clip="none")
    stds = []
    for scale in (1.0, 2.0):
        settings = replace(own, guidance=scale, guide="step:1")
        *_, last = model.trajectory(range(60), None, settings)
        stds.append(float(last.x.std()))
    assert stds[0] == pytest.approx(GOOD[1], rel=0.05) and stds[1] < 0.9 * stds[0]


def test_scale_one_is_the_model_itself_and_looks_for_no_guide(small_ddpm: Make) -> None:
    model = small_ddpm(awake=True)
    settings = replace(model.spec.config.sampling, guide="step:1")
    *_, with_guide = model.trajectory([0, 1], None, settings)
    *_, plain = model.trajectory([0, 1], None, replace(settings, guide=""))
    assert torch.equal(with_guide.x, plain.x)


def test_the_interval_holds_for_it_as_well(model: Ddpm) -> None:
    own = replace(model.spec.config.sampling, guidance=2.0, guide="step:1", clip="none")
    low = model.denoiser(None, replace(own, guidance_interval=(0.0, 0.3)))
    plain = model.denoiser(None, replace(own, guidance=1.0))
    x = torch.randn(1, 1, 8, 8)
    for t, same in ((2, False), (15, True)):
        moment = torch.tensor([t])
        with torch.no_grad():
            assert torch.equal(low(x, moment).x0, plain(x, moment).x0) is same


def test_with_labels_both_are_asked_about_the_same_label(small_ddpm: Make) -> None:
    model = small_ddpm(awake=True, classes=3)
    assert any(p.abs().sum() for p in model.learner.ema.network.parameters())
    early = {n: 0.5 * p for n, p in model.averaged_weights().items()}
    model.guides = Guides(lambda name: early)
    other = Ddpm(model.spec)
    other.load_state({"ema": early})
    settings = replace(model.spec.config.sampling, clip="none")
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([T, T])
    with torch.no_grad():
        guided = replace(settings, guidance=2.5, guide="step:1")
        found = model.denoiser([1, 2], guided)(x, t).x0
        good, bad = (m.denoiser([1, 2], settings)(x, t).x0 for m in (model, other))
    torch.testing.assert_close(found, bad + 2.5 * (good - bad))


def test_a_guide_is_looked_for_once(small_ddpm: Make) -> None:
    asked = []

    def find(name: str) -> Mapping[str, Tensor]:
        asked.append(name)
        return {}

    model = small_ddpm()
    guides = Guides(find)
    own = model.averaged
    one = guides.guide("step:1", own)
    assert guides.guide("step:1", own) is one and asked == ["step:1"]
    assert one.network is not model.learner.ema.network and one.objective is model.objective


def test_a_model_without_a_run_says_so(small_ddpm: Make) -> None:
    model = small_ddpm()
    settings = replace(model.spec.config.sampling, guidance=2.0, guide="step:1")
    with pytest.raises(
        RequestError, match=r"sampling.guide=step:1 is an earlier state of the model"
    ):
        model.denoiser(None, settings)


class LabelledGaussian(GaussianNetwork):
    """Knows one class, a narrow Gaussian, and without the label a wide one around 0."""

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        known = GaussianNetwork.forward(self, x, t)
        signal, sigma = self.schedule.at(t, x)
        seen = (signal / sigma) ** 2
        unknown = seen * x / signal / (1 + seen)  # standard normal
        return known if labels is not None else unknown


def test_label_and_guide_add_in_the_score(small_ddpm: Make) -> None:
    """∇ log p₁ + (a - 1) ∇ log p₁/p_any + (b - 1) ∇ log p₁/p₀, by automatic differentiation."""
    model = small_ddpm("diffusion.objective=x0", classes=1)
    model.learner.ema.network = LabelledGaussian(model, *GOOD)  # type: ignore[assignment]
    bad = {"mean": torch.tensor(BAD[0]), "std": torch.tensor(BAD[1])}
    model.guides = Guides({"step:1": bad}.__getitem__)
    own = replace(model.spec.config.sampling, guide="step:1", clip="none")
    x, t = torch.randn(2, 1, 8, 8, requires_grad=True), torch.tensor([T, T])
    signal, sigma = (float(v) for v in (model.schedule.signal[T], model.schedule.sigma[T]))
    good, any_, worse = (log_density(x, p, signal, sigma) for p in (GOOD, (0.0, 1.0), BAD))
    settings = replace(own, guidance=1.3, guide_scale=2.0)
    total = good + 0.3 * (good - any_) + 1.0 * (good - worse)
    (wanted,) = torch.autograd.grad(total, x)
    with torch.no_grad():
        x0 = model.denoiser([0, 0], settings)(x, t).x0
    torch.testing.assert_close((signal * x0 - x) / sigma**2, wanted, atol=2e-4, rtol=2e-4)
    assert model.evaluations(settings, T) == 3
    assert "guidance 1.3 and 2 away from step:1" in sentence(model.describe_sampling(settings))


def test_what_guides() -> None:
    def kinds(labelled: bool, **changes: Any) -> list[tuple[bool, float]]:
        return [tuple(each) for each in guidances(SamplingConfig(**changes), labelled=labelled)]

    assert kinds(True) == kinds(True, guide="early", guide_scale=2.0) == []
    assert kinds(True, guidance=3.0) == [(False, 3.0)]
    assert kinds(False, guidance=3.0) == []
    for labelled in (True, False):
        assert kinds(labelled, guidance=3.0, guide="early") == [(True, 3.0)]
    both = {"guidance": 1.5, "guide": "early", "guide_scale": 2.0}
    assert kinds(True, **both) == [(False, 1.5), (True, 2.0)]
    assert kinds(False, **both) == [(True, 1.5)]
    assert kinds(True, **asdict(without_guide(SamplingConfig(**both)))) == [(False, 1.5)]
    alone = SamplingConfig(guidance=1.5, guide="early")
    assert kinds(True, **asdict(without_guide(alone))) == []
