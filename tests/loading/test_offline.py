"""Images of a configuration without downloading or decoding: from the cache, else noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.datasets import open_dataset
from ddpm.loading.offline import NOISE_IMAGES, cached_dataset, count_images, offline_data


def config(*overrides: str) -> Config:
    return with_overrides(Config(), ["data.path=flat.npy", *overrides])


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of 40 images, and an empty cache."""
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "cache"))
    values = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 6), dtype=np.uint8)
    np.save("flat.npy", values)


def test_images_that_are_not_decoded_are_replaced_by_noise_of_their_shape() -> None:
    data = offline_data(config("data.size=8x6", "data.channels=1"))
    assert data.spec.image_shape == (1, 8, 6) and data.images == 40
    assert len(data.batches) == NOISE_IMAGES
    assert data.note.startswith(
        "noise shaped like the images, about 40 in the set (flat.npy is not decoded"
    )
    assert not Path("cache").exists()  # nothing was written


def test_decoded_images_are_used() -> None:
    own = config("data.size=8x6")
    assert cached_dataset(own) is None
    dataset = open_dataset(own)
    data = offline_data(own)
    assert data.images == len(dataset.train) == len(data.batches)
    assert data.note == f"{data.images} images of flat"


def test_pseudo_labels_are_counted_without_clustering() -> None:
    own = config("data.size=8x6", "data.labels=kmeans:3")
    assert offline_data(own).spec.class_names == ("0", "1", "2")
    open_dataset(own)
    data = offline_data(own)
    assert data.spec.class_names == ("0", "1", "2") and sum(data.spec.class_counts) == data.images


def test_a_data_set_elsewhere_is_counted_from_the_table() -> None:
    assert count_images(config("data.path=mnist")) == (60_000, ())


def test_nothing_at_the_path_is_refused() -> None:
    with pytest.raises(RequestError, match="nowhere"):
        offline_data(config("data.path=./nowhere"))
    with pytest.raises(RequestError, match="No images are given"):
        offline_data(config("data.path="))
