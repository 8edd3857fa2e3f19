"""environment.json: the machine, the versions and the data of a run."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy
import torch

from ddpm.data.dataset import Dataset
from ddpm.device import resolve_precision
from ddpm.models.base import GenerativeModel
from ddpm.processes import size


def describe(
    device: torch.device, model: GenerativeModel, dataset: Dataset, init: str | None = None
) -> dict[str, Any]:
    """What a reader needs to repeat the run; bit-identity is promised where the first block agrees.

    `init`: the weights that training started from, as the user named them.
    """
    training = model.spec.config.training
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "ddpm": _version(),
        "commit": _commit(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "processes": size(),
        "precision": resolve_precision(training.precision, device),
        "seed": training.seed,
        "parameters": model.parameters(),
        "init": init,
        "data": {**dataset.report, "held_out_reason": dataset.heldout_reason},
    }


def _version() -> str:
    try:
        return metadata.version("ddpm-studio")
    except metadata.PackageNotFoundError:  # run from source with PYTHONPATH
        return "source"


def _commit() -> str | None:
    """The commit of the checkout this package runs from, with + where files differ; None elsewhere."""
    source = Path(__file__).resolve().parents[1]
    if source.parent.name != "src":  # installed: a repository around it is somebody else's
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
