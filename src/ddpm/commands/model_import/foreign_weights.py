"""Tensors from files of strangers: no code is run, and sizes are checked before they are read."""

from __future__ import annotations

import math
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.models.sizes import TensorSpec, memory_size
from ddpm.training.checkpoint import raise_if_unreadable, read_safetensors

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
_FLOAT_BYTES = 4


def read_weights(path: Path) -> dict[str, Any]:
    """Return the contents of a weights file: tensors by name, or a checkpoint's dictionary.

    RequestError: the file is damaged, holds code, or does not fit into memory.
    """
    if path.suffix == ".safetensors":
        return dict(read_safetensors(path, _accept_sizes))
    return _read_torch(path)


def _accept_sizes(metadata: Mapping[str, str], forms: Mapping[str, TensorSpec]) -> None:
    count = sum(math.prod(form.shape) for form in forms.values())
    _check_memory(_FLOAT_BYTES * count)


def _check_memory(size: int) -> None:
    if size > memory_size() // 2:
        raise RequestError(f"The weights take {size / 2**30:.0f} GiB, too much for this machine.")


def _read_torch(path: Path) -> dict[str, Any]:
    """Read a file of torch.save with weights_only, which runs no code."""
    try:
        _check_memory(path.stat().st_size)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _check_memory(sum(entry.file_size for entry in archive.infolist()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old pickles; what they hold is checked below
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RequestError(
            f"{path} holds more than tensors, and code from a file is never run. Save its state dict alone: "
            "torch.save(model.state_dict(), …)."
        ) from error
    except RequestError:
        raise
    except (
        OSError,
        RuntimeError,
        ValueError,
        LookupError,
        EOFError,
        TypeError,
        AttributeError,
    ) as error:
        raise_if_unreadable(path, error)
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise RequestError(f"{path} is not a readable file of torch.save ({reason}).") from error
    if not isinstance(found, dict):
        raise RequestError(
            f"{path} holds no state dict: pass the file of torch.save(model.state_dict(), …)."
        )
    return found


def tensors_of(values: Mapping[str, Any], prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it, each as float32 or as it is."""
    return {
        name.removeprefix(prefix): value.float() if value.is_floating_point() else value
        for name, value in values.items()
        if isinstance(name, str) and name.startswith(prefix) and isinstance(value, Tensor)
    }
