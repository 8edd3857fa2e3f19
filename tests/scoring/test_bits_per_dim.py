"""Bits a dimension of a model: what the mathematics says, on held-out images, without labels."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ddpm.data.pixels import to_model
from ddpm.diffusion.samplers import Prediction
from ddpm.loading.models import open_model
from ddpm.messages import join_sentences
from ddpm.models.ddpm import Ddpm
from ddpm.scoring import bits_per_dim
from ddpm.scoring.bits_per_dim import likelihood_rows

MEAN, STD = -0.2, 0.25  # of independent Gaussian pixels, in model range


@pytest.fixture
def model(make_run) -> Ddpm:
    return open_model(str(make_run("bits", (1, 8, 8))), "cpu").model  # type: ignore[return-value]


def heldout(count: int) -> Tensor:
    pixels = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return ((pixels * STD + MEAN + 1) * 255 / 2).round().clamp(0, 255).byte()


def ideal(model: Ddpm, asked: list) -> None:
    """Let the model answer with the exact posterior mean of Gaussian pixels."""

    def denoiser(labels, settings):
        tf32 = torch.backends.cudnn.allow_tf32
        asked.append((labels, settings.guidance, settings.clip, model.precision, tf32))

        def denoise(x: Tensor, t: Tensor) -> Prediction:
            signal, sigma = model.schedule.at(t, x)
            gain = signal * STD**2 / (signal**2 * STD**2 + sigma**2)
            return Prediction(MEAN + gain * (x - signal * MEAN), None)

        return denoise

    model.denoiser = denoiser  # type: ignore[method-assign]


def test_both_numbers_are_the_entropy_of_gaussian_pixels(model: Ddpm) -> None:
    asked: list = []
    ideal(model, asked)
    rows = likelihood_rows(model, heldout(40), 40, seed=0)
    images = to_model(heldout(40))
    density = torch.distributions.Normal(MEAN, STD).log_prob(images).mean().item()
    true = -(density + math.log(2 / 255)) / math.log(2)
    bound, ode = (row["value"] for row in rows)
    assert ode == pytest.approx(true, abs=0.03)
    assert true < bound < true + 0.8
    # without labels, guidance or clipping, and with all bits of float32
    assert asked == [(None, 1.0, "none", "fp32", False)] * 2


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bits_per_dim, "BOUND_TERMS", 5)
    monkeypatch.setattr(bits_per_dim, "ODE_STEPS", 4)


@pytest.mark.usefixtures("coarse")
def test_rows_are_complete_and_repeat(model: Ddpm) -> None:
    usual = model.precision, torch.backends.cudnn.allow_tf32
    rows = likelihood_rows(model, heldout(9), 6, seed=3)
    assert rows == likelihood_rows(model, heldout(9), 6, seed=3)
    assert rows != likelihood_rows(model, heldout(9), 6, seed=4)
    assert (model.precision, torch.backends.cudnn.allow_tf32) == usual
    assert [row["metric"] for row in rows] == ["bits-bound", "bits-ode"]
    for row in rows:
        assert row["low"] < row["value"] < row["high"]
        assert (
            row["n"] == 6
            and row["better"] == "lower"
            and join_sentences(row["notes"]) == "6 held-out images"
        )
        assert row["floor"] is row["floor_low"] is row["floor_high"] is None
        assert "n=6" in row["protocol"] and "unconditional" in row["protocol"]


def test_the_interval_is_that_of_a_mean_over_images(model: Ddpm) -> None:
    ideal(model, [])
    rows = likelihood_rows(model, heldout(40), 40, seed=0)
    images = to_model(heldout(40))
    each = -torch.distributions.Normal(MEAN, STD).log_prob(images).mean(dim=(1, 2, 3)) / math.log(2)
    half = 1.96 * each.std().item() / 40**0.5
    assert (rows[1]["high"] - rows[1]["low"]) / 2 == pytest.approx(half, rel=0.3)


@pytest.mark.usefixtures("coarse")
def test_chunks_are_no_part_of_the_count(model: Ddpm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bits_per_dim, "CHUNK", 7)
    rows = likelihood_rows(model, heldout(8), 64, seed=0)
    assert [row["n"] for row in rows] == [8, 8]


def test_there_are_no_rows_without_images_or_a_density(model: Ddpm, make_run) -> None:
    assert likelihood_rows(model, heldout(10), 0, seed=0) == []
    assert likelihood_rows(model, heldout(0), 64, seed=0) == []
    gan = open_model(str(make_run("gan", (1, 28, 28), model="dcgan")), "cpu").model
    assert likelihood_rows(gan, torch.zeros(9, 1, 28, 28, dtype=torch.uint8), 64, seed=0) == []
