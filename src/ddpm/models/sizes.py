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

from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.spec import ModelSpec
from ddpm.networks.kinds import NETWORKS

Make = Callable[[ModelSpec, torch.device | str], GenerativeModel]

_WEIGHT_COPIES = 2  # the weights and their average
_SAMPLER_COPIES = 4  # arrays of images that a sampler holds at once, at least
_FLOAT_BYTES = 4  # float32
_DEFAULT_MEMORY = 2**36  # bytes, if the system does not say
_INITIALIZERS = ("normal_", "uniform_", "kaiming_uniform_", "ones_", "zeros_")


class TensorSpec(NamedTuple):
    """The shape of a tensor, and whether it is a floating-point tensor."""

    shape: tuple[int, ...]
    is_floating: bool

    @classmethod
    def of(cls, tensor: Tensor) -> TensorSpec:
        return cls(tuple(tensor.shape), tensor.is_floating_point())


class ShapesOnly(TorchFunctionMode):
    """A mode in which modules get parameters with a shape but no memory and no initialization."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _INITIALIZERS:
            return args[0] if args else kwargs["tensor"]
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


@functools.lru_cache(maxsize=8)
def weight_specs(spec: ModelSpec, make: Make) -> Mapping[str, TensorSpec]:
    """Return the shapes of the averaged weights of `make(spec, device)`, without allocating memory.

    RequestError: the configuration does not describe a valid network.
    """
    with ShapesOnly():
        try:
            model = make(spec, "meta")
        except RequestError:  # an error for the user, such as images of one color
            raise
        except (ValueError, RuntimeError, OverflowError) as error:
            raise RequestError(f"This network cannot be created ({error}).") from error
    return {name: TensorSpec.of(tensor) for name, tensor in model.averaged_weights().items()}


def check_size(spec: ModelSpec, make: Make) -> None:
    """Raise RequestError if the model of `spec`, or one chunk of its samples, does not fit into memory."""
    memory = memory_size()
    count = sum(math.prod(form.shape) for form in weight_specs(spec, make).values())
    if _WEIGHT_COPIES * _FLOAT_BYTES * count > memory:
        raise RequestError(
            f"A network of {count:.1e} parameters does not fit into {memory / 2**30:.0f} GiB of memory; "
            f"make {width_key(spec.config)} smaller."
        )
    chunk = spec.config.sampling.chunk
    if _SAMPLER_COPIES * _FLOAT_BYTES * chunk * math.prod(spec.image_shape) > memory:
        raise RequestError(
            f"sampling.chunk={chunk} images of this size do not fit into memory together; make it smaller."
        )


def width_key(config: Config) -> str:
    """Return the configuration key that makes the networks of a model wider."""
    return config.family.width_key or f"network.{NETWORKS[config.network.kind].width}"


def check_weight_specs(spec: ModelSpec, make: Make, found: Mapping[str, TensorSpec]) -> None:
    """Raise RequestError unless tensors like `found` are weights of the model that `spec` describes."""
    expected = weight_specs(spec, make)
    wrong = [name for name, form in found.items() if expected.get(name, form) != form]
    if wrong:
        raise RequestError(
            f"{wrong[0]} does not have the shape or data type that the configuration requires."
        )


def memory_size() -> int:
    """Return the bytes of this machine's memory; 64 GiB if the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _DEFAULT_MEMORY
