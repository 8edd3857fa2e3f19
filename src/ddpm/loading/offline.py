"""What can be known of a configuration's images without fetching, decoding or writing anything."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ddpm.config import Config
from ddpm.data.batches import Batches
from ddpm.data.catalogue import DATASETS, cache_dir, data_dir, find_offline, is_dataset_name, locate
from ddpm.data.dataset import Dataset, is_prepared, parse_size
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.loading.datasets import model_spec, open_dataset, training_batches
from ddpm.models.spec import ModelSpec

SYNTHETIC = 64  # images that stand in where there are none
GUESSED_SIDE = 64  # pixels, where the size is left to images that are not here
GUESSED_STD = 0.5  # of the pixels, in [-1, 1]


@dataclass(frozen=True)
class OfflineData:
    """What a model can be built and stepped with: the images themselves, or noise of their shape."""

    spec: ModelSpec
    batches: Batches
    images: int | None  # to train on; None where that cannot be known
    note: str  # what the images are, in words


def cached_dataset(config: Config) -> Dataset | None:
    """The configuration's images where they lie decoded in the cache, else None."""
    data = config.data
    path = (
        find_offline(data.path, data_dir=data_dir(), cache_dir=cache_dir()) if data.path else None
    )
    if path is None:
        return None
    known = is_prepared(path, size=data.size, channels=data.channels, cache_dir=cache_dir())
    return open_dataset(config) if known else None


def offline_data(config: Config) -> OfflineData:
    """The images of a configuration, or a stand-in; RequestError where a path leads to nothing."""
    if not config.data.path:
        raise RequestError(
            "Which images? Give a folder, a zip or the name of a data set with --data."
        )
    if not is_dataset_name(config.data.path):
        locate(config.data.path, data_dir=data_dir(), cache_dir=cache_dir())
    dataset = cached_dataset(config)
    if dataset is None:
        return _stand_in(config)
    if config.data.clusters:  # to find the groups takes a minute, and any take as long to learn
        names = _groups(config)
        any_will_do = np.arange(len(dataset.images), dtype=np.int64) % len(names)
        dataset = replace(dataset, labels=any_will_do, class_names=names)
    batches = training_batches(config, dataset.images, dataset.train, dataset.labels)
    used = len(dataset.train)
    return OfflineData(
        model_spec(config, dataset), batches, used, f"{used:,} images of {dataset.name}"
    )


def _stand_in(config: Config) -> OfflineData:
    """Noise in the shape that the images would have."""
    entry = DATASETS.get(config.data.path)
    count, class_names = count_images(config)
    class_names = _groups(config) or class_names
    channels = config.data.channels
    if channels == "auto":
        channels = 1 if entry is not None and entry.channels == 1 else 3
    height, width = parse_size(config.data.size) or (GUESSED_SIDE, GUESSED_SIDE)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (SYNTHETIC, channels, height, width), dtype=np.uint8)
    labels = rng.integers(0, len(class_names), SYNTHETIC) if class_names else None
    spec = ModelSpec(
        config,
        (channels, height, width),
        (0.0,) * channels,
        GUESSED_STD,
        class_names,
        (1,) * len(class_names),
    )
    batches = training_batches(config, images, np.arange(SYNTHETIC), labels)
    many = "" if count is None else f", about {count:,} in the set"
    why = f"{config.data.path} is not decoded yet; ddpm data prepare does that"
    return OfflineData(spec, batches, count, f"noise in their shape{many} ({why})")


def _groups(config: Config) -> tuple[str, ...]:
    """The names of the groups that a training of `config` would find; () where it looks for none."""
    return tuple(map(str, range(config.data.clusters)))


def count_images(config: Config) -> tuple[int | None, tuple[str, ...]]:
    """How many images there are to train on and the names of their classes, from a list of the files."""
    path = find_offline(config.data.path, data_dir=data_dir(), cache_dir=cache_dir())
    if path is not None:
        source = open_source(path)
        return len(source) - len(source.test), source.class_names
    entry = DATASETS.get(config.data.path)
    return (None if entry is None else entry.count - entry.test), ()
