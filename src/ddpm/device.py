"""Which device computes, in which precision, and how many threads. The only module that asks the machine."""

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
BIG_GPU = 20 * 2**30  # bytes of memory from which on a graphics card counts as a big one
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3), malloc.h
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS and torch read it once, at the first product
if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
    os.environ.setdefault(_WORKSPACE, ":4096:8")
_STRICT = os.environ.get(_WORKSPACE) in (":4096:8", ":16:8")  # with these it adds in a fixed order


def pick_device(name: str = "auto") -> torch.device:
    """`auto`: CUDA, else Apple's MPS, else the CPU; a name is checked for being there.

    Of several processes on a machine each takes a graphics card of its own.
    """
    several = int(os.environ.get("WORLD_SIZE") or 1) > 1
    if torch.cuda.is_available() and several and name in ("auto", "cuda"):
        return _own_card(int(os.environ.get("LOCAL_RANK") or 0))
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        apples = torch.backends.mps.is_available() and not several  # it cannot add up gradients
        return torch.device("mps" if apples else "cpu")
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    with contextlib.suppress(RuntimeError):  # not a device's name at all
        device = torch.device(name)
        if (device.index or 0) < counts.get(device.type, 0):
            if device.type == "cuda" and device.index is not None:
                _refuse_sharing()
            return device
    here = ", ".join(kind for kind, count in counts.items() if count)
    raise RequestError(f"There is no device {name!r} here; use one of: {here}.")


def _refuse_sharing() -> None:
    """RequestError where several processes of this machine would take the same graphics card."""
    if int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1) > 1:
        raise RequestError(
            "Of several processes each takes a graphics card of its own; give --device cuda."
        )


def _own_card(number: int) -> torch.device:
    """The graphics card of that number; RequestError where there are fewer."""
    count = torch.cuda.device_count()
    if number >= count:
        raise RequestError(
            f"Process {number} of this machine finds only {count} graphics card{'s' * (count > 1)}: start "
            f"as many as there are (--nproc-per-node {count}), or give --device cpu."
        )
    return torch.device("cuda", number)


def resolve_precision(asked: str, device: torch.device) -> str:
    """`auto` becomes bf16 where the hardware multiplies in it, else fp32. Never fp16."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        with torch.cuda.device(device):  # torch looks at the current card alone
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        can = torch.cpu.get_capabilities()
        return "bf16" if can.get("amx_bf16") or can.get("avx512_bf16") else "fp32"
    return "fp32"


def device_scale(device: torch.device) -> Literal["cpu", "small-gpu", "big-gpu"]:
    """Which size of a recipe suits a device: by its kind, its memory, and whether it multiplies in bf16.

    Graphics cards of 20 GiB and more with bf16 are big ones; all others, and Apple's, are small.
    """
    if device.type == "cpu":
        return "cpu"
    if device.type == "cuda" and resolve_precision("auto", device) == "bf16":
        memory = torch.cuda.get_device_properties(device).total_memory
        return "big-gpu" if memory >= BIG_GPU else "small-gpu"
    return "small-gpu"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Autocast to bf16, or nothing for fp32."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def keep_freed_memory() -> None:
    """Freed blocks stay with the process, so that the next step need not ask the system for them again.

    glibc alone gives large blocks back at once, and clearing new ones took a tenth of a training step.
    Elsewhere nothing happens.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, 2**30)  # bytes
        mallopt(_MMAP_THRESHOLD, 2**25)  # the most that it takes


def reset_peak_memory(device: torch.device) -> None:
    """Look for the peak of memory anew; outside Linux and CUDA it stays that of the process's life."""
    if device.type == "cuda":
        # before, torch does not know cards by their number
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5)


def peak_memory(device: torch.device) -> int | None:
    """The most bytes held since `reset_peak_memory`: of the graphics card, else of the whole process.

    None where the system does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return _peak_of_life()


def _peak_of_life() -> int | None:
    """The most bytes that this process ever held (getrusage(2)); None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextlib.contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Deterministic algorithms on inside the block (bit-exact resume rests on it).

    Strictly so where there are graphics cards: attention's way back adds in any order where torch may
    only warn. (Not where the user's CUBLAS_WORKSPACE_CONFIG forbids it, or CUDA was in use before this
    module: then torch would refuse every product.)

    But for torch's custom of filling fresh memory, which finds programs that read what they never
    wrote, and takes time (2 % of a training step on one core).
    """
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    filling = _SETTINGS.fill_uninitialized_memory
    strict = _STRICT and torch.cuda.is_available()
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    _SETTINGS.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        _SETTINGS.fill_uninitialized_memory = filling
