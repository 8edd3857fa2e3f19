"""Environment of a run for environment.json: machine, versions and data."""

from __future__ import annotations

import contextlib
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy
import torch

from ddpm.data.dataset import Dataset
from ddpm.device import deterministic_algorithms, resolve_precision
from ddpm.distributed import world_size
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.terminal import print_line

# Two runs with equal values of these keys are bit-identical.
BIT_IDENTITY_KEYS = (
    "torch", "numpy", "cpu", "device", "threads", "processes", "precision", "compile",
)  # fmt: skip


def environment_record(
    device: torch.device, model: GenerativeModel, dataset: Dataset, init: str | None = None
) -> dict[str, Any]:
    """Return the contents of environment.json.

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
        "cpu": _cpu(),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "processes": world_size(),
        "precision": resolve_precision(training.precision, device),
        **compile_facts(model),
        "seed": training.seed,
        "parameters": model.parameter_counts(),
        "init": init,
        "data": {**dataset.report, "held_out_reason": dataset.heldout_reason},
    }


def compile_facts(model: GenerativeModel) -> dict[str, Any]:
    """Return whether training steps are compiled; if compiling failed, `compile_note` is the reason.

    The first call compiles the model, if the configuration asks for it. All processes must call it together.
    """
    diffusion = as_diffusion(model)
    if diffusion is None:
        return {"compile": False}
    with deterministic_algorithms():  # as in training; the choice of kernels depends on it
        _, is_compiled, note = diffusion.compile()
    return {"compile": is_compiled, **({"compile_note": note} if note else {})}


def with_change_history(before: dict[str, Any], now: dict[str, Any], step: int) -> dict[str, Any]:
    """Return the record `now` with the changes since `before`, at the step where the run resumes.

    Print a warning if a change ends bit-identity. `before`: the contents of environment.json; empty for a
    new run.
    """
    changes = {
        key: [before[key], now[key]]
        for key in BIT_IDENTITY_KEYS
        if key in before and before[key] != now[key]
    }
    earlier = before.get("changes")
    history = list(earlier) if isinstance(earlier, list) else []
    if changes and step:
        text = ", ".join(f"{key} {old} → {new}" for key, (old, new) in changes.items())
        print_line(f"warning: the run is no longer bit-identical to an uninterrupted one: {text}")
        history.append({"step": step, **changes})
    return {**now, "changes": history} if history else now


def _version() -> str:
    try:
        return metadata.version("ddpm-studio")
    except metadata.PackageNotFoundError:  # run from source with PYTHONPATH
        return "source"


def _commit() -> str | None:
    """Return the commit of the checkout that the package runs from, with + if files differ; else None."""
    package = Path(__file__).resolve().parents[2]
    if package.parent.name != "src":  # installed: a surrounding repository is another project's
        return None
    command = ["git", "-C", str(package), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _cpu() -> str:
    """Return the model of the processor and the vector instructions that torch uses."""
    names: list[str] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    model = names[0] if names else platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
