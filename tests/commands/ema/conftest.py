"""A run of a few steps with saved averages, and copies of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ddpm.commands.ema.average_choice import EmaRequest, choose_average
from ddpm.commands.train.train import train
from ddpm.config import Config, with_overrides
from ddpm.presets import get_preset
from ddpm.runs import RunFolder

STEPS, COUNT = 24, 8


TINY = (
    "network.channels=8",
    "network.attention=[]",
    "training.batch_size=8",
    f"training.steps={STEPS}",
    f"training.posthoc_ema={COUNT}",
    "training.checkpoint_every=4",
    "training.preview_every=1000",
    "sampling.steps=2",
)


def tiny(*overrides: str) -> Config:
    return with_overrides(get_preset("digits").config, [*TINY, *overrides])


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A run with its pictures, for copies."""
    return train(tiny(), tmp_path_factory.mktemp("runs") / "run", device="cpu").run


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.root, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def ask(run: RunFolder, *lengths: float, **more: Any) -> dict[str, Any]:
    return choose_average(EmaRequest(str(run.root), lengths, n=12, device="cpu", **more))
