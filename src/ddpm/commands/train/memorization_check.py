"""Memorization check during training: the held-out gap, and copies among generated images."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.data.dataset import Dataset
from ddpm.data.pixels import to_model
from ddpm.evaluation.copy_detection import copy_rates, pixel_vectors
from ddpm.evaluation.heldout_gap import heldout_gap
from ddpm.models.base import GenerativeModel
from ddpm.models.registry import gather_model
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import preview_settings
from ddpm.training.loop import Batch

GENERATED_IMAGES = 50  # images checked for copies
MAX_SEARCHED_IMAGES = 20_000  # training images that they are compared with


class MemorizationCheck:
    """Callable that returns a row for the log. It does not affect weights or random numbers of training."""

    def __init__(self, model: GenerativeModel, dataset: Dataset, heldout: Batch | None) -> None:
        self.model, self.dataset, self.heldout = model, dataset, heldout

    def __call__(self) -> dict[str, Any]:
        """Return the measurements of the current weights."""
        return {**self._gap(), **self._copies()}

    def _gap(self) -> dict[str, Any]:
        """Compare the loss of the averaged weights on held-out and on training images."""
        heldout = None if self.heldout is None else self.model.image_losses(*self.heldout)
        if heldout is None or len(heldout) < 2:
            return {}
        training = self.model.image_losses(*self._training_images(len(heldout)))
        assert training is not None
        gap = heldout_gap(heldout.cpu(), training.cpu())
        return {
            "training_images_loss": float(training.mean()),
            "heldout_gap": gap.relative,
            "heldout_gap_z": gap.z,
            "heldout_gap_pairs": len(heldout),
        }

    def _copies(self) -> dict[str, Any]:
        """Measure the share of generated images that copy training images."""
        if len(self.dataset.train) < 2:
            return {}
        rates = copy_rates(self._generated_vectors(), self._training_vectors, self._heldout_vectors)
        row = {
            "copies": rates.share,
            "copies_heldout": rates.heldout_share,
            "neighbor_ratio": rates.ratio,
        }
        return {name: value for name, value in row.items() if value is not None}

    def _generated_vectors(self) -> Tensor:
        """Return pixel vectors [N, D] of images sampled in few steps from seeds 0, 1, …"""
        seeds, model = range(GENERATED_IMAGES), gather_model(self.model)
        settings = preview_settings(model.spec.config.sampling)
        with torch.no_grad():
            images = sample_images(model, seeds, choose_labels(model, seeds, None), settings)
        return pixel_vectors(torch.from_numpy(images))

    def _training_images(self, count: int) -> Batch:
        """Return `count` training images, evenly spaced, with repetitions if there are fewer."""
        rows = _evenly_spaced(self.dataset.train, count)
        labels = self.dataset.labels
        chosen = None if labels is None else torch.from_numpy(labels[rows])
        return to_model(torch.from_numpy(np.array(self.dataset.images[rows]))), chosen

    @cached_property
    def _training_vectors(self) -> Tensor:
        train = self.dataset.train
        return self._vectors(_evenly_spaced(train, min(len(train), MAX_SEARCHED_IMAGES)))

    @cached_property
    def _heldout_vectors(self) -> Tensor:
        if self.heldout is None:
            return torch.empty(0, 0, dtype=torch.float32, device="cpu")
        return self._vectors(self.dataset.heldout[: len(self.heldout[0])])

    def _vectors(self, rows: NDArray[np.int64]) -> Tensor:
        """Return pixel vectors [N, D], computed in blocks to limit memory."""
        blocks = np.array_split(rows, max(1, len(rows) // 1024))
        images = self.dataset.images
        return torch.cat([pixel_vectors(torch.from_numpy(np.array(images[b]))) for b in blocks])


def _evenly_spaced(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
