"""Pseudo-labels for images without labels: k-means clusters of self-supervised features.

They are used with `data.labels=kmeans:K`. The clusters of a data set are computed once for each K and cached.
A run keeps its own copy, so that it resumes with the same labels on any machine.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import DataConfig
from ddpm.data.catalogue import cache_dir
from ddpm.data.dataset import Dataset
from ddpm.distributed import run_on_main
from ddpm.errors import RequestError
from ddpm.evaluation.clusters import assign_clusters, fit_whitening, kmeans
from ddpm.evaluation.self_encoder import MIN_IMAGES, SelfFeatures, train_encoder
from ddpm.files import atomic_file
from ddpm.terminal import Progress

CLUSTERING_VERSION = 1  # part of the cache key; increase it when the clustering changes
MAX_FITTED_IMAGES = 10_000  # images that the encoder and the centers are fitted to
BLOCK = 1000  # images per call of the encoder


def with_pseudo_labels(dataset: Dataset, data: DataConfig, run_copy: Path | None = None) -> Dataset:
    """Return the data set with pseudo-labels if `data` asks for them, else unchanged.

    `run_copy`: the run's copy of the labels, which is used if it exists. All processes use the labels of the
    main process. RequestError if there are too few images.
    """
    if not data.clusters:
        return dataset

    def load_labels() -> NDArray[np.int64]:
        labels = None if run_copy is None else _read_labels(run_copy, dataset, data.clusters)
        return _cached_labels(dataset, data) if labels is None else labels

    labels = run_on_main(load_labels)
    names = tuple(map(str, range(data.clusters)))
    counts = np.bincount(labels[dataset.train], minlength=data.clusters).tolist()
    report = {**dataset.report, "pseudo_classes": counts}
    return replace(dataset, labels=labels, class_names=names, report=report)


def save_pseudo_labels(dataset: Dataset, data: DataConfig, run_copy: Path) -> None:
    """Write the run's copy of its pseudo-labels, if it has any and the copy does not exist yet."""
    if data.clusters and dataset.labels is not None and not run_copy.exists():
        _write_labels(run_copy, dataset.labels)


def _cached_labels(dataset: Dataset, data: DataConfig) -> NDArray[np.int64]:
    """Return the label of every image [N], from the cache or by clustering."""
    report = dataset.report
    images = (report["content_hash"], report["size"], report["channels"], data.all_images)
    key = hashlib.sha256(repr((*images, data.clusters, CLUSTERING_VERSION)).encode()).hexdigest()[
        :24
    ]
    file = cache_dir() / "clusters" / f"{key}.npy"
    labels = _read_labels(file, dataset, data.clusters)
    if labels is None:
        labels = cluster_images(dataset, data.clusters)
        _write_labels(file, labels)
    return labels


def cluster_images(dataset: Dataset, k: int) -> NDArray[np.int64]:
    """Return the cluster of every image [N]. Cluster 0 holds the most training images.

    Trains an encoder on the training images (up to a minute) and clusters its features with k-means.
    RequestError if there are too few images.
    """
    if len(dataset.train) < max(MIN_IMAGES, k):
        raise RequestError(
            f"data.labels=kmeans:{k} needs at least {max(MIN_IMAGES, k)} training images, but there are "
            f"{len(dataset.train)}. Add images, or set data.labels=false."
        )
    positions = np.linspace(0, len(dataset.train) - 1, min(MAX_FITTED_IMAGES, len(dataset.train)))
    fitted = _images(dataset, dataset.train[positions.round().astype(np.int64)])
    with Progress("learning features", 0, unit="steps") as bar:
        encoder = train_encoder(fitted, progress=bar.report)
    network = SelfFeatures(encoder, fitted.shape[1])
    features = _features(network, fitted)
    whiten = fit_whitening(features)
    centers = kmeans(whiten(features), k)
    blocks = np.array_split(np.arange(len(dataset.images)), -(-len(dataset.images) // BLOCK))
    labels = [
        assign_clusters(whiten(_features(network, _images(dataset, rows))), centers)
        for rows in blocks
    ]
    return torch.cat(labels).numpy()


def _features(network: SelfFeatures, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network.features(part) for part in torch.split(images, BLOCK)])


def _images(dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.array(dataset.images[rows]))


def _read_labels(file: Path, dataset: Dataset, k: int) -> NDArray[np.int64] | None:
    """Read labels [N]; None if the file does not exist or does not fit the images."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        labels = np.load(file, allow_pickle=False)
        if labels.shape == (len(dataset.images),) and labels.min() >= 0 and labels.max() < k:
            result: NDArray[np.int64] = labels.astype(np.int64)
            return result
    return None


def _write_labels(file: Path, labels: NDArray[np.int64]) -> None:
    with atomic_file(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, labels.astype(np.uint16), allow_pickle=False)
