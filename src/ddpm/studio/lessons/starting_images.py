"""Images that a lesson starts from: of the model's data set, drawn by the model, or the reader's own."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.data.dataset import Dataset
from ddpm.data.decoding import decode
from ddpm.data.image_files import Images
from ddpm.data.image_source import BrokenImageError
from ddpm.data.pixels import to_model
from ddpm.errors import RequestError
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import OpenedModel
from ddpm.loading.offline import cached_dataset
from ddpm.sampling.samples import sample_images
from ddpm.studio.lessons.tensor_pictures import data_url

SHOWN = 8
KEPT_OWN = 64
IN_PACKAGE = "digits"  # the data set that needs no preparation
DRAWN_NOTE = "Drawn by the model from seeds 0 to 7: its data set is not prepared on this machine."


class StartingImages:
    """Images by id: `data-I` (training image I), `drawn-S` (seed S), `own-HASH` (given by the reader)."""

    def __init__(self) -> None:
        self._own: OrderedDict[str, bytes] = OrderedDict()
        self._drawn: dict[str, Images] = {}  # the first images of a model, by its origin

    def offer(self, opened: OpenedModel) -> dict[str, Any]:
        """Return ids, names and pictures of images to choose from, and a note about their origin."""
        found = self._data_images(opened)
        if found is not None:
            return {"images": found, "note": ""}
        images = self._drawn_images(opened)
        rows = [
            self._row(f"drawn-{seed}", f"seed {seed}", image) for seed, image in enumerate(images)
        ]
        return {"images": rows, "note": DRAWN_NOTE}

    def add(self, opened: OpenedModel, content: bytes) -> dict[str, Any]:
        """Keep an image file and return its id. RequestError if it is not an image."""
        image = _decode(opened, content)
        name = hashlib.sha256(content).hexdigest()[:16]
        self._own[name] = content
        self._own.move_to_end(name)
        while len(self._own) > KEPT_OWN:
            self._own.popitem(last=False)
        return self._row(f"own-{name}", "your image", image)

    def get(self, opened: OpenedModel, id: str) -> tuple[Tensor, int | None]:
        """Return the image [C, H, W] in [-1, 1] and its label. RequestError if it does not exist."""
        kind, _, name = id.partition("-")
        if kind == "own" and name in self._own:
            return _to_tensor(_decode(opened, self._own[name])), None
        if kind == "drawn" and name.isdecimal() and int(name[:6]) < SHOWN:
            return _to_tensor(self._drawn_images(opened)[int(name)]), None
        if kind == "data" and name.isdecimal():
            return self._data_image(opened, int(name[:12]))
        if kind == "own":
            raise RequestError("This image is no longer in memory. Choose the file again.")
        raise RequestError(f"There is no image {id[:40]}. Choose one of those shown.")

    @staticmethod
    def _row(id: str, name: str, image: Images) -> dict[str, str]:
        return {"id": id, "name": name, "picture": data_url(_to_tensor(image))}

    def _drawn_images(self, opened: OpenedModel) -> Images:
        if opened.origin not in self._drawn:
            settings = replace(opened.model.spec.config.sampling, chunk=SHOWN)
            classes = opened.model.spec.num_classes
            labels = [seed % classes for seed in range(SHOWN)] if classes else None
            with torch.no_grad():
                images = sample_images(opened.model, range(SHOWN), labels, settings)
            self._drawn[opened.origin] = images
        return self._drawn[opened.origin]

    def _data_images(self, opened: OpenedModel) -> list[dict[str, str]] | None:
        """Return evenly spaced training images; None if the data set is not prepared here."""
        if (dataset := _dataset(opened)) is None:
            return None
        places = np.linspace(0, len(dataset.train) - 1, min(SHOWN, len(dataset.train)))
        rows = dataset.train[places.astype(int)]
        return [
            self._row(f"data-{row}", f"training image {row}", dataset.images[int(row)])
            for row in rows
        ]

    def _data_image(self, opened: OpenedModel, row: int) -> tuple[Tensor, int | None]:
        if (dataset := _dataset(opened)) is None or row >= len(dataset.images):
            raise RequestError(f"There is no training image {row}. Choose one of those shown.")
        learns_labels = dataset.labels is not None and opened.model.spec.num_classes
        label = int(dataset.labels[row]) if learns_labels else None  # type: ignore[index]
        return _to_tensor(dataset.images[row]), label


def _dataset(opened: OpenedModel) -> Dataset | None:
    """Return the model's data set if it can be opened at once and holds images of the model's shape."""
    config = opened.model.spec.config
    try:
        found = open_dataset(config) if config.data.path == IN_PACKAGE else cached_dataset(config)
    except (RequestError, OSError):
        return None
    fits = found is not None and found.images.shape[1:] == opened.model.spec.image_shape
    return found if fits else None


def _decode(opened: OpenedModel, content: bytes) -> Images:
    channels, height, width = opened.model.spec.image_shape
    try:
        return np.array(decode(content, (height, width), channels))
    except BrokenImageError as error:
        raise RequestError(f"The file {error}. Choose a PNG or JPEG.") from error


def _to_tensor(image: Images) -> Tensor:
    return to_model(torch.from_numpy(np.array(image)))
