"""A score is a number with its protocol; scores of different protocols refuse to be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError

HASH_LENGTH = 12


@dataclass(frozen=True)
class ScoreProtocol:
    """Everything besides the images that decides a score."""

    metric: str
    network: str  # name of the feature network, or "pixels"
    weights: str  # hash of its weights, or "-"
    resize: str  # how the network brings images to its own size
    n: int  # generated images
    reference: str  # content hash of the reference images
    reference_count: int
    seed: int  # of the subsets drawn where there are more images than n

    def __str__(self) -> str:
        """One line, `key=value | key=value`, that stands in every row."""
        return " | ".join(f"{key}={value}" for key, value in asdict(self).items())


def content_hash(images: Tensor) -> str:
    """12 hexadecimal digits of the SHA-256 of an array's shape and bytes."""
    digest = hashlib.sha256(repr((tuple(images.shape), str(images.dtype))).encode())
    for part in torch.split(images, 4096):
        digest.update(part.contiguous().numpy().data)
    return digest.hexdigest()[:HASH_LENGTH]


def require_same_protocol(rows: Sequence[Mapping[str, object]]) -> None:
    """RequestError, naming what differs, unless all rows carry the same `protocol` line."""
    first, *others = [_parts(str(row["protocol"])) for row in rows]
    for other in others:
        keys = [key for key in {**first, **other} if first.get(key) != other.get(key)]
        if keys:
            differences = ", ".join(
                f"{key.replace('_', ' ')} {first.get(key, 'none')} and {other.get(key, 'none')}"
                for key in keys
            )
            raise RequestError(
                f"These scores were measured in different ways ({differences}) and cannot be "
                "compared; evaluate both again with the same reference, network, n and seed."
            )


def _parts(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in line.split(" | ") if "=" in part)
