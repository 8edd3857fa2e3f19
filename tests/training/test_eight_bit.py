"""Weights in eight bits keep their values to half a step of their channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ddpm.commands.export.export import export
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.sizes import TensorSpec
from ddpm.models.spec import SPEC_KEY
from ddpm.sampling.samples import sample_images
from ddpm.training.eight_bit import MIN_NUMBERS, dequantize, dequantized_forms, quantize


@given(
    shape=st.sampled_from([(1, MIN_NUMBERS), (64, 200), (64, 16, 3, 3)]),
    magnitude=st.floats(1e-6, 1e4),
    seed=st.integers(0, 2**16),
)
def test_rounding_errors_are_at_most_half_a_step_of_the_channel(
    shape: tuple[int, ...], magnitude: float, seed: int
) -> None:
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * magnitude
    weights[0] *= 100  # a channel of large weights costs the others nothing
    restored = dequantize(quantize({"w": weights}))["w"]
    largest = weights.flatten(1).abs().amax(1)
    error = (restored - weights).flatten(1).abs().amax(1)
    assert restored.shape == weights.shape and (error <= largest / 254 * 1.001).all()
    assert torch.allclose(restored.flatten(1).abs().amax(1), largest, rtol=1e-6)


def test_zeros_stay_zeros_and_small_tensors_and_counts_stay_what_they_are() -> None:
    tail = torch.tensor([[0.5, 0.25]])  # such as the last layer
    tensors = {
        "w": torch.zeros(64, 128),
        "tail": tail,
        "b": torch.tensor([0.5, -2.0]),
        "n": torch.tensor([7]),
    }
    stored = quantize(tensors)
    assert {name: t.dtype for name, t in stored.items()} == {
        "w": torch.int8,
        "w.scale": torch.float32,
        "tail": torch.float16,
        "b": torch.float16,
        "n": torch.int64,
    }
    restored = dequantize(stored)
    assert list(restored) == ["w", "tail", "b", "n"]
    assert all(torch.equal(restored[name].to(t.dtype), t) for name, t in tensors.items())


def test_the_form_of_a_file_is_the_form_of_its_model() -> None:
    tensors = {"w": torch.ones(64, 128), "gain.scale": torch.ones(4), "n": torch.tensor([7])}
    forms = {name: TensorSpec.of(tensor) for name, tensor in quantize(tensors).items()}
    assert dequantized_forms(forms) == {name: TensorSpec.of(t) for name, t in tensors.items()}


@pytest.mark.usefixtures("workplace")
def test_an_eight_bit_file_is_small_and_samples_nearly_the_images() -> None:
    files = [export("mnist", to="safetensors", out=Path("half.safetensors"), half=True)]
    files += [export("mnist", to="safetensors", out=Path("eight.safetensors"), eight_bit=True)]
    half, eight = (path.stat().st_size for path in files)
    assert eight < 0.55 * half
    models = [open_model(path, "cpu").model for path in files]
    settings = models[0].spec.config.sampling
    images = [sample_images(model, range(10), range(10), settings) for model in models]
    difference = images[0].astype(np.float64) - images[1]
    assert 0 < np.sqrt((difference**2).mean()) < 12  # of 255


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("scale of another tensor", "the scale of .* does not fit it"),
        ("no scale", "does not have the shape or data type"),
        ("scale not finite", "not finite"),
    ],
)
def test_damaged_files_are_refused(damage: str, words: str) -> None:
    path = export("digits", to="safetensors", out=Path("eight.safetensors"), eight_bit=True)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    stored = load_file(path)
    name = next(key for key in stored if key.endswith(".scale"))
    if damage == "no scale":
        del stored[name]
    elif damage == "scale not finite":
        stored[name][0] = float("nan")
    else:
        stored[name] = stored[name][:-1].clone()
    save_file(stored, path, {SPEC_KEY: metadata[SPEC_KEY]})
    with pytest.raises(RequestError, match=words):
        open_model(path, "cpu")
