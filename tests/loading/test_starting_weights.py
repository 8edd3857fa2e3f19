"""Starting weights of a folder: taken where they suit, announced in one line, refused by --init none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddpm.config import Config, differing_keys
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading import starting_weights
from ddpm.loading.datasets import open_dataset
from ddpm.loading.fine_tuning import FINE_TUNING_KEYS
from ddpm.loading.recipes import TrainingRequest, training_recipe
from ddpm.loading.starting_weights import choose_start, suitable_start
from ddpm.loading.suitability import Suitability
from ddpm.loading.targets import TargetRequest, read_target
from ddpm.models.ddpm import Ddpm
from ddpm.presets import PRESETS, StartingWeights
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import save_weights

SUITS, DOES_NOT = Suitability(0.7, 1.3, 9.0), Suitability(0.9, 1.0, 0.0)
OWN_KEYS = {"network", "diffusion", *FINE_TUNING_KEYS}


@pytest.fixture
def weights(
    small_ddpm: Callable[..., Ddpm], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> str:
    """Weights for 8x8 images in color, which the preset `folder` names for a CPU; `big` for a card."""
    model = small_ddpm("diffusion.objective=edm", channels=3)
    file = tmp_path / "tiny.safetensors"
    save_weights(file, model.averaged_weights(), model.spec)
    names = {"cpu": StartingWeights(str(file), 0.85), "small-gpu": StartingWeights("big", 0.5)}
    monkeypatch.setitem(PRESETS, "folder", replace(PRESETS["folder"], weights=names))
    return str(file)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[Suitability], list[Any]]:
    """Let every measurement give one result; the list holds the images that were measured."""

    def give(result: Suitability) -> list[Any]:
        seen: list[Any] = []

        def measure(model: object, images: Any) -> Suitability:
            seen.append(images)
            return result

        monkeypatch.setattr(starting_weights, "measure_suitability", measure)
        return seen

    return give


@pytest.fixture
def folder(
    pictures: Callable[..., list[bytes]], write_folder: Callable[..., Path]
) -> Callable[..., Path]:
    def make(count: int = 12, side: int = 8, channels: int = 3) -> Path:
        files = pictures(count, (side, side), channels)
        return write_folder(Path(f"faces-{count}-{side}-{channels}"), {
            f"{i}.png": data for i, data in enumerate(files)
        })  # fmt: skip

    return make


def start(path: Path, *overrides: str, **fields: Any) -> tuple[Config, Config, str | None]:
    """The configuration of the recipe, and the configuration and the weights that are chosen."""
    request = TrainingRequest(str(path), device="cpu", overrides=overrides, **fields)
    config, out = training_recipe(request)
    return (config, *choose_start(request, config, RunFolder(out)))


def test_weights_that_suit_are_taken_and_announced(
    weights: str, measured: Any, folder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(SUITS)
    before, config, init = start(folder())
    assert init == weights and config.network.channels == 8
    assert {key.split(".")[0] for key in differing_keys(before, config)} <= {
        key.split(".")[0] for key in OWN_KEYS | {"sampling"}
    }
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        f"starting from {weights}, and sampling as it does, since it already denoises these images "
        "(error 0.70 of the best linear denoiser's, and 30% higher upside down); --init none starts from "
        "random weights"
    )
    assert second.startswith("settings for training on with 12 images: ")
    assert all(key in second for key in FINE_TUNING_KEYS)


@pytest.mark.parametrize("found", [DOES_NOT, Suitability(0.7, 1.05, 9.0)])
def test_weights_that_do_not_suit_leave_no_word(
    found: Suitability,
    weights: str,
    measured: Any,
    folder: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured(found)
    before, config, init = start(folder())
    assert (before, None) == (config, init)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("overrides", "fields"),
    [
        ((), {"init": "none"}),
        (("network.channels=16",), {}),
        (("diffusion.schedule=linear",), {}),
        (("data.labels=kmeans:2",), {}),
        (("data.channels=1",), {}),
        (("model=dcgan",), {}),
    ],
)
def test_a_user_who_chooses_otherwise_is_not_asked(
    weights: str,
    measured: Any,
    folder: Any,
    overrides: tuple[str, ...],
    fields: dict[str, Any],
) -> None:
    seen = measured(SUITS)
    before, config, init = start(folder(), *overrides, **fields)
    assert config == before and init == fields.get("init") and not seen


@pytest.mark.parametrize("shape", [{"channels": 1}, {"count": 6}, {"side": 6}, {"side": 12}])
def test_gray_and_few_images_and_other_sizes_start_from_random_weights(
    weights: str, measured: Any, folder: Any, shape: dict[str, int]
) -> None:
    seen = measured(SUITS)
    before, config, init = start(folder(**shape))
    assert config == before and init is None and not seen


def test_settings_of_the_user_stay(weights: str, measured: Any, folder: Any) -> None:
    measured(SUITS)
    own = ("network.dropout=0.3", "training.learning_rate=0.004", "training.batch_size=5")
    _, config, init = start(folder(), *own)
    assert init == weights and config.network.channels == 8 and config.data.augment > 0
    found = (config.network.dropout, config.training.learning_rate, config.training.batch_size)
    assert found == (0.3, 0.004, 5)


def test_weights_of_the_user_come_with_the_settings_for_few_images(
    weights: str, measured: Any, folder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = measured(DOES_NOT)
    before, config, init = start(folder(), init=weights)
    assert init == weights and not seen
    assert set(differing_keys(before, config)) == set(FINE_TUNING_KEYS)
    assert "settings for training on with 12 images" in capsys.readouterr().err


def test_the_size_for_the_device_is_recommended(
    weights: str, folder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    request = TrainingRequest(str(folder()), init="big", device="cpu")
    config, out = training_recipe(replace(request, init=None))
    assert choose_start(request, config, RunFolder(out))[1] == "big"
    assert f"trains faster: --init {weights}" in capsys.readouterr().err


def test_a_run_that_began_keeps_its_settings(weights: str, measured: Any, folder: Any) -> None:
    seen = measured(SUITS)
    images = folder()
    _, config, init = start(images)
    run = RunFolder(training_recipe(TrainingRequest(str(images)))[1])
    run.root.mkdir(parents=True)
    write_json(run.config, config.to_dict())
    write_json(run.environment, {"init": init})
    again, chosen, asked = start(images)
    assert chosen == again == config and asked is None and len(seen) == 1
    assert start(Path(run.root), out=Path("other"))[1:] == (config, None)  # a copy of its settings


def test_other_presets_are_left_alone(weights: str, measured: Any) -> None:
    seen = measured(SUITS)
    config = PRESETS["digits"].config
    assert choose_start(TrainingRequest("digits"), config, RunFolder(Path("new"))) == (config, None)
    assert suitable_start(config, open_dataset(config), ()) == (config, None) and not seen


def test_plan_and_doctor_see_what_train_will_do(weights: str, measured: Any, folder: Any) -> None:
    measured(SUITS)
    request = TargetRequest("folder", data=str(folder()), device="cpu")
    undecoded = read_target(request, runs_first=False)
    assert undecoded.init is None and undecoded.config.network.channels != 8
    open_dataset(undecoded.config)
    target = read_target(request, runs_first=False)
    _, config, init = start(folder())
    assert target.init == init == weights
    assert set(differing_keys(target.config, config)) <= {"data.path"}


def test_images_that_are_missing_are_reported_as_before(weights: str, measured: Any) -> None:
    measured(SUITS)
    with pytest.raises(RequestError, match="There is nothing at"):
        start(Path("no/such/folder"))
