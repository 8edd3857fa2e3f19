"""Names and files of the weights inside the package. Standard library only."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

BUNDLED = "bundled:"  # prefix for bundled weights, even if a run has the same name


def bundled_names() -> list[str]:
    """Return the names of the weights inside the package."""
    folder = resources.files("ddpm") / "weights"
    files = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        name.removesuffix(".safetensors") for name in files if name.endswith(".safetensors")
    )


def bundled_name(target: str) -> str | None:
    """Return the name of the bundled weights for `NAME` or `bundled:NAME`, or None."""
    name = target.removeprefix(BUNDLED)
    return name if name in bundled_names() else None


def bundled_file(name: str) -> AbstractContextManager[Path]:
    """Return a context with the path of the weights file `name`."""
    return resources.as_file(resources.files("ddpm") / "weights" / f"{name}.safetensors")
