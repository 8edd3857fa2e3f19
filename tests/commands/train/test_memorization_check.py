"""Memory measured in real trainings: eight digits are learned by heart, 1,500 are not."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.commands.train import session
from ddpm.commands.train.train import train
from ddpm.config import Config, with_overrides
from ddpm.loading.datasets import open_dataset
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.training.checkpoint import load
from ddpm.training.memorization import is_memorization

SMALL = (
    "network.channels=16",
    "network.attention=[]",
    "data.labels=false",
    "training.batch_size=32",
    "training.warmup=20",
    "training.ema=0.99",
    "training.preview_every=1000",
    "training.heldout_every=25",
)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "write_final_pictures", lambda run, model: None)


def digits(count: int) -> Path:
    """An IDX set of `count` training digits and 60 others as its test files."""
    images = np.array(open_dataset(Config()).images)[:, 0]
    folder = Path(f"digits-{count}")
    folder.mkdir()
    parts = {"train-images-idx3-ubyte": images[:count], "t10k-images-idx3-ubyte": images[1500:1560]}
    for name, part in parts.items():
        head = struct.pack(">HBB3I", 0, 8, 3, *part.shape)
        (folder / name).write_bytes(head + part.tobytes())
    return folder


def trained(data: Path, out: str, *overrides: str) -> RunFolder:
    path = f"data.path={data}"
    config = with_overrides(get_preset("digits").config, [path, *SMALL, *overrides])
    return train(config, Path(out)).run


def memory(run: RunFolder) -> list[dict[str, Any]]:
    return [row for row in read_metrics(run.metrics) if "copies" in row]


def warnings(run: RunFolder) -> list[dict[str, Any]]:
    return [row for row in read_metrics(run.metrics) if is_memorization(row)]


def test_eight_images_are_memorized_and_that_is_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = trained(digits(8), "run", "training.steps=140", "training.memorization_every=70")
    first, last = memory(run)
    assert [first["step"], last["step"]] == [70, 140]
    assert last["heldout_gap"] > first["heldout_gap"] > 0.2 and last["heldout_gap_pairs"] == 60
    assert last["neighbor_ratio"] < 0.7 and last["neighbor_ratio"] < first["neighbor_ratio"]
    assert last["copies"] > 0.2 and last["copies_heldout"] < 0.1
    told = warnings(run)
    assert [row["step"] for row in told] == [70, 140]  # the gap shows before there are copies
    assert capsys.readouterr().err.count("memorization begins") == 2
    heldout = {
        r["step"]: r["heldout_loss"] for r in read_metrics(run.metrics) if "heldout_loss" in r
    }
    assert heldout[140] > 1.5 * last["training_images_loss"]


def test_many_images_are_not_memorized_and_give_no_warning() -> None:
    data = digits(1500)
    run = trained(data, "run", "training.steps=50", "training.memorization_every=25")
    assert [row["step"] for row in memory(run)] == [25, 50] and warnings(run) == []
    assert all(abs(row["heldout_gap_z"]) < 4 for row in memory(run))
    assert all(0.9 < row["neighbor_ratio"] < 1.1 and row["copies"] < 0.1 for row in memory(run))


def test_looking_changes_no_number_of_the_training() -> None:
    data, steps = digits(8), "training.steps=6"
    plain = trained(data, "plain", steps, "training.memorization_every=0")
    watched = trained(data, "watched", steps, "training.memorization_every=1")
    assert memory(plain) == [] and len(memory(watched)) == 6
    for key in ("loss", "heldout_loss"):
        one, other = (
            [r[key] for r in read_metrics(x.metrics) if key in r] for x in (plain, watched)
        )
        assert one == other
    states = [load(run.checkpoint(6)).state for run in (plain, watched)]
    for stem, tensors in states[0].items():
        assert all(torch.equal(tensor, states[1][stem][name]) for name, tensor in tensors.items())


def test_a_resumed_run_measures_and_warns_the_same() -> None:
    data, every = digits(8), "training.memorization_every=30"
    whole = trained(data, "whole", "training.steps=60", every)
    part = trained(data, "part", "training.steps=60", every, "training.checkpoint_every=40")
    rows = read_metrics(part.metrics)
    shutil.rmtree(part.checkpoint(60))  # as if it had been killed before: back to step 40
    again = trained(data, "part", "training.steps=60", every, "training.checkpoint_every=40")
    assert memory(again) == memory(whole) and warnings(again) == warnings(whole) != []

    def timeless(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in found]

    assert timeless(read_metrics(again.metrics)) == timeless(rows)


def test_a_folder_without_a_holdout_is_searched_for_copies_all_the_same() -> None:
    folder = Path("few")
    folder.mkdir()
    np.save(folder / "few.npy", np.array(open_dataset(Config()).images)[:8])
    run = trained(folder / "few.npy", "run", "training.steps=2", "training.memorization_every=2")
    assert [set(row) for row in memory(run)] == [{"step", "copies"}]
