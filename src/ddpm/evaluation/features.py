"""Feature networks, and features computed in fixed chunks and cached by content."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.evaluation.protocol import HASH_LENGTH, content_hash
from ddpm.files import atomic_file

CHUNK = 250  # images per batch; fixed, so that an image has the same features in every set


@runtime_checkable
class FeatureNetwork(Protocol):
    """A network that maps images uint8 [N, C, H, W] to features [N, D]; it resizes and scales them itself."""

    name: str  # part of the label of a score: FD-digits
    weights_hash: str
    resize: str  # description of the resizing, part of the protocol

    def features(self, images: Tensor) -> Tensor:
        """Map images uint8 [N, C, H, W], C 1 or 3, any H and W, to float32 [N, D] on the CPU."""
        ...


@runtime_checkable
class Classifier(FeatureNetwork, Protocol):
    """A feature network that also classifies its features."""

    def classify(self, features: Tensor) -> Tensor:
        """Map features [N, D] to class probabilities [N, K]."""
        ...


ComputePart = Callable[[Tensor], Tensor]
MapParts = Callable[[Sequence[Tensor], ComputePart], list[Tensor]]


def map_in_order(parts: Sequence[Tensor], compute: ComputePart) -> list[Tensor]:
    """Return `compute(part)` for every part, in this process."""
    return [compute(part) for part in parts]


def extract_features(
    images: Tensor,
    network: FeatureNetwork,
    cache: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Return the features [N, D] of images uint8 [N, C, H, W], from the folder `cache` if it has them.

    `progress` receives the number of images of each chunk.
    """
    check_images(images)
    cached = None if cache is None else load_cached_features(images, network, cache)
    if cached is not None:
        return cached
    features = compute_features(images, network, progress)
    if cache is not None:
        cache_features(features, images, network, cache)
    return features


def compute_features(
    images: Tensor,
    network: FeatureNetwork,
    progress: Callable[[int], None] | None = None,
    map_parts: MapParts = map_in_order,
) -> Tensor:
    """Compute the features [N, D] of images uint8 [N, C, H, W] in chunks, distributed by `map_parts`."""

    def compute(part: Tensor) -> Tensor:
        with torch.no_grad():
            features = network.features(part).float()
        if progress is not None:
            progress(len(part))
        return features

    return torch.cat(map_parts(torch.split(images, CHUNK), compute))


def load_cached_features(images: Tensor, network: FeatureNetwork, cache: Path) -> Tensor | None:
    """Return the features from the folder `cache`, or None."""
    cached = _read_cache(_cache_file(images, network, cache))
    return cached if cached is not None and len(cached) == len(images) else None


def cache_features(features: Tensor, images: Tensor, network: FeatureNetwork, cache: Path) -> None:
    """Write features into the folder `cache`, named by the content of their images."""
    with atomic_file(_cache_file(images, network, cache)) as temporary:
        save_file({"features": features}, temporary)


def check_images(images: Tensor, what: str = "The images") -> None:
    """Raise RequestError unless `images` is uint8 [N, C, H, W] with N > 0 and C 1 or 3."""
    if images.ndim != 4 or images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
        raise RequestError(
            f"{what} must be one array of bytes, N x C x H x W with 1 or 3 channels, not "
            f"{str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}."
        )
    if not len(images):
        raise RequestError(f"{what} are none at all; pass a folder or file with images.")


def hash_weights(module: nn.Module) -> str:
    """Return 12 hex digits of the SHA-256 of all weights and buffers, sorted by name."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {content_hash(value.detach().cpu().reshape(-1))}".encode())
    return digest.hexdigest()[:HASH_LENGTH]


def _cache_file(images: Tensor, network: FeatureNetwork, cache: Path) -> Path:
    resize_hash = hashlib.sha256(network.resize.encode()).hexdigest()[:HASH_LENGTH]
    name = f"features-{network.name}-{network.weights_hash}-{resize_hash}-{content_hash(images)}"
    return cache / f"{name}.safetensors"


def _read_cache(file: Path) -> Tensor | None:
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        return load(file.read_bytes())["features"]
    return None
