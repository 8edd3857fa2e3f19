"""`ddpm` with a fuse: the nth call of a function does harm before it does anything.

A program of its own, so that any launcher can start it:

    python tests/faults/fused.py '{"arguments": ["train", …], "fuse": ["os", "replace", 3, 9]}'
    torchrun --nproc-per-node 2 tests/faults/fused.py '{…, "rank": 1}'
"""

from __future__ import annotations

import errno
import json
import os
import pkgutil
import signal
import sys
from typing import Any

TORN_LINE = '{"step": 3, "loss": 0.12'


def main(values: dict[str, Any]) -> None:
    """Run `ddpm` with values["arguments"], the fuse laid; output goes to a file where one is named."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # before the program begins it only ends
    if values.get("output"):
        sys.stdout = sys.stderr = open(values["output"], "a", encoding="utf-8")  # noqa: SIM115
    os.environ.pop("DDPM_DATA_DIR", None)
    if values.get("cache"):
        os.environ["DDPM_CACHE_DIR"] = values["cache"]
    if values.get("workers"):
        os.cpu_count = lambda: values["workers"]
    import torch

    torch.set_num_threads(values.get("threads", 1))
    mine = values.get("rank") in (None, int(os.environ.get("RANK", "0")))
    if values.get("fuse") and mine:
        lay(*values["fuse"])
    from ddpm.cli import main as ddpm

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(ddpm(values["arguments"]))


def lay(place: str, name: str, nth: int, harm: int | str) -> None:
    """Let the nth call of `name` in `place` (module or module:class) do `harm` first."""
    owner, calls = pkgutil.resolve_name(place), []
    real = getattr(owner, name)

    def fused(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) == nth:
            do(harm, arguments)
        return real(*arguments, **options)

    setattr(owner, name, fused)


def do(harm: int | str, arguments: tuple[Any, ...]) -> None:
    """A signal's number, the name of a disk's error, `oom`, or `torn` (a log's last line, then SIGKILL)."""
    if isinstance(harm, int):
        os.kill(os.getpid(), harm)
    elif harm == "torn":
        with arguments[0].path.open("a", encoding="utf-8") as file:
            file.write(TORN_LINE)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    elif harm == "oom":
        import torch

        raise torch.OutOfMemoryError("CUDA out of memory (injected)")
    else:
        number = getattr(errno, harm)
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
