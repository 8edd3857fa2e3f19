"""The kill test: real processes, killed anywhere, end where the uninterrupted one does, bit for bit.

The children come from a fork server that has imported everything once (on Windows each starts anew).
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from ddpm.files import TEMP_PREFIX
from ddpm.runs import RunFolder

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows SIGTERM ends a process as abruptly
LIMIT = 120  # seconds for a child
POLL = 0.005  # seconds
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends a process no SIGINT or SIGTERM of its own"
)

# `ddpm` with a fuse: the nth call of a function sends the process a signal before it does anything.
CHILD = """
import os, pkgutil, sys

sys.stdout = sys.stderr = open(output, "w", encoding="utf-8")
os.environ.pop("DDPM_DATA_DIR", None)
os.environ["DDPM_CACHE_DIR"] = cache
import torch
torch.set_num_threads(1)
if fuse is not None:
    place, name, nth, number = fuse
    owner, calls = pkgutil.resolve_name(place), []
    real = getattr(owner, name)
    def fused(*arguments, **options):
        calls.append(name)
        if len(calls) == nth:
            os.kill(os.getpid(), number)
        return real(*arguments, **options)
    setattr(owner, name, fused)
from ddpm.cli import main
sys.exit(main(arguments))
"""

Fuse = tuple[str, str, int, int]  # where the function is, its name, which call, which signal


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

    def train(
        self,
        name: str,
        *total: str,
        fuse: Fuse | None = None,
        kill_when: Callable[[], bool] = lambda: False,
        settings: tuple[str, ...] = (),
    ) -> Done:
        """Train into root/name/run; `kill_when` is asked again and again from outside."""
        every = (*SETTINGS, *self.own, *settings)
        chosen = [word for setting in every for word in ("--set", setting)]
        images = ["train", self.preset, "--data", "digits"]
        arguments = [*images, "--out", str(self.run(name).root), *total, *chosen]
        output = self.root / "output.txt"
        values: dict[str, Any] = {
            "arguments": arguments,
            "cache": str(self.root / "cache"),
            "fuse": fuse,
            "output": str(output),
        }
        process = _context().Process(target=exec, args=(CHILD, values))
        process.start()
        for _ in range(int(LIMIT / POLL)):
            process.join(POLL)
            if process.exitcode is not None or kill_when():
                break
        process.kill()  # nothing, where it has ended by itself
        process.join(LIMIT)
        assert process.exitcode is not None
        return Done(process.exitcode, output.read_text(encoding="utf-8"))

    def run(self, name: str) -> RunFolder:
        return RunFolder(self.root / name / "run")


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
STEPS = 45
TOTAL = ("--steps", str(STEPS))


def _context() -> Any:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["pytest", "torch._dynamo", "matplotlib.figure", "ddpm.workflows.train", "ddpm.cli.main"]
    )
    return context


@pytest.fixture(scope="module")
def ddpm(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return Ddpm(tmp_path_factory.mktemp("resume"), own=DIFFUSION)


@pytest.fixture(scope="module")
def whole(ddpm: Ddpm) -> RunFolder:
    """The run that nothing interrupted."""
    done = ddpm.train("whole", *TOTAL)
    assert done.status == 0, done.output
    return ddpm.run("whole")


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
    return list(run.root.rglob(f"{TEMP_PREFIX}*"))


def test_the_uninterrupted_run_is_complete(whole: RunFolder) -> None:
    steps = [row["step"] for row in rows(whole) if "loss" in row]
    assert steps == list(range(1, STEPS + 1))
    heldout = [row["step"] for row in rows(whole) if "heldout_loss" in row]
    assert heldout == [7, 14, 21, 28, 35, 42, 45]
    assert whole.checkpoint_steps() == [5, 15, 30, 40, 45]
    assert set(weights(whole, STEPS)) == {
        f"{n}.safetensors" for n in ("ema", "weights", "optimizer")
    }
    assert all(path.is_file() for path in whole.pictures(True))
    assert leftovers(whole) == []


# In the order of one run's life: each process starts from what the one before left.
KILLS: list[tuple[str, Fuse, list[int]]] = [
    ("before config.json", ("os", "replace", 1, KILL), []),
    ("before environment.json", ("os", "replace", 2, KILL), []),
    ("before the first checkpoint", ("ddpm.models.ddpm:Ddpm", "training_step", 3, KILL), []),
    ("while flushing a checkpoint", ("os", "fsync", 9, KILL), []),
    ("between a checkpoint's files", ("ddpm.training.checkpoint", "save_file", 5, KILL), [5]),
    ("before a checkpoint's name", ("os", "replace", 5, KILL), [5]),  # after one preview
    ("between two checkpoints", ("ddpm.models.ddpm:Ddpm", "training_step", 8, KILL), [5, 10]),
    ("while deleting an old one", ("os", "unlink", 2, KILL), [5, 10, 15, 20]),
]


def test_killed_anywhere_it_ends_in_the_same_bits(ddpm: Ddpm, whole: RunFolder) -> None:
    run = ddpm.run("killed")
    for where, fuse, checkpoints in KILLS:
        done = ddpm.train("killed", *TOTAL, fuse=fuse)
        assert done.status == -KILL or sys.platform == "win32", f"{where}: {done.output}"
        assert run.checkpoint_steps() == checkpoints, where
    # from outside, at whatever it is doing once a further checkpoint is there
    ddpm.train("killed", *TOTAL, kill_when=run.checkpoint(30).exists)
    assert run.checkpoint(30).exists()
    done = ddpm.train("killed", *TOTAL, fuse=("ddpm.workflows.train", "finish", 1, KILL))
    assert not run.denoising.exists()
    done = ddpm.train("killed", *TOTAL)
    assert done.status == 0 and f"is finished: {STEPS} steps" in done.output
    assert rows(run) == rows(whole)
    assert run.checkpoint_steps() == whole.checkpoint_steps()
    for step in run.checkpoint_steps():
        assert weights(run, step) == weights(whole, step)
    for killed, expected in zip(run.pictures(True), whole.pictures(True), strict=True):
        assert killed.read_bytes() == expected.read_bytes()
    assert run.config.read_bytes() == whole.config.read_bytes()
    assert leftovers(run) == []


GAN_KILLS: list[tuple[str, Fuse, list[int]]] = [
    ("before the first checkpoint", ("ddpm.models.dcgan:Dcgan", "training_step", 3, KILL), []),
    ("between a checkpoint's files", ("ddpm.training.checkpoint", "save_file", 5, KILL), [5]),
    ("between its two updates", ("ddpm.models.dcgan", "generator_loss", 8, KILL), [5, 10]),
]


def test_a_dcgan_killed_anywhere_ends_in_the_same_bits(tmp_path: Path) -> None:
    gan = Ddpm(tmp_path, "dcgan-folder", ("gan.channels=8",))
    total = ("--steps", "20")
    whole, run = gan.run("whole"), gan.run("killed")
    assert gan.train("whole", *total).status == 0
    for where, fuse, checkpoints in GAN_KILLS:
        done = gan.train("killed", *total, fuse=fuse)
        assert done.status == -KILL or sys.platform == "win32", f"{where}: {done.output}"
        assert run.checkpoint_steps() == checkpoints, where
    done = gan.train("killed", *total)
    assert done.status == 0 and "going on at step 10 of 20" in done.output
    assert rows(run) == rows(whole) and {"generator_loss", "heldout_real_score"} <= {
        name for row in rows(run) for name in row
    }
    for step in run.checkpoint_steps():
        assert weights(run, step) == weights(whole, step)
    names = [path.name for path in run.pictures(False)]
    assert all(path.is_file() for path in run.pictures(False)) and not run.denoising.exists()
    assert done.output.splitlines()[-len(names) :] == [str(run.root / name) for name in names]
    saved = snapshot(run.root)
    done = gan.train("killed", *total)  # finished: nothing is missing, so nothing is drawn again
    assert done.status == 0 and snapshot(run.root) == saved


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_saves_says_how_to_go_on_and_does(
    ddpm: Ddpm, whole: RunFolder, number: signal.Signals, status: int
) -> None:
    name = number.name
    run = ddpm.run(name)
    fuse = ("ddpm.models.ddpm:Ddpm", "training_step", 8, number)
    done = ddpm.train(name, *TOTAL, fuse=fuse)
    assert done.status == status
    last = done.output.splitlines()[-1]
    assert last == f"Saved at step 8 of {STEPS}. Run the same command again to go on."
    assert run.checkpoint_steps() == [5, 8]
    assert rows(run) == [row for row in rows(whole) if row["step"] <= 8]
    assert leftovers(run) == []
    done = ddpm.train(name, *TOTAL)
    assert done.status == 0 and f"going on at step 8 of {STEPS}" in done.output
    assert rows(run) == rows(whole)
    assert weights(run, STEPS) == weights(whole, STEPS)


def test_a_finished_run_says_so_and_changes_nothing(ddpm: Ddpm, whole: RunFolder) -> None:
    before = snapshot(whole.root)
    for total in (TOTAL, ("--steps", "20")):
        done = ddpm.train("whole", *total)
        assert done.status == 0
        assert f"is finished: {STEPS} steps. Ask for a larger total to go on." in done.output
        assert snapshot(whole.root) == before


def test_a_larger_total_continues_a_finished_run(ddpm: Ddpm, whole: RunFolder) -> None:
    run = ddpm.run("longer")
    shutil.copytree(whole.root, run.root)
    done = ddpm.train("longer", "--steps", "50")
    assert done.status == 0 and f"going on at step {STEPS} of 50" in done.output
    assert [row["step"] for row in rows(run) if "loss" in row] == list(range(1, 51))
    assert rows(run)[: len(rows(whole))] == rows(whole)
    assert run.checkpoint_steps()[-1] == 50
    assert run.sample_grid.read_bytes() != whole.sample_grid.read_bytes()
    assert json.loads(run.config.read_text(encoding="utf-8"))["training"]["steps"] == 50


def test_minutes_are_made_steps_once(ddpm: Ddpm) -> None:
    run, total, often = ddpm.run("minutes"), ("--minutes", "0.02"), ("training.checkpoint_every=2",)
    # three files a checkpoint: killed in the second one
    fuse = ("ddpm.training.checkpoint", "save_file", 5, KILL)
    assert ddpm.train("minutes", *total, fuse=fuse, settings=often).status != 0
    assert run.checkpoint_steps() == [2]
    fixed = run.config.read_bytes()
    steps = json.loads(fixed)["training"]["steps"]
    done = ddpm.train("minutes", *total, settings=often)
    assert done.status == 0 and f"going on at step 2 of {steps}" in done.output
    assert "measuring" not in done.output
    assert run.config.read_bytes() == fixed
    assert [row["step"] for row in rows(run) if "loss" in row] == list(range(1, steps + 1))
    # and what was trained is what so many steps train
    assert ddpm.train("as-steps", "--steps", str(steps), settings=often).status == 0
    for name in ("ema", "weights", "optimizer"):
        one, other = (
            load_file(each.checkpoint(steps) / f"{name}.safetensors")
            for each in (run, ddpm.run("as-steps"))
        )
        assert one.keys() == other.keys()
        assert all(one[key].equal(other[key]) for key in one)
