"""A score is a number with its protocol; scores of different protocols refuse to be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from ddpm.errors import RequestError

HASH_LENGTH = 12


@dataclass(frozen=True)
class ScoreProtocol:
    """Everything besides the generated images that decides a score."""

    network: str
    weights: str  # hash of the network's weights
    resize: str  # how the network brings images to its own size
    n: int  # generated images
    reference: str  # content hash of the reference images
    reference_count: int
    seed: int  # of the subsets drawn where there are more images than n

    def line(self, metric: str, pixels: bool = False) -> str:
        """`key=value | key=value`, as it stands in every row; `pixels`: no network is asked."""
        known = self if not pixels else replace(self, network="pixels", weights="-", resize="-")
        parts = {"metric": metric, **asdict(known)}
        return " | ".join(f"{key}={value}" for key, value in parts.items())


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
