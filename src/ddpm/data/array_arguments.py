"""Images and labels that a caller passes as arrays: torch or numpy, checked with one sentence an error."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ddpm.errors import RequestError

MAX_CLASSES = 100_000


def image_tensor(images: object) -> Tensor:
    """Return images uint8 [N, C, H, W], torch or numpy, as a tensor on the CPU.

    RequestError: another type or shape, other than 1 or 3 channels, or no images.
    """
    tensor = to_cpu_tensor(images)
    if (
        tensor is None
        or tensor.dtype != torch.uint8
        or tensor.ndim != 4
        or tensor.shape[1] not in (1, 3)
    ):
        raise RequestError(
            "Images must be a torch or numpy array, uint8 [N, C, H, W] with 1 or 3 channels, not "
            f"{describe(images)}."
        )
    if not tensor.numel():
        raise RequestError(f"There are no images in {describe(images)}; pass at least one.")
    return tensor


def label_tensor(labels: object, count: int) -> Tensor | None:
    """Return class labels, whole numbers [count] from 0, torch or numpy, as int64 on the CPU; None: none.

    RequestError: another type, another number of labels, or one out of range.
    """
    if labels is None:
        return None
    tensor = to_cpu_tensor(labels)
    if tensor is None or tensor.shape != (count,) or not _is_integer(tensor):
        raise RequestError(
            f"Labels must be int64 [{count}], one for each image, not {describe(labels)}."
        )
    tensor = tensor.to(torch.int64)
    if tensor.min() < 0:
        raise RequestError(f"Labels must be 0 or larger, not {int(tensor.min())}.")
    if tensor.max() >= MAX_CLASSES:
        raise RequestError(
            f"Labels must be below {MAX_CLASSES:,}, not {int(tensor.max())}; number the classes from 0."
        )
    return tensor


def to_cpu_tensor(values: object) -> Tensor | None:
    """Return a torch or numpy array as a tensor on the CPU; None for anything else."""
    if isinstance(values, Tensor):
        return values.detach().cpu()
    if not isinstance(values, np.ndarray):
        return None
    try:
        return torch.tensor(values, device="cpu")
    except (TypeError, ValueError):  # text, objects, or a byte order of another machine
        return None


def describe(values: object) -> str:
    """Return type and shape for a message: `float32 [64, 8, 8]`, or `a list`."""
    if isinstance(values, Tensor | np.ndarray):
        return f"{str(values.dtype).removeprefix('torch.')} {list(values.shape)}"
    return f"a value of type {type(values).__name__}"


def _is_integer(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.bool


def check_count(name: str, value: object, least: int) -> None:
    """Raise RequestError unless `value` is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise RequestError(f"{name} is {value!r}; pass a whole number of at least {least}.")


def check_seed(seed: object) -> None:
    """Raise RequestError unless `seed` is a whole number from 0 to 2^63 - 1."""
    check_count("seed", seed, 0)
    if seed >= 2**63:  # type: ignore[operator]
        raise RequestError(f"seed is {seed}; pass a number below 2^63.")
