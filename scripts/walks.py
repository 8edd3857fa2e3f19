"""Count the modules that a reader opens to follow one operation through the source.

    python scripts/walks.py src
    python scripts/walks.py OLD/src NEW/src        # one column pair per source folder
    python scripts/walks.py src --list train       # the stops of one walk, in order

Each walk is the trace (sys.setprofile) of a real, tiny operation on the bundled digits. Only functions
of the package count. Code that runs while a module is imported, lambdas and comprehensions do not. A
constructor that `dataclass` generates counts as a function of the module that defines the class.

- `training step`: the second call of `training_step`, with everything below it.
- `sample`: `ddpm sample bundled:digits -n 1`, from the command's function to the written picture.
- `score`: `ddpm evaluate` on 32 drawn digits, from the command's function to the printed table.
- `train`: `ddpm train digits`, from `main` to the end of the first training step. Only the main path
  counts: the functions on the call stack of that step, and the functions that these call directly.

A walk lists the modules in order of these calls. In the first three walks each function counts once, at
its first call. `modules` is the number of distinct modules. `returns` is the number of times the walk
enters a module that it had left before. By this count the source before its reorganization (commit
57aa752) has 36 modules and 58 returns in `train`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

TRAIN = "train digits --steps 2 --device cpu --out run"
COMMANDS = {
    "training step": TRAIN,
    "sample": "sample bundled:digits -n 1 --device cpu --out one.png",
    "score": "evaluate drawn.npz --reference digits -n 32 --features digits --device cpu",
    "train": TRAIN,
}
PREPARATION = {"score": "sample bundled:digits -n 32 --device cpu --out drawn.npz"}


@dataclass
class Call:
    """One call of a function of the package; `parent` is the index of the call that made it."""

    parent: int | None
    module: str
    function: str
    is_read: bool  # lambdas and comprehensions are passed through


class Tracer:
    """Profile function that records the calls of the package's functions."""

    def __init__(self, package: Path) -> None:
        self.prefix = f"{package}{os.sep}"
        self.calls: list[Call] = []
        self.stack: list[int] = []
        self.importing = 0
        self.steps: list[tuple[int, list[int], int]] = []  # call, its stack, calls made at its end

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        module, name = self._module(frame), frame.f_code.co_name
        if event not in ("call", "return") or module is None:
            return
        if name == "<module>":
            self.importing += 1 if event == "call" else -1
        elif not self.importing:
            self._enter(module, frame) if event == "call" else self._leave()

    def _module(self, frame: FrameType) -> str | None:
        file = frame.f_code.co_filename
        if file == "<string>" and frame.f_code.co_name == "__init__":  # made by `dataclass`
            home: str = type(frame.f_locals["self"]).__module__
            return home[5:].replace(".", "/") + ".py" if home.startswith("ddpm.") else None
        return Path(file[len(self.prefix) :]).as_posix() if file.startswith(self.prefix) else None

    def _enter(self, module: str, frame: FrameType) -> None:
        code = frame.f_code
        parent = self.stack[-1] if self.stack else None
        self.stack.append(len(self.calls))
        function = f"{code.co_qualname}:{code.co_firstlineno}"
        self.calls.append(Call(parent, module, function, not code.co_name.startswith("<")))

    def _leave(self) -> None:
        if not self.stack:
            return
        stack, call = list(self.stack), self.stack.pop()
        if self.calls[call].function.split(":")[0].endswith("training_step"):
            self.steps.append((call, stack, len(self.calls)))


def walk(name: str, source: Path) -> list[str]:
    """Run the operation `name` with the package in `source`; return the modules in order of calls."""
    from ddpm.cli import main

    def run(command: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = main(command.split())
        if status:
            raise SystemExit(f"ddpm {command} ended with exit status {status}")

    if name in PREPARATION:
        run(PREPARATION[name])
    tracer = Tracer(source / "ddpm")
    sys.setprofile(tracer)
    try:
        run(COMMANDS[name])
    finally:
        sys.setprofile(None)
    return _stops(name, tracer)


def _stops(name: str, tracer: Tracer) -> list[str]:
    calls = tracer.calls
    if name == "train":
        _, path, end = tracer.steps[0]
        return [
            call.module
            for index, call in enumerate(calls[:end])
            if call.is_read and (index in path or call.parent in path)
        ]
    first, last = _whole(calls)
    if name == "training step":
        first, _, last = tracer.steps[1]
    read = {(c.module, c.function): c.module for c in calls[first:last] if c.is_read}
    return list(read.values())


def _whole(calls: list[Call]) -> tuple[int, int]:
    """The range of calls below the command's own function, whose name begins with `run_`."""
    first = next(i for i, call in enumerate(calls) if call.function.startswith("run_"))
    return first, len(calls)


def counted(stops: list[str]) -> tuple[int, int]:
    """Return (modules, returns) of a walk."""
    visits = [module for module, _ in groupby(stops)]
    return len(set(visits)), len(visits) - len(set(visits))


def traced(name: str, source: Path) -> list[str]:
    """`walk` in a process of its own, in a fresh folder, with `source` as the package's folder."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"PYTHONPATH": str(source), "DDPM_CACHE_DIR": f"{folder}/cache"}
        environment = {**os.environ, **paths, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(Path(__file__).resolve()), str(source), "--trace", name]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    stops: list[str] = json.loads(done.stdout)
    return stops


def main() -> None:
    """Print the table for every source folder that is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, nargs="+", help="folder that holds the package ddpm")
    parser.add_argument("--list", choices=COMMANDS, help="print the stops of one walk instead")
    parser.add_argument("--trace", choices=COMMANDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sources = [folder.resolve() for folder in options.source]
    if options.trace:
        print(json.dumps(walk(options.trace, sources[0])))
        return
    if options.list:
        print(*(module for module, _ in groupby(traced(options.list, sources[0]))), sep="\n")
        return
    print(f"{'':<15}" + "".join(f"{'modules':>10}{'returns':>9}" for _ in sources))
    for name in COMMANDS:
        figures = [counted(traced(name, source)) for source in sources]
        print(f"{name:<15}" + "".join(f"{m:>10}{r:>9}" for m, r in figures))


if __name__ == "__main__":
    main()
