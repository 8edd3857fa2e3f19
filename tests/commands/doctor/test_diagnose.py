"""`ddpm doctor`: the facts of runs, presets and cached images, and the text that is printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ddpm.cli import main
from ddpm.commands.doctor.case import Case, Finding
from ddpm.commands.doctor.diagnose import Diagnosis, diagnose, diagnosis_text
from ddpm.config import with_overrides
from ddpm.loading.datasets import open_dataset
from ddpm.loading.targets import TargetRequest
from ddpm.presets import PRESETS
from ddpm.runs import RunFolder
from tests.conftest import STEP, MakeRun


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """The cases that the rules were asked about."""
    cases: list[Case] = []
    monkeypatch.setattr("ddpm.commands.doctor.diagnose.run_rules", lambda c: cases.append(c) or [])
    return cases


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Overrides that name 60 images, 20 of them copies, and an empty cache."""
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
    np.save("images.npy", np.concatenate([images, images[:20]]))
    return ["data.path=images.npy", "data.size=8"]


def test_a_run_is_judged_by_its_log_and_its_recorded_data(
    make_run: MakeRun, seen: list[Case]
) -> None:
    root = make_run("sick", (1, 28, 28))
    diagnose(TargetRequest(str(root)))
    [case] = seen
    assert (case.steps, case.images, len(case.rows)) == (STEP, 60, STEP)
    assert case.data["broken"] == 1


def test_a_serious_finding_ends_with_exit_code_1(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_run("diverged", (1, 28, 28))
    rows = [{"step": step, "loss": 0.1 if step <= 300 else 5.0} for step in range(1, 401)]
    RunFolder(root).metrics.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["doctor", str(root)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"the run {root}:\n")
    assert "serious  The loss rises: 0.1 around step 21, 5 in the last tenth of the log." in shown
    assert main(["doctor", str(root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["target"] == f"the run {root}"
    assert any(row["words"].startswith("The loss rises") for row in found["findings"])


@pytest.mark.parametrize(
    ("override", "steps"),
    [("training.steps=70", 70), ("training.minutes=2", None), ("training.epochs=3", 2)],
)
def test_steps_are_known_unless_the_clock_decides(
    copies: list[str], seen: list[Case], override: str, steps: int | None
) -> None:
    own = [*copies, "training.batch_size=90", override]
    diagnose(TargetRequest("digits", overrides=own))
    assert seen[0].steps == steps  # 3 epochs of the 60 files are two batches of 90


def test_copies_are_counted_even_if_they_are_kept(copies: list[str], seen: list[Case]) -> None:
    diagnose(TargetRequest("digits", overrides=copies))
    assert seen[0].duplicates is None  # not in the cache
    for kept in ("false", "true"):
        own = [*copies, f"data.all_images={kept}"]
        open_dataset(with_overrides(PRESETS["digits"].config, own))
        diagnose(TargetRequest("digits", overrides=own))
        assert seen[-1].duplicates == 20


def test_half_precision_is_a_finding(copies: list[str]) -> None:
    found = diagnose(TargetRequest("digits", overrides=[*copies, "training.precision=fp16"]))
    assert found.serious and "fp16" in found.findings[0].problem


def test_each_finding_is_three_lines() -> None:
    first, second = Finding("note", "P.", "f", "R."), Finding("serious", "Q.", "g", "S.")
    assert diagnosis_text(Diagnosis("the preset x", [])) == "the preset x: nothing to fix"
    assert diagnosis_text(Diagnosis("the preset x", [second, first])).splitlines() == [
        "the preset x:",
        "serious  Q.",
        "  fix    g",
        "  why    S.",
        "note     P.",
        "  fix    f",
        "  why    R.",
    ]
    assert not Diagnosis("x", [first]).serious and Diagnosis("x", [first, second]).serious
