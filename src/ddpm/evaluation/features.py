"""What a feature network is, and how features are taken: in fixed chunks, cached by content."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.evaluation.protocol import HASH_LENGTH, content_hash
from ddpm.files import replacing

CHUNK = 250  # images taken at once; fixed, so that the same image has the same features in any set


@runtime_checkable
class FeatureNetwork(Protocol):
    """Turns uint8 [N, C, H, W] into features [N, D]; it resizes and scales for itself."""

    name: str  # part of a score's name: FD-digits
    weights_hash: str
    resize: str  # the rule that brings an image to the network's own size

    def features(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W], C 1 or 3, any H and W, to float32 [N, D] on the CPU."""
        ...


@runtime_checkable
class Classifier(FeatureNetwork, Protocol):
    """A feature network that also names classes, from the features alone."""

    def classify(self, features: Tensor) -> Tensor:
        """Features [N, D] to class probabilities [N, K]."""
        ...


ComputePart = Callable[[Tensor], Tensor]
MapParts = Callable[[Sequence[Tensor], ComputePart], list[Tensor]]


def map_in_order(parts: Sequence[Tensor], work: ComputePart) -> list[Tensor]:
    """`work` of one part after the other."""
    return [work(part) for part in parts]


def extract_features(
    images: Tensor,
    network: FeatureNetwork,
    cache: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Features [N, D] of uint8 images; kept in the folder `cache` under their content's hash.

    `progress` is told the number of images after each chunk.
    """
    check_images(images)
    known = None if cache is None else load_cached_features(images, network, cache)
    if known is not None:
        return known
    features = compute_features(images, network, progress)
    if cache is not None:
        cache_features(features, images, network, cache)
    return features


def compute_features(
    images: Tensor,
    network: FeatureNetwork,
    progress: Callable[[int], None] | None = None,
    deal: MapParts = map_in_order,
) -> Tensor:
    """Features [N, D] of uint8 images, chunk by chunk; `deal` may have other processes take some."""

    def taken(part: Tensor) -> Tensor:
        with torch.no_grad():
            features = network.features(part).float()
        if progress is not None:
            progress(len(part))
        return features

    return torch.cat(deal(torch.split(images, CHUNK), taken))


def load_cached_features(images: Tensor, network: FeatureNetwork, cache: Path) -> Tensor | None:
    """Those that were kept in the folder `cache`; None where there are none."""
    known = _read_cache(_cache_file(images, network, cache))
    return known if known is not None and len(known) == len(images) else None


def cache_features(features: Tensor, images: Tensor, network: FeatureNetwork, cache: Path) -> None:
    """Keep them in the folder `cache` under their images' content."""
    with replacing(_cache_file(images, network, cache)) as temporary:
        save_file({"features": features}, temporary)


def check_images(images: Tensor, what: str = "The images") -> None:
    """RequestError unless `images` is uint8 [N, C, H, W] with N > 0 and C 1 or 3."""
    if images.ndim != 4 or images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
        raise RequestError(
            f"{what} must be one array of bytes, N x C x H x W with 1 or 3 channels, not "
            f"{str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}."
        )
    if not len(images):
        raise RequestError(f"{what} are none at all; point to a folder or file that holds some.")


def hash_weights(module: nn.Module) -> str:
    """12 hexadecimal digits of the SHA-256 of all weights and buffers, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {content_hash(value.detach().cpu().reshape(-1))}".encode())
    return digest.hexdigest()[:HASH_LENGTH]


def _cache_file(images: Tensor, network: FeatureNetwork, cache: Path) -> Path:
    rule = hashlib.sha256(network.resize.encode()).hexdigest()[:HASH_LENGTH]
    name = f"features-{network.name}-{network.weights_hash}-{rule}-{content_hash(images)}"
    return cache / f"{name}.safetensors"


def _read_cache(file: Path) -> Tensor | None:
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        return load_file(file)["features"]
    return None
