"""Classes where the images have none: groups by k-means on self-trained features (`data.labels=kmeans:K`).

The groups are found once for a set of images and a K, and kept beside the decoded images; a run keeps its own
copy, so that it goes on with the same classes wherever it is taken up again.
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
from ddpm.files import replacing
from ddpm.terminal import Progress

RULE = 1  # part of the file's name: count up when groups are found in another way
LEARNED = (
    10_000  # training images, evenly spread, that the encoder and the centers are learned from
)
_BLOCK = 1000  # images whose features are taken at once


def with_pseudo_labels(dataset: Dataset, data: DataConfig, own: Path | None = None) -> Dataset:
    """The set with its groups as labels where `data` asks for them, else as it is.

    `own`: where a run keeps its copy, which comes first. Several processes take the main one's.
    """
    if not data.clusters:
        return dataset

    def known_or_found() -> NDArray[np.int64]:
        labels = None if own is None else _read(own, dataset, data.clusters)
        return _cached(dataset, data) if labels is None else labels

    labels = run_on_main(known_or_found)
    names = tuple(map(str, range(data.clusters)))
    counts = np.bincount(labels[dataset.train], minlength=data.clusters).tolist()
    report = {**dataset.report, "pseudo_classes": counts}
    return replace(dataset, labels=labels, class_names=names, report=report)


def save_pseudo_labels(dataset: Dataset, data: DataConfig, own: Path) -> None:
    """Write the run's copy, where `data` asks for groups and it is not there yet."""
    if data.clusters and dataset.labels is not None and not own.exists():
        _write(own, dataset.labels)


def _cached(dataset: Dataset, data: DataConfig) -> NDArray[np.int64]:
    """The label of every image [N]: from the cache, else found now."""
    report = dataset.report
    known = (report["content_hash"], report["size"], report["channels"], data.all_images)
    key = hashlib.sha256(repr((*known, data.clusters, RULE)).encode()).hexdigest()[:24]
    file = cache_dir() / "clusters" / f"{key}.npy"
    labels = _read(file, dataset, data.clusters)
    if labels is None:
        labels = cluster_images(dataset, data.clusters)
        _write(file, labels)
    return labels


def cluster_images(dataset: Dataset, k: int) -> NDArray[np.int64]:
    """The group of every image [N], the most populous of the training images first.

    An encoder is trained on the training images (up to a minute), and its features are grouped.
    RequestError where there are too few.
    """
    if len(dataset.train) < max(MIN_IMAGES, k):
        raise RequestError(
            f"data.labels=kmeans:{k} needs at least {max(MIN_IMAGES, k)} training images, not "
            f"{len(dataset.train)}; leave data.labels off."
        )
    places = np.linspace(0, len(dataset.train) - 1, min(LEARNED, len(dataset.train)))
    learned = _images(dataset, dataset.train[places.round().astype(np.int64)])
    with Progress("learning features", 0, unit="steps") as bar:
        encoder = train_encoder(learned, progress=bar.of_total)
    network = SelfFeatures(encoder, learned.shape[1])
    known = _features(network, learned)
    whiten = fit_whitening(known)
    centers = kmeans(whiten(known), k)
    blocks = np.array_split(np.arange(len(dataset.images)), -(-len(dataset.images) // _BLOCK))
    found = [
        assign_clusters(whiten(_features(network, _images(dataset, rows))), centers)
        for rows in blocks
    ]
    return torch.cat(found).numpy()


def _features(network: SelfFeatures, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network.features(part) for part in torch.split(images, _BLOCK)])


def _images(dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.array(dataset.images[rows]))


def _read(file: Path, dataset: Dataset, k: int) -> NDArray[np.int64] | None:
    """The labels in a file; None where there is none or it is not of these images."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        labels = np.load(file, allow_pickle=False)
        if labels.shape == (len(dataset.images),) and labels.min() >= 0 and labels.max() < k:
            found: NDArray[np.int64] = labels.astype(np.int64)
            return found
    return None


def _write(file: Path, labels: NDArray[np.int64]) -> None:
    with replacing(file) as temporary, temporary.open("wb") as opened:
        np.save(opened, labels.astype(np.uint16), allow_pickle=False)
