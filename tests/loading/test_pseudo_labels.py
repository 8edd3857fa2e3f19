"""Classes without labels: groups that are there are found, kept, learned and drawn."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ddpm.commands.data.dataset_summaries import inspect_clusters
from ddpm.commands.train import session
from ddpm.commands.train.train import train
from ddpm.config import Config, DataConfig, with_overrides
from ddpm.data.dataset import Dataset
from ddpm.errors import RequestError
from ddpm.evaluation import self_encoder
from ddpm.loading import pseudo_labels
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import open_model
from ddpm.loading.pseudo_labels import with_pseudo_labels
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.sampling.labels import choose_labels
from ddpm.training.checkpoint import load

KINDS = 3
OVERRIDES = (
    "data.path=stripes.npy",
    "data.labels=kmeans:3",
    "network.channels=8",
    "network.attention=[]",
    "training.batch_size=8",
    "training.precision=fp32",
    "training.preview_every=1000",
)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(session, "write_final_pictures", lambda run, model: None)
    monkeypatch.setattr(
        pseudo_labels, "train_encoder", partial(self_encoder.train_encoder, steps=15)
    )
    np.save("stripes.npy", stripes())


def stripes() -> np.ndarray:
    """120 images 8x8: bars that stand, bars that lie, and plain ones, in turn; each its own brightness."""
    rng = np.random.default_rng(0)
    bars = np.tile([0, 0, 200, 200], 2)
    kinds = [np.tile(bars, (8, 1)), np.tile(bars[:, None], (1, 8)), np.full((8, 8), 100)]
    images = [
        kinds[i % KINDS] + rng.integers(0, 40) + rng.integers(0, 10, (8, 8)) for i in range(120)
    ]
    return np.stack(images).astype(np.uint8)[:, None]


def dataset() -> Dataset:
    return open_dataset(Config(data=DataConfig(path="stripes.npy")))


def grouped(labels: str = "kmeans:3", own: Path | None = None) -> Dataset:
    return with_pseudo_labels(dataset(), DataConfig(path="stripes.npy", labels=labels), own)


def test_the_groups_that_are_there_are_found_and_found_again() -> None:
    found = grouped()
    assert found.labels is not None and found.class_names == ("0", "1", "2")
    truth = np.arange(120) % KINDS
    pairs = set(zip(found.labels.tolist(), truth.tolist(), strict=True))
    assert len(pairs) == KINDS  # each group is one kind, held-out images too
    counts = np.bincount(found.labels[found.train], minlength=3)
    assert found.report["pseudo_classes"] == counts.tolist() == sorted(counts, reverse=True)
    shutil.rmtree(Path("cache") / "clusters")
    assert np.array_equal(grouped().labels, found.labels)
    assert with_pseudo_labels(dataset(), DataConfig(labels="auto")).labels is None


def test_groups_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = grouped()
    (file,) = (Path("cache") / "clusters").iterdir()
    monkeypatch.setattr(pseudo_labels, "cluster_images", lambda dataset, k: np.full(120, k - 1))
    assert np.array_equal(grouped().labels, found.labels)
    assert set(grouped("kmeans:2").labels) == {1}  # type: ignore[arg-type]
    file.write_bytes(file.read_bytes()[:-30])  # damaged: found anew
    assert set(grouped().labels) == {2}  # type: ignore[arg-type]
    own = Path("own.npy")
    np.save(own, np.zeros(120, np.uint16))
    assert set(grouped(own=own).labels) == {0}  # type: ignore[arg-type]  # a run's copy comes first


def test_a_run_learns_them_and_resumes_with_its_own_bit_for_bit() -> None:
    config = with_overrides(get_preset("digits").config, [*OVERRIDES, "training.steps=6"])
    whole = train(config, Path("whole")).run
    part = with_overrides(config, ["training.checkpoint_every=3"])
    run = train(part, Path("part")).run
    shutil.rmtree(run.checkpoint(6))
    np.save(
        next((Path("cache") / "clusters").iterdir()), np.zeros(120, np.uint16)
    )  # another machine's
    train(part, Path("part"))
    one, other = (load(r.checkpoint(6)).state for r in (whole, run))
    for stem, tensors in one.items():
        assert all(torch.equal(tensor, other[stem][name]) for name, tensor in tensors.items())
    recorded = run.load_environment()["data"]["pseudo_classes"]
    assert len(recorded) == KINDS and sum(recorded) == len(dataset().train)
    assert [r["loss"] for r in read_metrics(run.metrics) if "loss" in r] == [
        r["loss"] for r in read_metrics(whole.metrics) if "loss" in r
    ]


def test_a_group_can_be_drawn_and_guided_to() -> None:
    config = with_overrides(get_preset("digits").config, [*OVERRIDES, "training.steps=4"])
    run: RunFolder = train(config, Path("run")).run
    model = open_model(str(run.root), "cpu").model
    assert model.spec.num_classes == KINDS and model.spec.class_names == ("0", "1", "2")
    assert choose_labels(model, range(3), "2") == [2, 2, 2]
    assert set(choose_labels(model, range(50), None) or ()) == {0, 1, 2}
    with pytest.raises(RequestError, match="0, 1, 2"):
        choose_labels(model, range(3), "3")


def test_the_groups_are_shown() -> None:
    text = inspect_clusters("stripes.npy", 3, Path("sheet.png"))
    lines = text.splitlines()
    assert (
        lines[0].split() == ["cluster", "images"] and len(lines) == 6 and lines[-1] == "sheet.png"
    )
    assert Path("sheet.png").is_file()


def test_too_few_images_are_refused() -> None:
    np.save("few.npy", stripes()[:50])
    few = open_dataset(Config(data=DataConfig(path="few.npy")))
    with pytest.raises(RequestError, match="at least 60 training images"):
        with_pseudo_labels(few, DataConfig(labels="kmeans:3"))
