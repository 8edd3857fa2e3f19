"""The disk that a training says it will take is the disk that it takes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ddpm.config import with_overrides
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.training import checkpoint
from ddpm.training.disk_room import room_words

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


def said(words: str, pattern: str) -> float:
    found = re.search(pattern + r" ([\d.]+) (\w\w)", words)
    assert found is not None, words
    return float(found[1]) * UNITS[found[2]]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("preset", ["mnist", "dcgan-mnist"])
def test_a_checkpoint_is_as_large_as_said(tmp_path: Path, preset: str, optimizer: str) -> None:
    small = [
        "training.steps=4000",
        "training.checkpoint_every=500",
        f"training.optimizer={optimizer}",
    ]
    config = with_overrides(get_preset(preset).config, [*small, "data.labels=false"])
    model = make_model(ModelSpec(config, (1, 28, 28), (0.0,), 0.5))
    words = room_words(model, tmp_path / "not" / "there" / "yet")
    model.training_step(torch.zeros(2, 1, 28, 28), None, 1)
    checkpoint.save(tmp_path / "c", model.state(), model.spec, {"step": 1})
    size = sum(path.stat().st_size for path in (tmp_path / "c").iterdir())
    assert said(words, "checkpoints of") == pytest.approx(size, rel=0.05)
    # kept at the end: 500, 1000, 2000, 3500, 4000, the best, and the one that is being written
    assert " 7 checkpoints of " in words
    assert said(words, "up to") == pytest.approx(7 * size + 4000 * 230, rel=0.05)


def test_too_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(ModelSpec(get_preset("digits").config, (1, 8, 8), (0.0,), 0.5))
    assert room_words(model, tmp_path).startswith("up to ")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5e5))
    words = room_words(model, tmp_path)
    assert words.startswith("warning: up to ") and words.endswith(
        "but only 500 kB are free there: make room"
    )
