"""Shapes of a model's weights without making it, and whether memory can hold them."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.spec import ModelSpec

Make = Callable[[ModelSpec, torch.device | str], GenerativeModel]

_COPIES = 2  # the weights and their average are in memory together
_DRAWING = 4  # images of float32 that a sampler holds at once, at least
_BYTES = 4  # of a float32
_MOST_MEMORY = 2**36  # bytes, if the system does not say
_FILLING = ("normal_", "uniform_", "kaiming_uniform_", "ones_", "zeros_")


class TensorSpec(NamedTuple):
    """Shape and kind of a tensor."""

    shape: tuple[int, ...]
    floating: bool

    @classmethod
    def of(cls, tensor: Tensor) -> TensorSpec:
        return cls(tuple(tensor.shape), tensor.is_floating_point())


class _Unfilled(TorchFunctionMode):
    """A mode in which modules get parameters with a shape but no memory and no initialization."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _FILLING:
            return args[0] if args else kwargs["tensor"]
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


@functools.lru_cache(maxsize=8)
def weight_specs(spec: ModelSpec, make: Make) -> Mapping[str, TensorSpec]:
    """Return the shapes of the averaged weights of `make(spec, device)`, without taking memory.

    RequestError: there is no such model.
    """
    with _Unfilled():
        try:
            model = make(spec, "meta")
        except RequestError:  # an error for the user, such as images of one color
            raise
        except (ValueError, RuntimeError, OverflowError) as error:
            raise RequestError(f"This network cannot be made ({error}).") from error
    return {name: TensorSpec.of(tensor) for name, tensor in model.averaged_weights().items()}


def check_size(spec: ModelSpec, make: Make) -> None:
    """Raise RequestError if the model of `spec`, or one chunk of its samples, does not fit into memory."""
    have = memory_size()
    count = sum(math.prod(form.shape) for form in weight_specs(spec, make).values())
    if _COPIES * _BYTES * count > have:
        raise RequestError(
            f"A network of {count:.1e} parameters does not fit into {have / 2**30:.0f} GiB of memory; "
            f"make {spec.config.family.width_key} smaller."
        )
    chunk = spec.config.sampling.chunk
    if _DRAWING * _BYTES * chunk * math.prod(spec.image_shape) > have:
        raise RequestError(
            f"sampling.chunk={chunk} images of this size do not fit into memory together; make it smaller."
        )


def check_weight_specs(spec: ModelSpec, make: Make, found: Mapping[str, TensorSpec]) -> None:
    """Raise RequestError if tensors of the forms `found` are not the weights of the model of `spec`."""
    expected = weight_specs(spec, make)
    wrong = [name for name, form in found.items() if expected.get(name, form) != form]
    if wrong:
        raise RequestError(
            f"{wrong[0]} does not have the shape or kind that the configuration requires."
        )


def memory_size() -> int:
    """Return the bytes of this machine's memory; 64 GiB if the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _MOST_MEMORY
