"""The announced disk space of a training matches what its files take."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.config import TrainingConfig, with_overrides
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.training import checkpoint, footprint
from ddpm.training.footprint import disk_space_note

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


def announced(words: str, pattern: str) -> float:
    found = re.search(pattern + r" ([\d.]+) (\w\w)", words)
    assert found is not None, words
    return float(found[1]) * UNITS[found[2]]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("preset", ["mnist", "dcgan-mnist"])
def test_the_announced_size_of_a_checkpoint_is_its_size(
    tmp_path: Path, preset: str, optimizer: str
) -> None:
    small = [
        "training.steps=4000",
        "training.checkpoint_every=500",
        f"training.optimizer={optimizer}",
    ]
    config = with_overrides(get_preset(preset).config, [*small, "data.labels=false"])
    model = make_model(ModelSpec(config, (1, 28, 28), (0.0,), 0.5))
    words = disk_space_note(model, tmp_path / "not" / "there" / "yet")
    model.training_step(torch.zeros(2, 1, 28, 28), None, 1)
    checkpoint.save(tmp_path / "c", model.state(), model.spec, {"step": 1})
    size = sum(path.stat().st_size for path in (tmp_path / "c").iterdir())
    assert announced(words, "checkpoints of") == pytest.approx(size, rel=0.05)
    # kept at the end: 500, 1000, 2000, 3500, 4000, the best, and the one that is being written
    assert " 7 checkpoints of " in words
    assert announced(words, "up to") == pytest.approx(7 * size + 4000 * 230, rel=0.05)


def test_a_full_disk_is_announced_as_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(ModelSpec(get_preset("digits").config, (1, 8, 8), (0.0,), 0.5))
    assert disk_space_note(model, tmp_path).startswith("up to ")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5e5))
    words = disk_space_note(model, tmp_path)
    assert words.startswith("warning: up to ") and words.endswith(
        "only 500 kB are free there. Free some space."
    )


@given(steps=st.integers(1, 600), every=st.integers(1, 700))
def test_the_checkpoints_at_the_end_are_those_of_every_save(steps: int, every: int) -> None:
    """They are computed from a few steps, as if each of them had been saved and pruned."""
    training = TrainingConfig(steps=steps, checkpoint_every=every)
    saved = [*range(every, steps, every), steps]
    kept = checkpoint.steps_kept_at_end(saved)
    assert footprint._checkpoints_at_end(training) == kept
    assert footprint._max_checkpoints(training) == min(len(kept) + 1, len(saved)) + 1


def test_a_thousand_million_checkpoints_are_counted_at_once() -> None:
    training = TrainingConfig(steps=10**9, checkpoint_every=1)
    assert footprint._max_checkpoints(training) == 33
