"""Real torchrun with 2 and 4 gloo processes: the arithmetic, the run's files, kills, drawing and scores."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ddpm.cli import main
from ddpm.runs import RunFolder, read_metrics
from ddpm.training.checkpoint import load
from tests.distributed.cases import CASES, flat, trained
from tests.distributed.launching import FUSED, accelerate_launch, torchrun
from tests.faults.harness import differences, leftovers

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="torch was built without gloo",
)

SETTINGS = (
    "network.channels=8",
    "data.labels=true",
    "training.optimizer=muon",
    "training.batch_size=7",
    "training.warmup=0",
    "training.precision=fp32",
    "training.checkpoint_every=2",
    "training.preview_every=4",
    "training.heldout_every=3",
    "training.memorization_every=5",
    "sampling.steps=2",
    "sampling.chunk=10",
)
STEPS = 6
STEP = ("ddpm.models.ddpm:Ddpm", "training_step")


def train(out: Path, *more: str) -> list[str]:
    """The words of `ddpm train` for the run `out`."""
    chosen = [word for setting in SETTINGS for word in ("--set", setting)]
    return ["train", "digits", "--out", str(out), "--steps", str(STEPS), *chosen, *more]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module", autouse=True)
def workplace(root: Path) -> Iterator[None]:
    """The cache and the one thread of every process here, this one included."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDPM_CACHE_DIR", str(root / "cache"))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def two(root: Path) -> Path:
    """What two processes did without being disturbed: every case, and two runs of six steps."""
    commands = [train(root / "whole" / "run"), train(root / "parts" / "run", *PARTS)]
    done = torchrun(2, {"steps": str(root), "commands": commands}, root / "cache")
    assert done.returncode == 0, done.stderr
    pictures = [str(root / run / "run" / name) for run in ("whole", "parts") for name in PICTURES]
    assert done.stdout.splitlines() == pictures  # said once
    return root


PARTS = ("--shard", "--set", "training.batch_size=8")
PICTURES = ("loss.png", "samples.png", "denoising.gif")


def test_each_primitive_does_what_it_says(two: Path) -> None:
    assert json.loads((two / "facts.json").read_text())["primitives"] == {
        "sums": [[[3.0, 3.0], [3.0, 3.0]], [0.0, 3.0, 6.0]],
        "dealt": [[i, i % 2] for i in range(7)],
        "share": [[0, 3], [3, 7]],
        "told": "from 0",
        "asked": [[0], []],
        "highest": 10,
        "once": 0,
        "failed": ["ZeroDivisionError"] * 2,
    }


def test_where_one_has_no_memory_all_have_none(two: Path) -> None:
    assert json.loads((two / "facts.json").read_text())["memory"] == ["no memory"] * 2


@pytest.mark.parametrize("name", [name for name in CASES if name != "dropout"])
def test_several_processes_learn_what_one_does(two: Path, name: str) -> None:
    """Within a hundredth of the learning rate: Adam makes much of gradients near zero."""
    model, measured = trained(CASES[name], shard=False)
    alone = {**flat(model), **{f"measured/{k}": v for k, v in measured.items()}}
    shared = load_file(two / f"{name}.safetensors")
    assert shared.keys() == alone.keys()
    for key, tensor in alone.items():
        torch.testing.assert_close(
            shared[key],
            tensor,
            rtol=1e-4,
            atol=1e-4,
            equal_nan=True,
            msg=lambda m, k=key: f"{k}: {m}",
        )


def test_the_case_of_several_steps_learns_something() -> None:
    model, _ = trained(CASES["several"], shard=False)
    fresh = flat(trained(CASES["adamw"], shard=False)[0])
    moved = [(flat(model)[k] - t).abs().max() for k, t in fresh.items() if k.startswith("weights/")]
    assert max(moved) > 1e-2


def test_processes_drop_different_numbers(two: Path) -> None:
    model, _ = trained(CASES["dropout"], shard=False)
    shared = load_file(two / "dropout.safetensors")
    apart = [
        (shared[k] - t).abs().max() for k, t in flat(model).items() if k.startswith("weights/")
    ]
    assert max(apart) > 1e-3


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.shard])
def test_in_parts_each_process_holds_about_half(two: Path, name: str) -> None:
    part, everything = json.loads((two / "facts.json").read_text())[name]
    assert 0.4 < part / everything < 0.6


def test_a_run_in_parts_is_gone_on_with_by_one_process(two: Path) -> None:
    run, whole = RunFolder(two / "parts" / "run"), RunFolder(two / "whole" / "run")
    parts, usual = load(run.checkpoint(STEPS)).state, load(whole.checkpoint(STEPS)).state
    shapes = [
        {s: {k: t.shape for k, t in ts.items()} for s, ts in e.items()} for e in (parts, usual)
    ]
    assert shapes[0] == shapes[1]
    assert [p.name for p in run.previews.iterdir()] == [p.name for p in whole.previews.iterdir()]
    longer = [*train(run.root, *PARTS[1:]), "--steps", "8"]
    assert main(longer) == 0
    assert run.checkpoint_steps()[-1] == 8
    assert {row["batch"] for row in read_metrics(run.metrics) if "batch" in row} == {8}


def test_the_run_folder_is_that_of_one_process(two: Path) -> None:
    run = RunFolder(two / "whole" / "run")
    assert leftovers(run) == [] and run.checkpoint_steps()[-1] == STEPS
    rows = [row for row in read_metrics(run.metrics) if "batch" in row]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    assert {row["batch"] for row in rows} == {7}
    assert run.load_environment()["processes"] == 2
    assert all((run.root / name).is_file() for name in PICTURES)


@pytest.mark.skipif(find_spec("accelerate") is None, reason="accelerate is not installed")
def test_accelerate_launch_makes_the_same_run(two: Path) -> None:
    out = two / "accelerated" / "run"
    done = accelerate_launch(2, {"commands": [train(out)]}, two / "cache")
    assert done.returncode == 0, done.stderr
    assert differences(RunFolder(out), RunFolder(two / "whole" / "run")) == []


@pytest.fixture(scope="module")
def killed(two: Path) -> Path:
    """A run of two processes of which the second was killed in step 4."""
    out = two / "killed" / "run"
    fuse = [*STEP, 4, signal.SIGKILL]
    done = torchrun(2, {"arguments": train(out), "rank": 1, "fuse": fuse}, two / "cache", FUSED)
    assert done.returncode != 0
    sentences = [line for line in done.stderr.splitlines() if line.startswith("ddpm: ")]
    assert sentences == [
        "ddpm: Another process of this command has ended; run the same command again to resume."
    ]
    assert RunFolder(out).checkpoint_steps() == [2]
    return out


@pytest.fixture(scope="module")
def stopped(two: Path, killed: Path) -> Path:
    """A run of two processes of which the second was asked to stop in step 3.

    Before, the same two finished `killed`; after, a run in which the second once had no memory.
    """
    out = two / "stopped" / "run"
    harmed = [
        ([*STEP, 3, signal.SIGTERM], train(out)),
        (["ddpm.models.ddpm:Ddpm", "_loss", 2, "oom"], train(two / "short" / "run")),
    ]
    done = torchrun(2, {"commands": [train(killed)], "harmed": harmed}, two / "cache")
    assert "exitcode  : 143" in done.stderr
    assert f"Saved at step 3 of {STEPS}." in done.stderr
    return out


def test_the_run_of_a_killed_process_goes_on_bit_for_bit(
    two: Path, killed: Path, stopped: Path
) -> None:
    assert differences(RunFolder(killed), RunFolder(two / "whole" / "run")) == []


def test_where_one_has_no_memory_all_go_back_and_on_in_smaller_parts(
    two: Path, stopped: Path
) -> None:
    run = RunFolder(two / "short" / "run")
    warnings = [row["warning"]["change"] for row in read_metrics(run.metrics) if "warning" in row]
    assert len(warnings) == 1 and warnings[0]["accumulate"] == 2
    check_close(run.root, two / "whole" / "run")


def test_one_asked_to_stop_stops_all_at_one_sealed_checkpoint(stopped: Path) -> None:
    run = RunFolder(stopped)
    assert run.checkpoint_steps() == [2, 3] and leftovers(run) == []
    assert load(run.checkpoint(3)).progress["step"] == 3
    assert read_metrics(run.metrics)[-1]["step"] == 3


def test_one_and_four_processes_go_on_where_two_stopped_and_draw_and_measure_alike(
    two: Path, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One launch of four for all of it: processes are slow to start."""

    def commands(name: str) -> list[list[str]]:
        out, whole = two / name, str(two / "whole" / "run")
        shutil.copytree(stopped, out)
        drawing = [
            "sample",
            whole,
            "-n",
            "33",
            "--seed",
            "5",
            "--png-dir",
            str(two / f"{name}-png"),
        ]
        scoring = ["evaluate", whole, "-n", "60", "--likelihood", "20"]
        return [train(out), drawing, [*scoring, "--json", str(two / f"{name}.json")]]

    assert [main(words) for words in commands("one")] == [0, 0, 0]
    shutil.rmtree(two / "cache" / "evaluation")  # four take the features for themselves
    (two / "whole" / "run" / "evaluation.json").unlink()
    done = torchrun(4, {"commands": commands("four")}, two / "cache")
    assert done.returncode == 0, done.stderr
    assert (two / "whole" / "run" / "evaluation.json").is_file()
    check_close(two / "one", two / "whole" / "run")
    check_close(two / "four", two / "whole" / "run")
    check_same_files(two / "one-png", two / "four-png")
    check_same_scores(two / "one.json", two / "four.json")


def check_close(one: Path, other: Path) -> None:
    """Both runs ended with the same state, but for rounding, and with a log of the same steps."""
    ends = [load(RunFolder(run).checkpoint(STEPS)).state for run in (one, other)]
    for stem, tensors in ends[0].items():
        assert tensors.keys() == ends[1][stem].keys()
        for name, tensor in tensors.items():
            torch.testing.assert_close(ends[1][stem][name], tensor, rtol=1e-3, atol=1e-3)
    logs = [read_metrics(RunFolder(run).metrics) for run in (one, other)]
    steps = [[row["step"] for row in rows if "warning" not in row] for rows in logs]
    assert steps[0] == steps[1]


def check_same_files(one: Path, other: Path) -> None:
    names = sorted(path.name for path in one.iterdir())
    assert len(names) == 33 and names == sorted(path.name for path in other.iterdir())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def check_same_scores(one: Path, other: Path) -> None:
    scores: list[list[dict[str, Any]]] = [json.loads(p.read_text())["rows"] for p in (one, other)]
    assert len(scores[0]) == len(scores[1]) > 5
    for row, same in zip(*scores, strict=True):
        assert row.keys() == same.keys()
        for key, value in row.items():
            if isinstance(value, float):
                np.testing.assert_allclose(same[key], value, rtol=1e-9, atol=0, err_msg=str(row))
            else:
                assert same[key] == value
