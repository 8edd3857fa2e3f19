"""Data sets of a configuration: opened, described for a model, and drawn in batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ddpm.config import Config, DataConfig, with_overrides
from ddpm.data import catalogue
from ddpm.data.dataset import Dataset
from ddpm.errors import RequestError
from ddpm.loading.datasets import dataset_path, model_spec, open_dataset, training_batches
from ddpm.presets import get_preset

CONFIG = with_overrides(
    Config(), ["network.channels=8", "network.multipliers=[1]", "sampling.steps=9"]
)


def test_a_configuration_without_images_is_refused() -> None:
    with pytest.raises(RequestError, match=r"No images are given\. Pass a folder"):
        open_dataset(Config(data=DataConfig(path="")))


def test_a_data_folder_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDPM_DATA_DIR", "nowhere")
    with pytest.raises(RequestError, match=r"DDPM_DATA_DIR is nowhere, .* or unset it"):
        open_dataset(Config(data=DataConfig(path="mnist")))
    assert (
        len(open_dataset(Config(data=DataConfig(path="digits"))).images) == 1797
    )  # in the package


@pytest.mark.parametrize("labels", [True, False])
def test_batches_hold_labels_only_if_the_model_learns_them(labels: bool) -> None:
    config = with_overrides(
        Config(), [f"data.labels={str(labels).lower()}", "training.batch_size=4"]
    )
    images = np.arange(6, dtype=np.uint8)[:, None, None, None].repeat(4, 2).repeat(4, 3)
    batches = training_batches(config, images, np.array([1, 3]), np.arange(6))
    batch, found = batches.batch(0)
    assert batch.shape == (4, 1, 4, 4) and set(batch.unique().tolist()) == {1, 3}
    assert (found is not None) is labels
    if found is not None:
        assert found.tolist() == batch[:, 0, 0, 0].tolist()


def test_a_spec_describes_the_data_in_model_range() -> None:
    images = np.zeros((6, 3, 2, 2), np.uint8)
    report = {"mean": [0.5, 0.25, 1.0], "std": [0.1, 0.2, 0.2]}
    labels = np.array([0, 1, 1, 2, 2, 2])
    dataset = Dataset(
        "set", images, labels, ("a", "b", "c"), np.array([0, 1, 2, 3]), np.array([4, 5]), "", report
    )  # fmt: skip
    spec = model_spec(CONFIG, dataset)
    assert spec.image_shape == (3, 2, 2)
    assert spec.data_mean == (0.0, -0.5, 1.0)
    assert spec.data_std == pytest.approx(2 * (0.09 / 3) ** 0.5)
    assert spec.class_names == ("a", "b", "c")
    assert spec.class_counts == (1, 2, 1)  # of the images trained on
    assert model_spec(CONFIG, replace(dataset, labels=None, class_names=())).class_counts == ()


def test_the_sigma_of_the_digits_is_that_of_their_pixels() -> None:
    config = get_preset("digits").config
    dataset = open_dataset(config)
    spec = model_spec(config, dataset)
    pixels = dataset.images[dataset.train].astype(np.float64) / 127.5 - 1
    assert spec.data_mean == pytest.approx([pixels.mean()])
    assert spec.data_std == pytest.approx(pixels.std())
    assert sum(spec.class_counts) == len(dataset.train)


def test_a_download_is_announced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path))  # not the one that all tests share

    def write(urls: object, target: Path, sha256: object) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        return target

    monkeypatch.setattr(catalogue, "download_file", write)
    folder = catalogue.cache_dir() / "mnist"
    for _ in range(2):
        assert dataset_path("mnist") == folder
    assert dataset_path("digits").is_file()
    assert capsys.readouterr().err == f"downloading mnist into {folder.parent}\n"
