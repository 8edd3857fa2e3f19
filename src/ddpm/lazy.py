"""Module attributes imported on first use (PEP 562), which keeps `import ddpm` fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_getattr(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module `__getattr__` that imports each name from the module that defines it.

    `modules` maps a public name to its module, or to `module:name` if it has another name there. Other names
    raise AttributeError.
    """

    def module_getattr(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = modules[name].partition(":")
        return getattr(import_module(module), attribute or name)

    return module_getattr
