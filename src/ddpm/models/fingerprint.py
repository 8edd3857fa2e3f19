"""models.fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from ddpm.models.base import GenerativeModel


def weights_hash(model: GenerativeModel) -> str:
    """16 hexadecimal digits of the SHA-256 of what is sampled from: names, shapes and bytes."""
    return tensors_hash(model.averaged_weights())


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """The same of any tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {list(plain.shape)} {plain.dtype}\n".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
