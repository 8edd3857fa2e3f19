"""Data sets of a configuration, with the model specification and the training batches made from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.config import Config, DataConfig, check_config
from ddpm.data.augmentation import Augmentation
from ddpm.data.batches import Batches
from ddpm.data.catalogue import (
    cache_dir,
    data_dir,
    find_offline,
    is_downloadable,
    is_path,
    locate,
)
from ddpm.data.dataset import Dataset, Preparation, prepare_dataset
from ddpm.data.mapped_array import MappedImages
from ddpm.distributed import check_same_on_all_ranks, local_main_first
from ddpm.errors import RequestError
from ddpm.messages import join_sentences
from ddpm.models.spec import ModelSpec
from ddpm.terminal import Progress, print_line


def open_dataset(config: Config, progress_title: str = "decoding") -> Dataset:
    """Open the data set of a configuration: images uint8 [N, C, H, W], decoded once and then cached.

    Downloads it if necessary. RequestError if the images are not found, if none of them can be used,
    or if `data.labels` is on and they have no labels. WorkError if a download fails.

    >>> ddpm.open_dataset(ddpm.get_preset("digits").config).images.shape
    (1797, 1, 8, 8)
    """
    check_config(config)
    data = config.data
    if not data.path:
        raise RequestError(
            "No images are given. Pass a folder, a zip or the name of a data set with --data."
        )
    _check_data_dir(data.path)
    path = local_main_first(lambda: dataset_path(data.path))
    with Progress(progress_title, 0) as bar:
        dataset = local_main_first(
            lambda: prepare_dataset(
                path, preparation(data), cache_dir=cache_dir(), progress=bar.report
            )
        )
    check_same_on_all_ranks(dataset.report["content_hash"], f"The images of {data.path}")
    if (data.labels is True or data.label_column) and not dataset.class_names:
        notes = join_sentences(dataset.report["notes"])
        why = f" ({notes})" if notes else ""
        raise RequestError(
            f"data.labels is on, but the images of {data.path} have no labels{why}. "
            "Put each class into a folder of its own, or set data.labels=false."
        )
    return dataset


def preparation(data: DataConfig) -> Preparation:
    """Return how the images of a configuration are prepared."""
    return Preparation(
        str(data.size), data.channels, data.range, data.all_images, source_labels(data)
    )


def source_labels(data: DataConfig) -> str:
    """Return which labels an image source is asked for; see `arrangement.arrange`."""
    return data.label_column or ("auto" if data.labels in (True, "auto") else "none")


def with_recorded_range(config: Config, dataset: Dataset) -> Config:
    """Return the configuration with the limits that `data.range=auto` found in `dataset`."""
    facts = dataset.report["range"]
    if config.data.range != "auto" or facts is None:
        return config
    return replace(config, data=replace(config.data, range=f"{facts['low']}:{facts['high']}"))


def dataset_path(name: str) -> Path:
    """Return the path of the data set `name`; download it if necessary, with a progress bar."""
    is_local = find_offline(name, data_dir=data_dir(), cache_dir=cache_dir()) is not None
    if is_local or not is_downloadable(name):
        return locate(name, data_dir=data_dir(), cache_dir=cache_dir())
    print_line(f"downloading {name} into {cache_dir()}")
    with Progress(f"downloading {name}", 0) as bar:
        return locate(name, data_dir=data_dir(), cache_dir=cache_dir(), progress=bar.report)


def _check_data_dir(name: str) -> None:
    """Raise RequestError if `name` is looked up in DDPM_DATA_DIR and that folder does not exist."""
    folder = data_dir()
    is_looked_up = Path(name).name == name and name != "digits" and not is_path(name)
    if is_looked_up and folder is not None and not folder.is_dir():
        raise RequestError(
            f"DDPM_DATA_DIR is {folder}, but there is no such folder. Correct it, or unset it."
        )


def model_spec(config: Config, dataset: Dataset) -> ModelSpec:
    """Return the specification of a model for this data: shape, mean, sigma_data and classes.

    Mean and sigma_data are those of the training images in [-1, 1].
    """
    report = dataset.report
    mean, std = report["mean"], report["std"]  # per channel, in [0, 1]
    sigma_data = 2 * (sum(s * s for s in std) / len(std)) ** 0.5  # in [-1, 1]
    counts: tuple[int, ...] = ()
    if dataset.labels is not None:
        trained = dataset.labels[dataset.train]
        counts = tuple(int((trained == c).sum()) for c in range(len(dataset.class_names)))
    _, channels, height, width = dataset.images.shape
    return ModelSpec(
        config=config,
        image_shape=(channels, height, width),
        data_mean=tuple(2 * m - 1 for m in mean),
        data_std=sigma_data,
        class_names=dataset.class_names,
        class_counts=counts,
    )


def training_batches(
    config: Config,
    images: MappedImages,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
) -> Batches:
    """Return the batches of the training images; with labels only if the model learns them.

    `images`: uint8 [N, C, H, W]. `rows`: indices of the training images. `labels`: [N].
    """
    return Batches(
        images,
        rows,
        labels if config.data.labels and config.family.learns_labels else None,
        batch_size=config.training.batch_size,
        seed=config.training.seed,
        augment=Augmentation(config.data.flip, config.data.shift, config.data.crop),
    )
