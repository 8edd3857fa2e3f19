"""Checks that batches, chunks and images fit into memory, before any is computed.

The estimates are lower bounds: a request that passes may still need more, one that is refused cannot work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ddpm.distributed import world_size
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.sizes import memory_size
from ddpm.quantities import format_bytes

_FLOAT_BYTES = 4  # float32
_SAVED_BYTES = 2  # of an activation that is kept for the backward pass, in bf16
_SAMPLER_COPIES = 4  # arrays of images that a sampler holds at once
_EDIT_COPIES = 2  # float arrays of all images of a picture: the chunks, and all together


def check_batch_memory(model: GenerativeModel) -> None:
    """Raise RequestError if the activations of one micro-batch do not fit into the memory of a CPU."""
    training = model.spec.config.training
    if not _is_on_cpu(model):  # a GPU that runs out of memory goes on with smaller micro-batches
        return
    images = math.ceil(training.batch_size / (training.accumulate * world_size()))
    per_image = _SAVED_BYTES * sum(map(sum, _activations(model)))
    _check(
        images * per_image,
        f"training.batch_size={training.batch_size} with training.accumulate={training.accumulate}",
        f"set training.batch_size to at most {memory_size() // per_image}, or raise training.accumulate",
    )


def check_chunk_memory(model: GenerativeModel, chunk: int) -> None:
    """Raise RequestError if `chunk` images cannot be sampled together on a CPU."""
    if not _is_on_cpu(model):
        return
    largest = max((max(sizes) for sizes in _activations(model)), default=0)
    per_image = _FLOAT_BYTES * (largest + _SAMPLER_COPIES * math.prod(model.spec.image_shape))
    _check(
        chunk * per_image,
        f"sampling.chunk={chunk}",
        f"set it to at most {memory_size() // per_image}",
    )


def check_image_memory(count: int, image_shape: Sequence[int], option: str) -> None:
    """Raise RequestError if `count` float images (C, H, W) do not fit into memory together."""
    per_image = _EDIT_COPIES * _FLOAT_BYTES * math.prod(image_shape)
    _check(
        count * per_image,
        f"{count:,} images ({option})",
        f"pass at most {memory_size() // per_image:,}",
    )


def _is_on_cpu(model: GenerativeModel) -> bool:
    device: torch.device = getattr(model, "device", torch.device("cpu"))
    return device.type == "cpu"


def _activations(model: GenerativeModel) -> list[list[int]]:
    """Return the elements of the layers' outputs for one image, for each network."""
    return [
        [row["channels"] * row["height"] * row["width"] for row in rows]
        for rows in model.outlines().values()
    ]


def _check(needed: int, subject: str, advice: str) -> None:
    memory = memory_size()
    if needed > memory:
        raise RequestError(
            f"{subject} takes at least {format_bytes(needed)} of memory, and this machine has "
            f"{format_bytes(memory)}; {advice}."
        )
