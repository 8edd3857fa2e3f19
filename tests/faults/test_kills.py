"""Killed and stopped at every kind of moment, a training ends in the bits of one that never was.

The long form, with random moments: python -m tests.faults.long --kills 100
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from ddpm.runs import RunFolder
from tests.faults.harness import DIFFUSION, KILL, Ddpm, Fuse, differences

OFTEN = ("training.checkpoint_every=3", "training.preview_every=4", "training.heldout_every=5")
TOTAL = ("--steps", "12")
SHIPPED = (
    "training.optimizer=muon",
    "training.learning_rate=5e-3",
    "training.posthoc_ema=4",
    "diffusion.objective=edm",
    "network.channels=16",
    "network.patch=2",
    "network.attention=[4]",
    "data.labels=true",
    "sampling.sampler=unipc",
    "sampling.spacing=compact",
    "sampling.steps=3",
    "sampling.guidance=1.6",
)
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends a process no SIGINT or SIGTERM of its own"
)

# (which call, of what) in the order of one run's life; each process starts from what the one before left
DATA = (
    (700, "ddpm.data.survey", "_read_item"),
    (900, "ddpm.data.decoded_rows", "_decode"),
    (1, "ddpm.data.cache", "_publish"),
)
LIFE = (
    (1, "ddpm.locking", "_acquire"),
    *DATA,
    (1, "ddpm.training.log", "write_text"),
    (1, "ddpm.models.ddpm:Ddpm", "training_step"),
    (2, "ddpm.optim.learner:Learner", "update"),
    (4, "ddpm.training.checkpoint", "_sha256"),  # while the second checkpoint is written
    (1, "ddpm.commands.train.session", "write_preview"),
    (1, "PIL.Image:Image", "save"),  # a preview's
    (1, "ddpm.models.ddpm:Ddpm", "heldout_loss"),
    (1, "shutil", "rmtree"),  # of a checkpoint that is no longer kept
    (1, "ddpm.sampling.run_pictures", "save_loss_plot"),
    (2, "PIL.Image:Image", "save"),  # of the last pictures
)


@pytest.fixture(scope="module")
def ddpm(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return Ddpm(tmp_path_factory.mktemp("kills"), own=(*DIFFUSION, *OFTEN), own_cache=True)


@pytest.fixture(scope="module")
def whole(ddpm: Ddpm) -> RunFolder:
    done = ddpm.train("whole", *TOTAL)
    assert done.status == 0, done.output
    return ddpm.run("whole")


def live(ddpm: Ddpm, name: str, number: int, *statuses: int) -> RunFolder:
    """A run that got the signal `number` at every moment of LIFE, then finished."""
    for nth, place, function in LIFE:
        fuse: Fuse = (place, function, nth, number)
        done = ddpm.train(name, *TOTAL, fuse=fuse)
        assert done.status in statuses or sys.platform == "win32", f"{fuse}: {done.output}"
        assert "Traceback" not in done.output
    done = ddpm.train(name, *TOTAL)
    assert done.status == 0, done.output
    return ddpm.run(name)


def test_killed_at_every_moment(ddpm: Ddpm, whole: RunFolder) -> None:
    assert differences(live(ddpm, "killed", KILL, -KILL), whole) == []


def test_killed_while_a_line_of_the_log_is_written(ddpm: Ddpm, whole: RunFolder) -> None:
    for nth in (2, 3):
        fuse: Fuse = ("ddpm.training.log:TrainingLog", "flush", nth, "torn")
        assert ddpm.train("torn", *TOTAL, fuse=fuse).status == -KILL or sys.platform == "win32"
        assert not ddpm.run("torn").metrics.read_text(encoding="utf-8").endswith("\n")
    assert ddpm.train("torn", *TOTAL).status == 0
    assert differences(ddpm.run("torn"), whole) == []


@posix
def test_asked_to_stop_at_every_moment(ddpm: Ddpm, whole: RunFolder) -> None:
    """SIGTERM ends it at once where there is nothing to save yet, else after the step in hand."""
    run = live(ddpm, "stopped", signal.SIGTERM, 0, 143, -signal.SIGTERM)
    assert differences(run, whole) == []


@posix
def test_interrupted_at_every_moment(ddpm: Ddpm, whole: RunFolder) -> None:
    run = live(ddpm, "interrupted", signal.SIGINT, 0, 130)
    assert differences(run, whole) == []


def test_killed_with_the_settings_that_ship_and_two_threads(tmp_path: Path) -> None:
    """What the presets `mnist` and `anime` compute with, on small images."""
    ddpm = Ddpm(tmp_path, own=(*SHIPPED, *OFTEN), threads=2)
    for name, fuses in (
        ("whole", ()),
        (
            "killed",
            ((5, "ddpm.optim.muon:Muon", "step"), (4, "ddpm.training.checkpoint", "_sha256")),
        ),
    ):
        for nth, place, function in fuses:
            done = ddpm.train(name, *TOTAL, fuse=(place, function, nth, KILL))
            assert done.status == -KILL or sys.platform == "win32", done.output
        done = ddpm.train(name, *TOTAL)
        assert done.status == 0, done.output
    assert ddpm.run("whole").snapshot_steps()
    assert differences(ddpm.run("killed"), ddpm.run("whole")) == []


def test_a_disk_that_is_full_and_a_kill_in_one_life(ddpm: Ddpm, whole: RunFolder) -> None:
    for place, name, nth, harm in (
        ("ddpm.training.checkpoint", "save_file", 5, "ENOSPC"),
        ("os", "fsync", 8, KILL),
        ("os", "replace", 5, "EIO"),
    ):
        done = ddpm.train("both", *TOTAL, fuse=(place, name, nth, harm))
        assert done.status != 0 and "Traceback" not in done.output, done.output
    assert ddpm.train("both", *TOTAL).status == 0
    assert differences(ddpm.run("both"), whole) == []


def test_the_shape_of_the_cache_is_the_same_after_all_that(ddpm: Ddpm, whole: RunFolder) -> None:
    """Killed while decoding, it leaves at most folders that a later start may not touch for a minute."""
    names = {path.name for path in (whole.root.parent / "cache" / "decoded").iterdir()}
    there = {path.name for path in (ddpm.root / "killed" / "cache" / "decoded").iterdir()}
    assert {name for name in there if not name.startswith(".tmp-")} == names


def test_decoding_by_one_thread_or_two_trains_the_same(ddpm: Ddpm, whole: RunFolder) -> None:
    """Killed half-way after one thread had decoded, decoded again by two and gone on with."""
    cache, caches = ddpm.root / "threads" / "cache", []
    for workers, fuse in ((1, ("ddpm.models.ddpm:Ddpm", "training_step", 7, KILL)), (2, None)):
        ddpm.train("threads", *TOTAL, fuse=fuse, workers=workers)
        caches.append({p.name: p.read_bytes() for p in cache.rglob("*.*") if p.suffix != ".npz"})
        shutil.rmtree(cache)
    assert caches[0] == caches[1] and {"images.npy", "index.json"} < set(caches[0])
    assert differences(ddpm.run("threads"), whole) == []
