"""What a feature network is, and how features are taken: in fixed chunks, cached by content."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
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


def extract(
    images: Tensor,
    network: FeatureNetwork,
    cache: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Features [N, D] of uint8 images; kept in the folder `cache` under their content's hash.

    `progress` is told the number of images after each chunk.
    """
    check_images(images)
    file = None if cache is None else cache / f"{_key(images, network)}.safetensors"
    known = None if file is None else _read(file)
    if known is not None and len(known) == len(images):
        return known
    chunks = []
    with torch.no_grad():
        for part in torch.split(images, CHUNK):
            chunks.append(network.features(part).float())
            if progress is not None:
                progress(len(part))
    features = torch.cat(chunks)
    if file is not None:
        with replacing(file) as temporary:
            save_file({"features": features}, temporary)
    return features


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


def _key(images: Tensor, network: FeatureNetwork) -> str:
    rule = hashlib.sha256(network.resize.encode()).hexdigest()[:HASH_LENGTH]
    return f"features-{network.name}-{network.weights_hash}-{rule}-{content_hash(images)}"


def _read(file: Path) -> Tensor | None:
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        return load_file(file)["features"]
    return None
