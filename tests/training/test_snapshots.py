"""Snapshots: the averages for `ddpm ema`, in half precision, at the steps that the total gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ddpm.models.ddpm import Ddpm
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load_weights
from ddpm.training.snapshots import Snapshots


def test_they_are_saved_at_their_steps_and_repeated_after_a_resume(
    small_ddpm: Callable[..., Ddpm],
) -> None:
    run = RunFolder(Path("run"))
    model = small_ddpm("training.posthoc_ema=4", "training.steps=20")
    snapshots = Snapshots(run, model, 0)
    for step in range(1, 18):
        snapshots.save_if_due(step)
    assert run.snapshot_steps() == [5, 10, 15]
    tensors, spec = load_weights(run.snapshot(5))
    assert spec == model.spec and {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    averages = model.state()["posthoc"]
    assert all(torch.equal(tensors[name], tensor.half()) for name, tensor in averages.items())
    Snapshots(run, model, 10)
    assert run.snapshot_steps() == [5, 10]


def test_a_run_without_posthoc_averages_saves_none(small_ddpm: Callable[..., Ddpm]) -> None:
    run = RunFolder(Path("run"))
    snapshots = Snapshots(run, small_ddpm(), 0)
    for step in range(1, 21):
        snapshots.save_if_due(step)
    assert run.snapshot_steps() == [] and not run.snapshots.exists()
