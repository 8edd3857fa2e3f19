"""Making modules and optimizer state independently of the process's global settings."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FILLING = ("normal_", "uniform_", "kaiming_uniform_")  # each takes a `generator`
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.tensor)
_FLOATING = (torch.empty, torch.zeros, torch.ones)


class Construction(TorchFunctionMode):
    """A context in which modules are made in float32 on the CPU, random weights drawn from `generator`.

    It acts on the current thread only. The global generator, `torch.set_default_dtype` and
    `torch.set_default_device` have no effect inside, and the global generator does not advance.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES and kwargs.get("device") is None:
            kwargs["device"] = "cpu"
        if func in _FLOATING and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        if getattr(func, "__name__", "") in _FILLING:
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)
