"""Command lines of the studio's own processes. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]  # folder that holds `ddpm`


def module_command(module: str, *words: str) -> list[str]:
    """Return the command that runs `module` of this package, never one of the current folder (-P)."""
    return [sys.executable, "-P", "-m", module, *words]


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment for `module_command`: it finds the same package as this process."""
    path = os.pathsep.join(filter(None, [str(_PACKAGE), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}
