"""The protocol of a score. Only scores of the same protocol may be compared."""

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
    """Everything that determines a score besides the generated images."""

    network: str
    weights: str  # hash of the network's weights
    resize: str  # description of the network's resizing
    n: int  # number of generated images
    reference: str  # content hash of the reference images
    reference_count: int
    seed: int  # of random subsets, where there are more than n images

    def line(self, metric: str, pixels: bool = False) -> str:
        """Return `key=value | key=value` for a row; `pixels`: the metric uses no feature network."""
        used = self if not pixels else replace(self, network="pixels", weights="-", resize="-")
        parts = {"metric": metric, **asdict(used)}
        return " | ".join(f"{key}={value}" for key, value in parts.items())


def content_hash(images: Tensor) -> str:
    """Return 12 hex digits of the SHA-256 of an array's shape, dtype and bytes."""
    digest = hashlib.sha256(repr((tuple(images.shape), str(images.dtype))).encode())
    for part in torch.split(images, 4096):
        digest.update(part.contiguous().numpy().data)
    return digest.hexdigest()[:HASH_LENGTH]


def require_same_protocol(rows: Sequence[Mapping[str, object]]) -> None:
    """Raise RequestError, naming the differences, unless all rows have the same `protocol` line."""
    first, *others = [_parts(str(row["protocol"])) for row in rows]
    for other in others:
        keys = [key for key in {**first, **other} if first.get(key) != other.get(key)]
        if keys:
            differences = ", ".join(
                f"{key.replace('_', ' ')} {first.get(key, 'none')} and {other.get(key, 'none')}"
                for key in keys
            )
            raise RequestError(
                f"These scores have different protocols ({differences}) and cannot be compared; evaluate "
                "both again with the same reference, network, n and seed."
            )


def _parts(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in line.split(" | ") if "=" in part)
