"""The library without files: images, a model, samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ddpm.api import build_model, fit, sample
from ddpm.errors import RequestError
from ddpm.loading.models import open_model

pytestmark = pytest.mark.usefixtures("workplace")
QUICK = ["sampling.steps=3"]


def test_a_model_made_from_images_learns_and_draws() -> None:
    images = torch.zeros(40, 3, 6, 6, dtype=torch.uint8)
    images[:, 0] = 255
    labels = torch.arange(40) % 2
    model = build_model("digits", images, labels, device="cpu")
    assert model.spec.class_counts == (20, 20) and model.spec.image_shape == (3, 6, 6)
    losses = fit(model, images, labels, steps=12)
    assert len(losses) == 12 and np.mean(losses[-3:]) < losses[0]
    drawn = sample(model, 2, label="1", settings=QUICK)
    assert drawn.shape == (2, 3, 6, 6) and drawn.dtype == torch.uint8
    with pytest.raises(RequestError, match="uint8"):
        build_model("digits", images.float())


def test_wrong_arguments_are_refused_with_a_fix() -> None:
    images = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    for labels in (torch.zeros(5, dtype=torch.int64), torch.zeros(6)):
        with pytest.raises(RequestError, match=r"Labels must be int64 \[6\], one for each image"):
            build_model("digits", images, labels)
    with pytest.raises(RequestError, match="at least one"):
        build_model("digits", images[:0])
    model = open_model("digits", "cpu").model
    with pytest.raises(RequestError, match="steps is 0; pass a whole number of at least 1"):
        fit(model, images, steps=0)
    with pytest.raises(RequestError, match="n is 0; pass a whole number of at least 1"):
        sample(model, 0)
