"""environment.json: the machine, the versions and the data of a run."""

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
from ddpm.terminal import say

# of environment.json: where all of these agree, so do the bits
BIT_IDENTITY = (
    "torch", "numpy", "cpu", "device", "threads", "processes", "precision", "compile",
)  # fmt: skip


def environment_record(
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
        "cpu": _cpu(),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "processes": world_size(),
        "precision": resolve_precision(training.precision, device),
        **compile_facts(model),
        "seed": training.seed,
        "parameters": model.parameters(),
        "init": init,
        "data": {**dataset.report, "held_out_reason": dataset.heldout_reason},
    }


def compile_facts(model: GenerativeModel) -> dict[str, Any]:
    """Whether its training steps are compiled (`compile`), and why not where that failed (`compile_note`).

    Where it is wanted it is tried here: by all processes together.
    """
    diffusion = as_diffusion(model)
    if diffusion is None:
        return {"compile": False}
    with deterministic_algorithms():  # as the steps themselves: kernels are chosen by it
        _, on, words = diffusion.compile()
    return {"compile": on, **({"compile_note": words} if words else {})}


def with_change_history(before: dict[str, Any], now: dict[str, Any], step: int) -> dict[str, Any]:
    """`now`, with what has changed on the way; said where it ends the promise of bit-identity.

    `before`: what environment.json holds, at the start nothing; `step`: the one that the run goes on from.
    """
    changes = [
        f"{key} {before[key]} → {now[key]}"
        for key in BIT_IDENTITY
        if key in before and before[key] != now[key]
    ]
    told = before.get("changes")
    history = list(told) if isinstance(told, list) else []
    if changes and step:
        words = ", ".join(changes)
        say(f"warning: bit-identity is no longer promised: {words}")
        history.append(f"at step {step}: {words}")
    return {**now, "changes": history} if history else now


def _version() -> str:
    try:
        return metadata.version("ddpm-studio")
    except metadata.PackageNotFoundError:  # run from source with PYTHONPATH
        return "source"


def _commit() -> str | None:
    """The commit of the checkout this package runs from, with + where files differ; None elsewhere."""
    source = Path(__file__).resolve().parents[2]
    if source.parent.name != "src":  # installed: a repository around it is somebody else's
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu() -> str:
    """The processor's model where the system tells, and the widest instructions that torch uses of it."""
    names: list[str] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    model = names[0] if names else platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
