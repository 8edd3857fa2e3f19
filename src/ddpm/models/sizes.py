"""What a model takes, known before it is made: the shapes of its weights, and whether memory holds them."""

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
_MOST_MEMORY = 2**36  # bytes, where the system does not tell what it has
_FILLING = ("normal_", "uniform_", "kaiming_uniform_", "ones_", "zeros_")


class Form(NamedTuple):
    """What is known of a tensor without its numbers."""

    shape: tuple[int, ...]
    floating: bool

    @classmethod
    def of(cls, tensor: Tensor) -> Form:
        return cls(tuple(tensor.shape), tensor.is_floating_point())


class _Unfilled(TorchFunctionMode):
    """Inside, modules get parameters that have a shape and no memory, and nothing is drawn for them."""

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
def weight_forms(spec: ModelSpec, make: Make) -> Mapping[str, Form]:
    """The tensors of the averaged weights that `make(spec, device)` would have; no memory is taken.

    RequestError where there is no such model.
    """
    with _Unfilled():
        try:
            model = make(spec, "meta")
        except RequestError:  # a sentence of its own, such as that of images all alike
            raise
        except (ValueError, RuntimeError, OverflowError) as error:
            raise RequestError(f"There is no such network ({error}).") from error
    return {name: Form.of(tensor) for name, tensor in model.averaged_weights().items()}


def check_size(spec: ModelSpec, make: Make) -> None:
    """RequestError where the model of `spec`, or the images that it draws together, exceed the memory."""
    have = memory_size()
    count = sum(math.prod(form.shape) for form in weight_forms(spec, make).values())
    if _COPIES * _BYTES * count > have:
        raise RequestError(
            f"A network of {count:.1e} parameters does not fit into {have / 2**30:.0f} GiB of memory; "
            f"make {spec.config.family.width_key} smaller."
        )
    chunk = spec.config.sampling.chunk
    if _DRAWING * _BYTES * chunk * math.prod(spec.image_shape) > have:
        raise RequestError(
            f"sampling.chunk={chunk} images of this size, drawn together, do not fit into memory; make it "
            "smaller."
        )


def check_forms(spec: ModelSpec, make: Make, found: Mapping[str, Form]) -> None:
    """RequestError where tensors of the forms `found` are not the weights of the model of `spec`."""
    asked = weight_forms(spec, make)
    wrong = [name for name, form in found.items() if asked.get(name, form) != form]
    if wrong:
        raise RequestError(f"{wrong[0]} has another shape or kind than the configuration asks for.")


def memory_size() -> int:
    """Bytes of this machine's memory; 64 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _MOST_MEMORY
