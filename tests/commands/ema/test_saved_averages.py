"""Averages saved during training, on real runs of a few steps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpm.commands.ema.saved_averages import load_saved_averages
from ddpm.commands.train.train import train
from ddpm.config import with_overrides
from ddpm.errors import RequestError
from ddpm.models.base import Metrics
from ddpm.models.ddpm import Ddpm
from ddpm.optim.posthoc_ema import TRACKED_LENGTHS, averages_by_length, snapshot_bytes
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load, load_weights, save_weights
from tests.commands.ema.conftest import COUNT, STEPS, tiny


def files(run: RunFolder) -> dict[str, bytes]:
    found = [*run.snapshots.iterdir(), *(run.checkpoint(STEPS)).glob("*.safetensors")]
    return {path.relative_to(run.root).as_posix(): path.read_bytes() for path in found}


def test_snapshots_are_equally_spaced_and_survive_the_pruning(finished: RunFolder) -> None:
    assert finished.snapshot_steps() == [3, 6, 9, 12, 15, 18, 21, 24]
    assert finished.checkpoint_steps() == [4, 12, 20, 24]
    last = averages_by_length(load(finished.checkpoint(STEPS)).state["posthoc"])
    put_aside = averages_by_length(load_weights(finished.snapshot(STEPS))[0])
    assert tuple(last) == tuple(put_aside) == TRACKED_LENGTHS
    for length, tensors in last.items():
        assert all(torch.equal(t.half(), put_aside[length][n]) for n, t in tensors.items())


def test_their_bytes_were_known_before(finished: RunFolder) -> None:
    size = sum(path.stat().st_size for path in finished.snapshots.iterdir())
    parameters = Ddpm(load(finished.checkpoint(STEPS)).spec).parameter_counts()["network"]
    headers = size - snapshot_bytes(parameters, STEPS, COUNT)
    assert 0 < headers < 20_000 * COUNT


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("at", [4, 8])
def test_broken_off_and_taken_up_again_it_ends_in_the_same_bits(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    step = Ddpm.training_step

    def until(self: Ddpm, images: Any, labels: Any, number: int) -> Metrics:
        if number == at:
            raise KilledError
        return step(self, images, labels, number)

    with monkeypatch.context() as patch:
        patch.setattr(Ddpm, "training_step", until)
        with pytest.raises(KilledError):
            train(tiny(), tmp_path / "killed", device="cpu")
    again = train(tiny(), tmp_path / "killed", device="cpu").run
    assert files(again) == files(finished)


def test_what_a_lost_piece_of_training_put_aside_goes(run: RunFolder) -> None:
    for step in run.checkpoint_steps():
        if step > 12:
            shutil.rmtree(run.checkpoint(step))
    before = files_of_snapshots(run)
    run.snapshot(15).write_bytes(b"of another training")
    run.snapshot(14).write_bytes(b"of another total")
    train(tiny(), run.root, device="cpu")
    assert files_of_snapshots(run) == before


def test_a_larger_total_spaces_what_is_still_to_come(run: RunFolder) -> None:
    before = files_of_snapshots(run)
    train(tiny("training.steps=32"), run.root, device="cpu")
    assert run.snapshot_steps() == [3, 6, 9, 12, 15, 18, 21, 24, 28, 32]
    assert before.items() <= files_of_snapshots(run).items()
    averages = load_saved_averages(run)
    assert averages.step == 32 and averages.solve(0.07).error < 0.02


@pytest.mark.parametrize("length", TRACKED_LENGTHS)
def test_a_length_that_was_tracked_is_the_checkpoints_own(
    finished: RunFolder, length: float
) -> None:
    averages = load_saved_averages(finished)
    assert averages.solve(length).error < 1e-6
    tracked = averages.newest[length]
    for name, tensor in averages.average(length).items():
        expected = tracked.get(name, averages.own[name])
        assert torch.allclose(tensor, expected, rtol=0, atol=1e-6), name


def test_an_average_is_named_as_the_network_is_and_has_its_precision(finished: RunFolder) -> None:
    averages = load_saved_averages(finished)
    made = averages.average(0.07)
    assert {n: (t.shape, t.dtype) for n, t in made.items()} == {
        n: (t.shape, t.dtype) for n, t in averages.own.items()
    }


def test_averages_of_another_network_are_refused(run: RunFolder) -> None:
    kept = load_saved_averages(run)
    first = run.snapshot(kept.snapshot_steps[0])
    renamed = {f"{name}2": tensor for name, tensor in load_weights(first)[0].items()}
    save_weights(first, renamed, kept.spec)
    with pytest.raises(RequestError, match="holds averages of another network"):
        kept.average(0.1)


def test_a_dcgan_keeps_none() -> None:
    with pytest.raises(RequestError, match=r"training\.posthoc_ema=0"):
        with_overrides(get_preset("dcgan-mnist").config, ["training.posthoc_ema=8"])


def files_of_snapshots(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.snapshots.iterdir()}
