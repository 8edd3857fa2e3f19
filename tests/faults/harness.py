"""Real trainings in processes of their own, ended anywhere, and what to compare afterwards.

The children come from a fork server that has imported everything once (on Windows each starts anew).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.errors import RequestError
from ddpm.files import TEMP_PREFIX
from ddpm.runs import RunFolder
from ddpm.training import checkpoint

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows SIGTERM ends a process as abruptly
LIMIT = 120  # seconds for a child
POLL = 0.005  # seconds
PROGRAM = Path(__file__).with_name("fused.py").read_text(encoding="utf-8")

SETTINGS = (
    "training.optimizer=adamw",
    "training.learning_rate=1e-3",
    "training.batch_size=16",
    "training.warmup=5",
    "training.checkpoint_every=5",
    "training.preview_every=6",
    "training.heldout_every=7",
)
DIFFUSION = (
    "network.channels=8",
    "network.dropout=0.1",
    "data.labels=true",
    "sampling.steps=2",
)

Fuse = tuple[str, str, int, int | str]  # where the function is, its name, which call, which harm


@dataclass(frozen=True)
class Done:
    """How a child ended."""

    status: int
    output: str


@dataclass(frozen=True)
class Ddpm:
    """Runs `ddpm train PRESET --data digits` with tiny networks in a process of its own."""

    root: Path
    preset: str = "digits"
    own: tuple[str, ...] = ()  # settings beside SETTINGS
    own_cache: bool = False  # each run decodes its images for itself
    threads: int = 1  # that torch computes with

    def train(
        self,
        name: str,
        *total: str,
        fuse: Fuse | None = None,
        stop_when: Callable[[], bool] = lambda: False,
        number: int = KILL,
        settings: tuple[str, ...] = (),
        workers: int = 0,
    ) -> Done:
        """Train into root/name/run; `stop_when` is asked again and again from outside, then `number` sent.

        `workers`: how many threads decode, as if the machine had as many cores.
        """
        values = {**self.values(name, total, fuse, settings), "workers": workers}
        output = Path(values["output"])
        output.unlink(missing_ok=True)
        process = _context().Process(
            target=exec, args=(PROGRAM + "\nmain(values)", {"__name__": "fused", "values": values})
        )
        process.start()
        for _ in range(int(LIMIT / POLL)):
            process.join(POLL)
            if process.exitcode is not None or stop_when():
                break
        if process.exitcode is None:
            os.kill(process.pid, number)
        process.join(LIMIT)
        process.kill()  # nothing, where it has ended
        process.join(LIMIT)
        assert process.exitcode is not None
        return Done(process.exitcode, output.read_text(encoding="utf-8") if output.exists() else "")

    def values(
        self, name: str, total: tuple[str, ...], fuse: Fuse | None, settings: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What `fused.py` is given."""
        every = (*SETTINGS, *self.own, *settings)
        chosen = [word for setting in every for word in ("--set", setting)]
        images = ["train", self.preset, "--data", "digits"]
        (self.root / name).mkdir(exist_ok=True)
        return {
            "arguments": [*images, "--out", str(self.run(name).root), *total, *chosen],
            "cache": str(self.root / name / "cache" if self.own_cache else self.root / "cache"),
            "fuse": fuse,
            "output": str(self.root / name / "output.txt"),
            "threads": self.threads,
        }

    def run(self, name: str) -> RunFolder:
        return RunFolder(self.root / name / "run")


def _context() -> Any:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "pytest",
            "torch._dynamo",
            "matplotlib.figure",
            "ddpm.commands.train.train",
            "ddpm.cli.main",
        ]
    )
    return context


def rows(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of a log but for the clock."""
    lines = run.metrics.read_text(encoding="utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in files
    }


def weights(run: RunFolder, step: int) -> dict[str, bytes]:
    """The files of a checkpoint's tensors, byte for byte."""
    return {path.name: path.read_bytes() for path in run.checkpoint(step).glob("*.safetensors")}


def leftovers(run: RunFolder) -> list[Path]:
    """What a killed process may leave and a finished run must not hold."""
    return [*run.root.rglob(f"{TEMP_PREFIX}*"), *run.root.rglob("*-old"), *run.root.glob(".lock")]


def names(run: RunFolder) -> set[str]:
    """The files of a run but for its checkpoints and previews."""
    files = (path.relative_to(run.root) for path in run.root.rglob("*") if path.is_file())
    numbered = (run.checkpoints.name, run.previews.name)
    return {path.as_posix() for path in files if path.parts[0] not in numbered}


def differences(run: RunFolder, whole: RunFolder) -> list[str]:
    """In what a finished run differs from the one that nothing interrupted; [] where all bits agree.

    Checkpoints and previews may differ in number (a stopped run saves where it stops, and previews
    have a budget of time): those that both have are compared, and every checkpoint must be whole.
    """
    found = [f"{path} was left lying about" for path in leftovers(run)]
    found += [f"{name} is in one folder alone" for name in sorted(names(run) ^ names(whole))]
    for step in run.checkpoint_steps():
        try:
            checkpoint.load(run.checkpoint(step))
        except RequestError as error:
            found.append(str(error))
    steps = set(run.checkpoint_steps()) & set(whole.checkpoint_steps())
    if whole.checkpoint_steps()[-1] not in steps:
        found.append("the last checkpoint is missing")
    found += [f"weights of step {s}" for s in steps if weights(run, s) != weights(whole, s)]
    if rows(run) != rows(whole):
        found.append("rows of the log")
    both = {path.name for path in run.previews.glob("*.png")}
    both &= {path.name for path in whole.previews.glob("*.png")}
    pictures = [f"{run.previews.name}/{name}" for name in sorted(both)]
    pictures += [p.name for p in whole.root.iterdir() if p.suffix in (".png", ".gif")]
    for name in [*pictures, run.config.name]:
        one, other = run.root / name, whole.root / name
        if not one.is_file() or one.read_bytes() != other.read_bytes():
            found.append(name)
    return found
