"""The entries of a comparison: opened, labeled, and refused where they cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ddpm.commands.compare.entries import common_count, open_entries, unique_names
from ddpm.config import with_overrides
from ddpm.errors import RequestError
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.scoring.generated_images import ModelSamples
from ddpm.training.checkpoint import save_weights
from tests.conftest import MakeRun


@pytest.fixture
def run(make_run: MakeRun) -> str:
    return str(make_run("one", (1, 8, 8)))


@pytest.fixture
def other(make_run: MakeRun) -> str:
    """A run that says it has learned other images."""
    folder = RunFolder(make_run("other", (1, 8, 8)))
    environment = folder.load_environment()
    environment["data"]["content_hash"] = "another"
    folder.environment.write_text(json.dumps(environment), "utf-8")
    return str(folder.root)


def test_runs_of_other_images_need_a_named_reference(run: str, other: str) -> None:
    entries = open_entries([run, other], [], "cpu", same_data=False)
    assert entries.labels == ["one", "other"] and entries.shape == (1, 8, 8)
    with pytest.raises(RequestError, match="other was trained on other images than one"):
        open_entries([run, other], [], "cpu", same_data=True)


def test_settings_of_sampling_reach_the_diffusion_models_alone(run: str) -> None:
    config = with_overrides(
        get_preset("dcgan-mnist").config, ["gan.channels=4", "data.size=16", "data.path=digits"]
    )
    spec = ModelSpec(config, (1, 8, 8), (0.0,), 0.5)
    save_weights(Path("gan.safetensors"), make_model(spec).state()["ema"], spec)
    overrides = ["sampling.steps=1"]
    entries = open_entries(["gan.safetensors", run], overrides, "cpu", same_data=False)
    one = entries.images[1]
    assert isinstance(one, ModelSamples) and one.settings.steps == 1
    assert [entries.overrides_for(i, overrides) for i in (0, 1)] == [(), overrides]
    with pytest.raises(RequestError, match="Sampling options apply to diffusion models"):
        open_entries(["gan.safetensors"] * 2, overrides, "cpu", same_data=False)


def test_as_many_images_are_taken_as_every_entry_holds(run: str) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("few", 12), ("more", 30)):
        np.save(f"{name}.npy", rng.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8))
    entries = open_entries(["few.npy", "more.npy", run], [], "cpu", same_data=True)
    assert common_count(entries, None) == 12 and common_count(entries, 9) == 9
    with pytest.raises(RequestError, match=r"few\.npy holds only 12 images, .* use -n 12"):
        common_count(entries, 13)
    models = open_entries([run, "digits"], [], "cpu", same_data=False)
    assert common_count(models, None) == 1000 and common_count(models, 5000) == 5000


def test_entries_of_another_shape_are_named(run: str) -> None:
    np.save("wide.npy", np.zeros((20, 1, 8, 9), dtype=np.uint8))
    entries = open_entries([run, "wide.npy"], [], "cpu", same_data=True)
    with pytest.raises(RequestError, match=r"images of wide are 9x8 gray, the others 8x8 gray"):
        entries.check_shape((1, 8, 8))


def test_names_that_occur_twice_are_numbered() -> None:
    assert unique_names(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (2)", "a (2) (2)", "a (3)"]
