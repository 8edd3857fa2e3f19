"""Real processes, stopped and taken up again, end where the uninterrupted one does, bit for bit.

`tests/faults` kills them at many more places.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from ddpm.runs import RunFolder
from tests.faults.harness import DIFFUSION, KILL, Ddpm, Fuse, leftovers, rows, snapshot, weights

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends a process no SIGINT or SIGTERM of its own"
)
STEPS = 45
TOTAL = ("--steps", str(STEPS))


@pytest.fixture(scope="module")
def ddpm(tmp_path_factory: pytest.TempPathFactory) -> Ddpm:
    return Ddpm(tmp_path_factory.mktemp("resume"), own=DIFFUSION)


@pytest.fixture(scope="module")
def whole(ddpm: Ddpm) -> RunFolder:
    """The run that nothing interrupted."""
    done = ddpm.train("whole", *TOTAL)
    assert done.status == 0, done.output
    return ddpm.run("whole")


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
    ("while deleting an old one", ("os", "unlink", 2, KILL), [5, 15, 20]),
]


def test_killed_anywhere_it_ends_in_the_same_bits(ddpm: Ddpm, whole: RunFolder) -> None:
    run = ddpm.run("killed")
    for where, fuse, checkpoints in KILLS:
        done = ddpm.train("killed", *TOTAL, fuse=fuse)
        assert done.status == -KILL or sys.platform == "win32", f"{where}: {done.output}"
        assert run.checkpoint_steps() == checkpoints, where
    # from outside, at whatever it is doing once a further checkpoint is there
    ddpm.train("killed", *TOTAL, stop_when=run.checkpoint(30).exists)
    assert run.checkpoint(30).exists()
    done = ddpm.train(
        "killed", *TOTAL, fuse=("ddpm.commands.train.session", "write_final_pictures", 1, KILL)
    )
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
    assert done.status == 0 and "resuming at step 10 of 20" in done.output
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
    assert last == f"Saved at step 8 of {STEPS}. Run the same command again to continue."
    assert run.checkpoint_steps() == [5, 8]
    assert rows(run) == [row for row in rows(whole) if row["step"] <= 8]
    assert leftovers(run) == []
    done = ddpm.train(name, *TOTAL)
    assert done.status == 0 and f"resuming at step 8 of {STEPS}" in done.output
    assert rows(run) == rows(whole)
    assert weights(run, STEPS) == weights(whole, STEPS)


def test_a_finished_run_says_so_and_changes_nothing(ddpm: Ddpm, whole: RunFolder) -> None:
    before = snapshot(whole.root)
    for total in (TOTAL, ("--steps", "20")):
        done = ddpm.train("whole", *total)
        assert done.status == 0
        assert f"is finished: {STEPS} steps. To continue, pass a larger total." in done.output
        assert snapshot(whole.root) == before


def test_a_larger_total_continues_a_finished_run(ddpm: Ddpm, whole: RunFolder) -> None:
    run = ddpm.run("longer")
    shutil.copytree(whole.root, run.root)
    done = ddpm.train("longer", "--steps", "50")
    assert done.status == 0 and f"resuming at step {STEPS} of 50" in done.output
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
    assert done.status == 0 and f"resuming at step 2 of {steps}" in done.output
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
