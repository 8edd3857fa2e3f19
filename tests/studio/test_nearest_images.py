"""Training images nearest to a drawn one."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import open_model
from ddpm.studio.model_shelf import ModelShelf
from ddpm.studio.nearest_images import find_nearest
from ddpm.studio.worker_tasks import Task


def nearest(target: str, image: np.ndarray, count: int = 3) -> dict[str, Any]:  # type: ignore[type-arg]
    arguments = {"target": target, "count": count, "shape": list(image.shape)}
    task = Task(arguments, ModelShelf(), image.tobytes(), lambda *event: None, threading.Event())
    return find_nearest(task)


def test_a_training_image_is_its_own_nearest() -> None:
    dataset = open_dataset(open_model("bundled:digits").model.spec.config)
    image = np.asarray(dataset.images[dataset.train[7]])
    found = nearest("bundled:digits", image)
    first, *others = found["neighbors"]
    assert first["distance"] == 0 and len(others) == 2
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(first["url"].partition(",")[2]))))
    assert (shown == image[0]).all()
    every = np.asarray(dataset.images[dataset.train]).astype(np.float64)
    expected = np.sort(np.sqrt(((every - image) ** 2).mean(axis=(1, 2, 3))))[:3]
    assert [row["distance"] for row in found["neighbors"]] == pytest.approx(expected, rel=1e-5)
    assert f"{len(dataset.train):,} training images" in found["note"]


def test_images_that_are_not_here_are_a_sentence(make_run: Callable[..., Path]) -> None:
    target = make_run("away", (1, 8, 8), data="/nowhere/images")
    with pytest.raises(RequestError, match=r"/nowhere/images.*not on this machine"):
        nearest(str(target), np.zeros((1, 8, 8), np.uint8))
