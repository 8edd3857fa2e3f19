"""Runs of format 1, kept as they were written: they load, draw the same images and go on.

tests/golden/: `ddpm`, `dcgan` and `muon` are run folders of six steps on the digits (the first without what
only training needs, the last with Muon, post-hoc averages, augmentation and an evaluation), `student` one of
three steps, taught by `muon`. The .npz are what they drew from seeds 0 to 3, the .jsonl how they went on for
three steps.
A change that breaks these tests needs a new FORMAT_VERSION and a way to read, or refuse, the old one.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.cli import main
from ddpm.config import FORMAT_VERSION, load_config
from ddpm.loading.models import open_model
from ddpm.runs import RunFolder, read_metrics
from ddpm.sampling.labels import choose_labels

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("ddpm", "dcgan", "muon", "student")
CONTINUED = {"dcgan": 9, "muon": 9, "student": 6}  # run → its new total
LEVELS = 2  # of 255, that rounding on another machine may change
CLOSE = 1e-3  # of a loss, after three steps


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copy(name: str, here: Path) -> RunFolder:
    shutil.copytree(GOLDEN / name, here / name)
    return RunFolder(here / name)


def test_they_are_of_this_format_and_small() -> None:
    for name in NAMES:
        assert load_config(GOLDEN / name / "config.json").to_dict()["format"] == FORMAT_VERSION == 1
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_an_old_run_draws_the_images_it_drew(name: str, here: Path) -> None:
    """Of the same classes: those of the first runs were drawn at random from the seeds."""
    model = open_model(str(GOLDEN / name), "cpu").model
    classes = choose_labels(model, range(4), None, at_random=True)
    command = ["sample", str(GOLDEN / name), "-n", "1", "--device", "cpu"]
    for seed in range(4):
        out = here / f"{seed}.npz"
        label = [] if classes is None else ["--label", model.spec.class_names[classes[seed]]]
        assert main([*command, "--seed", str(seed), *label, "--out", str(out)]) == 0
        with np.load(out) as drawn, np.load(GOLDEN / f"{name}.npz") as before:
            difference = drawn["images"][0].astype(int) - before["images"][seed]
        assert np.abs(difference).max() <= LEVELS


def numbers(value: Any) -> list[float]:
    """One number or several; what was not measured is nan."""
    return [math.nan if v is None else v for v in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("name", CONTINUED)
def test_an_old_run_goes_on_as_it_did(name: str, here: Path) -> None:
    run = copy(name, here)
    before = read_metrics(run.metrics)
    steps = str(CONTINUED[name])
    assert main(["train", str(run.root), "--steps", steps, "--device", "cpu"]) == 0
    rows = read_metrics(run.metrics)
    expected = [*before, *read_metrics(GOLDEN / f"{name}-continued.jsonl")]
    assert [(row["step"], set(row)) for row in rows] == [
        (row["step"], set(row)) for row in expected
    ]
    for row, old in zip(rows, expected, strict=True):
        for name in row.keys() - {"seconds", "neighbor_ratio"}:
            close = pytest.approx(numbers(old[name]), rel=CLOSE, abs=CLOSE, nan_ok=True)
            assert numbers(row[name]) == close


def test_training_begins_with_old_weights(here: Path) -> None:
    settings = ["network.channels=4", "network.multipliers=[1]", "training.batch_size=8"]
    chosen = [word for setting in settings for word in ("--set", setting)]
    command = ["train", "digits", "--init", str(GOLDEN / "ddpm"), "--steps", "1", "--out", "new"]
    assert main([*command, *chosen, "--device", "cpu"]) == 0
    loss, old = read_metrics(here / "new" / "metrics.jsonl")[0]["loss"], 0.75
    assert loss < 1.3 * old  # an untrained network begins at 1


def newer(value: Any) -> dict[str, Any]:
    """A configuration as the next version may write it."""
    return {**value, "format": FORMAT_VERSION + 1, "invented": {"later": True}}


@pytest.mark.parametrize(
    "command", [["sample"], ["train"], ["evaluate"], ["doctor"], ["report"]], ids=" ".join
)
def test_a_run_of_a_newer_version_is_refused_with_the_way_out(
    command: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copy("ddpm", here)
    value = newer(json.loads(run.config.read_text(encoding="utf-8")))
    run.config.write_text(json.dumps(value), encoding="utf-8")
    before = sorted(path for path in here.rglob("*"))
    assert main([*command, str(run.root)]) == 2
    said = capsys.readouterr().err
    assert "has format 2, but this version of ddpm-studio reads format 1; use the version" in said
    assert said.count("\n") == 1 and "damaged" not in said
    assert sorted(path for path in here.rglob("*")) == before


def test_weights_of_a_newer_version_are_refused_with_the_way_out(here: Path) -> None:
    from ddpm.errors import RequestError
    from tests.faults.test_untrusted import with_spec

    path = here / "newer.safetensors"
    shutil.copy(GOLDEN / "dcgan" / "checkpoints" / "step-00000006" / "ema.safetensors", path)
    assert open_model(str(path), "cpu").model.spec.config.model == "dcgan"
    with_spec(path, lambda spec: spec.update(config=newer(spec["config"])))
    with pytest.raises(RequestError, match="use the version that wrote it"):
        open_model(str(path), "cpu")
