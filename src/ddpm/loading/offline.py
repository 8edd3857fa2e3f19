"""Offline data: a configuration's images, or noise, without downloading, decoding or writing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ddpm.config import Config
from ddpm.data.batches import Batches
from ddpm.data.catalogue import DATASETS, cache_dir, data_dir, find_offline, is_dataset_name, locate
from ddpm.data.dataset import Dataset, is_prepared, parse_size
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.loading.datasets import (
    model_spec,
    open_dataset,
    preparation,
    source_labels,
    training_batches,
)
from ddpm.models.spec import ModelSpec

NOISE_IMAGES = 64  # in place of missing images
DEFAULT_SIDE = 64  # pixels, if data.size is auto and the images are missing
DEFAULT_STD = 0.5  # sigma_data of missing images, in [-1, 1]


@dataclass(frozen=True)
class OfflineData:
    """Data to build a model and time its steps with: the images, or noise of their shape."""

    spec: ModelSpec
    batches: Batches
    images: int | None  # number of training images; None if unknown
    note: str  # what the batches hold, for the plan


def cached_dataset(config: Config) -> Dataset | None:
    """Return the data set of a configuration if it is in the cache, else None."""
    data = config.data
    path = (
        find_offline(data.path, data_dir=data_dir(), cache_dir=cache_dir()) if data.path else None
    )
    if path is None:
        return None
    is_cached = is_prepared(path, preparation(data), cache_dir=cache_dir())
    return open_dataset(config) if is_cached else None


def offline_data(config: Config) -> OfflineData:
    """Return the cached images of a configuration, or noise of their shape.

    RequestError if there is nothing at `data.path`.
    """
    if not config.data.path:
        raise RequestError(
            "No images are given. Pass a folder, a zip or the name of a data set with --data."
        )
    if not is_dataset_name(config.data.path):
        locate(config.data.path, data_dir=data_dir(), cache_dir=cache_dir())
    dataset = cached_dataset(config)
    if dataset is None:
        return _noise_data(config)
    if config.data.clusters:  # clustering takes a minute; a step costs the same with any labels
        names = _cluster_names(config)
        labels = np.arange(len(dataset.images), dtype=np.int64) % len(names)
        dataset = replace(dataset, labels=labels, class_names=names)
    batches = training_batches(config, dataset.images, dataset.train, dataset.labels)
    used = len(dataset.train)
    return OfflineData(
        model_spec(config, dataset), batches, used, f"{used:,} images of {dataset.name}"
    )


def _noise_data(config: Config) -> OfflineData:
    """Return noise in the shape of the missing images."""
    entry = DATASETS.get(config.data.path)
    count, class_names = count_images(config)
    class_names = _cluster_names(config) or class_names
    channels = config.data.channels
    if channels == "auto":
        channels = 1 if entry is not None and entry.channels == 1 else 3
    height, width = parse_size(config.data.size) or (DEFAULT_SIDE, DEFAULT_SIDE)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (NOISE_IMAGES, channels, height, width), dtype=np.uint8)
    labels = rng.integers(0, len(class_names), NOISE_IMAGES) if class_names else None
    spec = ModelSpec(
        config,
        (channels, height, width),
        (0.0,) * channels,
        DEFAULT_STD,
        class_names,
        (1,) * len(class_names),
    )
    batches = training_batches(config, images, np.arange(NOISE_IMAGES), labels)
    size = "" if count is None else f", about {count:,} in the set"
    note = f"noise shaped like the images{size} ({config.data.path} is not decoded; run ddpm data prepare)"
    return OfflineData(spec, batches, count, note)


def _cluster_names(config: Config) -> tuple[str, ...]:
    """Return the class names of pseudo-labels; () if `config` does not ask for them."""
    return tuple(map(str, range(config.data.clusters)))


def count_images(config: Config) -> tuple[int | None, tuple[str, ...]]:
    """Return the number of training images (None: unknown) and the class names, from the file list alone."""
    path = find_offline(config.data.path, data_dir=data_dir(), cache_dir=cache_dir())
    if path is not None:
        source = open_source(path, source_labels(config.data))
        return len(source) - len(source.test), source.class_names
    entry = DATASETS.get(config.data.path)
    return (None if entry is None else entry.count - entry.test), ()
