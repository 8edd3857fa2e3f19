"""Training images nearest to a drawn one: does the model copy?"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from ddpm.data.catalogue import cache_dir, data_dir, find_offline
from ddpm.errors import RequestError
from ddpm.loading.datasets import open_dataset
from ddpm.studio.worker_tasks import Task

BLOCK = 4096  # training images compared at a time


def find_nearest(task: Task) -> dict[str, Any]:
    """Return the training images nearest to an image, with their distances.

    Arguments: `target`, `count`, `shape` of the image, whose uint8 pixels are the payload. The distance is
    the root mean square difference in gray levels of 255. RequestError if the images are not here.
    """
    request = task.arguments
    config = task.shelf.open(request["target"]).model.spec.config
    if find_offline(config.data.path, data_dir=data_dir(), cache_dir=cache_dir()) is None:
        raise RequestError(
            f"The training images of this model ({config.data.path}) are not on this machine. Put them where "
            "ddpm data list says, then try again."
        )
    dataset = open_dataset(config)
    image = np.frombuffer(task.payload, np.uint8).reshape(request["shape"]).astype(np.float32)
    blocks = []
    for rows in np.array_split(dataset.train, -(-len(dataset.train) // BLOCK)):
        task.check()
        differences = dataset.images[rows].astype(np.float32) - image
        blocks.append(np.sqrt((differences**2).mean(axis=(1, 2, 3))))
    distances = np.concatenate(blocks)
    nearest = np.argsort(distances, kind="stable")[: request["count"]]
    rows = dataset.train[nearest]
    labels = dataset.labels
    return {
        "neighbors": [
            {
                "distance": float(distances[place]),
                "url": _data_address(np.asarray(dataset.images[row])),
                "label": None if labels is None else dataset.class_names[int(labels[row])],
            }
            for place, row in zip(nearest, rows, strict=True)
        ],
        "note": f"Root mean square difference in gray levels of 255, among {len(distances):,} training "
        "images.",
    }


def _data_address(image: np.ndarray) -> str:
    """Return a picture [C, H, W] as an address that holds it."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
