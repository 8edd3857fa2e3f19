"""Client of `worker.py`: starts its process and sends it requests, one at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.peers import peers_python
from benchmarks.sides import Setup


class Worker:
    """A side in a process of its own, which sleeps between requests."""

    def __init__(self, setup: Setup, python: Path | None = None) -> None:
        """Start the process; `python` is the interpreter of a peer (default: that of `.venv-peers`)."""
        self.side = setup.side
        ours = setup.side == "ours"
        command = sys.executable if ours else str(python or peers_python())
        self.process = subprocess.Popen(
            [command, "-m", "benchmarks.worker", json.dumps(asdict(setup))],
            cwd=ROOT,
            env={**os.environ, "TQDM_DISABLE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **options: Any) -> dict[str, Any]:
        """Return the answer of the worker's method `do`. SystemExit if the process has ended."""
        assert self.process.stdin is not None and self.process.stdout is not None
        answer = ""
        if self.process.poll() is None:
            print(json.dumps({"do": do, **options}), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"The process of {self.side} has ended; its messages are above.")
        found: dict[str, Any] = json.loads(answer)
        return found

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.communicate()
