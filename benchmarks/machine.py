"""Description of the machine that a number was measured on. Standard library only."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OPENMP = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND")  # settings that change the speed
QUIET = 0.5  # load average above which something else is running

Result = dict[str, Any]


def say(message: str) -> None:
    """Print one line on stderr."""
    print(message, file=sys.stderr, flush=True)


def describe(threads: int, warn: bool = True) -> Result:
    """Return machine, versions and the load average of the last minute; with `warn`, print a high load.

    Call it before a measurement, which is load itself. In a series only the first call can warn: before the
    others the load is that of the measurement before.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if warn and load > QUIET:
        say(f"The load average is {load:.1f}: something else is running, and numbers will be low.")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "ddpm-studio": metadata.version("ddpm-studio"),
        "commit": _commit(),
        "load_before": round(load, 2),
        "openmp": {name: os.environ[name] for name in OPENMP if name in os.environ},
    }


def line(machine: Result) -> str:
    """Return the machine as one sentence, to print below a table."""
    settings = "".join(f"{name}={value}, " for name, value in machine.get("openmp", {}).items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, {settings}"
        f"torch {machine['torch']}, Python {machine['python']}, commit {machine['commit']}, "
        f"load before the run {machine['load_before']}."
    )


def _processor() -> str:
    """Return the name of the processor, from Linux or else from Python."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for row in info.read_text("utf-8").splitlines():
            if row.startswith("model name"):
                return row.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
