"""A model of an ONNX file samples like the model it was exported from, and cannot train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from ddpm.config import SamplingConfig
from ddpm.errors import RequestError
from ddpm.models.base import DiffusionModel, GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.onnx_model import OnnxModel
from ddpm.sampling.samples import sample_images


def as_onnx(model: Ddpm) -> OnnxModel:
    """An ONNX model whose session is the given model in torch."""
    unclipped = SamplingConfig(clip="none")

    def evaluate(inputs: Mapping[str, Any]) -> Any:
        classes = inputs["labels"].tolist() if "labels" in inputs else None
        x, t = torch.from_numpy(inputs["x"]), torch.from_numpy(inputs["t"]).to(torch.int64)
        return model.denoiser(classes, unclipped)(x, t).x0.detach().numpy()

    return OnnxModel(model.spec, evaluate, b"file")


@pytest.mark.parametrize("classes", [0, 3])
def test_it_draws_the_same_images(small_ddpm: Callable[..., Ddpm], classes: int) -> None:
    model = small_ddpm(awake=True, classes=classes)
    labels = [0, 2] if classes else None
    settings = SamplingConfig(sampler="ancestral", steps=5, guidance=2.0 if classes else 1.0)
    found = sample_images(as_onnx(model), range(2), labels, settings)
    with torch.no_grad():
        expected = sample_images(model, range(2), labels, settings)
    assert abs(found.astype(int) - expected).max() <= 1


def test_it_measures_and_does_not_train(small_ddpm: Callable[..., Ddpm]) -> None:
    model = as_onnx(small_ddpm(awake=True))
    assert isinstance(model, GenerativeModel) and isinstance(model, DiffusionModel)
    images = torch.zeros(4, 1, 8, 8)
    losses = model.image_losses(images, None)
    assert losses.shape == (4,) and bool((losses > 0).all())
    calls: list[Callable[[], object]] = [
        lambda: model.training_step(images, None, 1),
        lambda: model.heldout_loss(images, None),
        lambda: model.load_state(model.state()),
        lambda: model.set_total_steps(model.spec.config),
        lambda: model.compile(),
    ]
    for call in calls:
        with pytest.raises(RequestError, match="not trained"):
            call()
