"""The version of the package that serves the page."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def studio_version() -> str:
    """Return the version of ddpm-studio; `source` if it is not installed."""
    try:
        return version("ddpm-studio")
    except PackageNotFoundError:
        return "source"
