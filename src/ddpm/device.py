"""Device, precision, memory and determinism: the only module that queries the hardware."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils import deterministic as _deterministic

from ddpm.errors import RequestError

_SETTINGS: Any = _deterministic  # a module with properties, which type checkers do not know
_BIG_GPU_BYTES = 20 * 2**30  # least memory of a `big-gpu`
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3), from malloc.h
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS reads it once, at the first matrix product
if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
    os.environ.setdefault(_WORKSPACE, ":4096:8")
# Values that make cuBLAS deterministic
_STRICT = os.environ.get(_WORKSPACE) in (":4096:8", ":16:8")


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; `auto` is CUDA, else MPS, else the CPU.

    With several processes per machine, each takes the GPU of its local rank. Raises
    RequestError if the device is not available.
    """
    is_multi_process = int(os.environ.get("WORLD_SIZE") or 1) > 1
    if torch.cuda.is_available() and is_multi_process and name in ("auto", "cuda"):
        return _local_gpu(int(os.environ.get("LOCAL_RANK") or 0))
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        use_mps = torch.backends.mps.is_available() and not is_multi_process  # no all-reduce on MPS
        return torch.device("mps" if use_mps else "cpu")
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    with contextlib.suppress(RuntimeError):  # an unknown name
        device = torch.device(name)
        if (device.index or 0) < counts.get(device.type, 0):
            if device.type == "cuda" and device.index is not None:
                _refuse_shared_gpu()
            return device
    available = ", ".join(kind for kind, count in counts.items() if count)
    raise RequestError(f"Device {name!r} is not available; use one of: {available}.")


def _refuse_shared_gpu() -> None:
    """Raise RequestError if several processes of this machine would use the same GPU."""
    if int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1) > 1:
        raise RequestError(
            "Several processes cannot share one GPU; pass --device cuda to give each process its own."
        )


def _local_gpu(local_rank: int) -> torch.device:
    """Return the GPU with the number `local_rank`. Raises RequestError if there are fewer GPUs."""
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise RequestError(
            f"Process {local_rank} of this machine has no GPU, as there {'are' if count > 1 else 'is'} only "
            f"{count}: start {count} with --nproc-per-node {count}, or pass --device cpu."
        )
    return torch.device("cuda", local_rank)


def resolve_precision(precision: str, device: torch.device) -> str:
    """Return `precision`, with `auto` as bf16 if the hardware supports it natively, else fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        with torch.cuda.device(device):  # torch queries the current GPU only
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return "bf16" if capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") else "fp32"
    return "fp32"


def device_scale(device: torch.device) -> Literal["cpu", "small-gpu", "big-gpu"]:
    """Return the preset size that suits a device.

    A GPU with native bf16 and at least 20 GiB is big; every other GPU, MPS included, is small.
    """
    if device.type == "cpu":
        return "cpu"
    if device.type == "cuda" and resolve_precision("auto", device) == "bf16":
        memory = torch.cuda.get_device_properties(device).total_memory
        return "big-gpu" if memory >= _BIG_GPU_BYTES else "small-gpu"
    return "small-gpu"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return an autocast context for bf16, or a null context for fp32."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def keep_freed_memory() -> None:
    """Keep freed memory in the process instead of returning it to the system.

    By default glibc returns large blocks at once, and clearing new ones took 10 % of a training step.
    Does nothing without glibc.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, 2**30)  # bytes
        mallopt(_MMAP_THRESHOLD, 2**25)  # the largest threshold allowed


def reset_peak_memory(device: torch.device) -> None:
    """Reset the peak that `peak_memory` returns. On a CPU this needs Linux."""
    if device.type == "cuda":
        # reset_peak_memory_stats fails before initialization
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5)


def peak_memory(device: torch.device) -> int | None:
    """Return the peak memory in bytes since `reset_peak_memory`, of the GPU or of the process.

    None if the system does not report it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return _lifetime_peak_memory()


def _lifetime_peak_memory() -> int | None:
    """Return the peak memory of this process in bytes (getrusage(2)); None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextlib.contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Use deterministic algorithms inside the block; bit-exact resume depends on them.

    On a GPU the mode is strict, because in warn-only mode the backward pass of attention sums in any order.
    It is not strict with another CUBLAS_WORKSPACE_CONFIG, or with CUDA in use before this module was
    imported: torch would then refuse every matrix product.

    Filling fresh memory, torch's default in this mode, is off: it takes 2 % of a training step on one core.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = _SETTINGS.fill_uninitialized_memory
    strict = _STRICT and torch.cuda.is_available()
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    _SETTINGS.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        _SETTINGS.fill_uninitialized_memory = fill
