"""Orders of the page as arguments of `ddpm train` and `ddpm plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ddpm.commands.options import make_request
from ddpm.commands.train.command import TRAIN_OPTIONS, define_train
from ddpm.errors import RequestError
from ddpm.loading.recipes import TrainingRequest, training_recipe
from ddpm.presets import PRESETS
from ddpm.studio.allowed_folders import AllowedFolders
from ddpm.studio.new_trainings import (
    DataOrder,
    NewTrainings,
    TrainingOrder,
    dataset_rows,
    preset_rows,
)
from ddpm.studio.refusals import RefusalError
from ddpm.studio.run_index import RunIndex
from ddpm.studio.uploads import Uploads


@pytest.fixture
def trainings(runs: Path, workplace: Path) -> NewTrainings:
    (workplace / "-- faces; rm").mkdir()
    folders = AllowedFolders([workplace])
    return NewTrainings(RunIndex(runs), folders, Uploads(runs, 0))


def recipe(words: list[str]) -> Any:
    """The configuration and folder that `ddpm` makes of words."""
    import argparse

    parser = argparse.ArgumentParser()
    define_train(parser)
    assert words[0] == "train"
    return training_recipe(
        make_request(TrainingRequest, TRAIN_OPTIONS, parser.parse_args(words[1:]))
    )


def test_an_order_becomes_the_configuration_that_it_describes(
    trainings: NewTrainings, runs: Path
) -> None:
    settings = (("network.channels", 8), ("network.multipliers", [1, 2]), ("data.labels", False))
    order = TrainingOrder("digits", DataOrder("digits"), steps=70, settings=settings)
    folder, words = trainings.train_words(order)
    config, out = recipe(words)
    assert folder == out == runs / "digits"
    assert (config.training.steps, config.network.channels) == (70, 8)
    assert config.network.multipliers == (1, 2) and config.data.labels is False
    assert "--data" not in words  # the preset's own images


def test_a_folder_is_an_argument_whatever_its_name(
    trainings: NewTrainings, workplace: Path
) -> None:
    data = DataOrder(root="0", path="-- faces; rm")
    _, words = trainings.train_words(TrainingOrder("folder", data, minutes=2.5, name="faces"))
    config, _ = recipe(words)
    assert config.data.path == str(workplace / "-- faces; rm") and config.training.minutes == 2.5


def test_a_name_that_is_taken_gets_a_number(trainings: NewTrainings, runs: Path) -> None:
    for name in ("digits", "digits-2"):
        (runs / name).mkdir()
    assert trainings.train_words(TrainingOrder("digits"))[0].name == "digits-3"
    with pytest.raises(RefusalError, match="exists already"):
        trainings.train_words(TrainingOrder("digits", name="digits"))


def test_a_plan_writes_no_run(trainings: NewTrainings) -> None:
    words = trainings.plan_words(TrainingOrder("digits", minutes=1.0))
    assert words == ["plan", "digits", "--minutes", "1", "--json"]


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (TrainingOrder("mnits"), "did you mean mnist"),
        (TrainingOrder("folder"), "no images of its own"),
        (TrainingOrder("anime"), "get the zip"),
        (TrainingOrder("digits", DataOrder()), "Choose the images once"),
        (TrainingOrder("digits", DataOrder("digits", upload="x")), "Choose the images once"),
        (TrainingOrder("digits", DataOrder("/etc")), "no data set"),
        (TrainingOrder("digits", settings=(("training.stepz", 3),)), "training.steps"),
        (TrainingOrder("digits", settings=(("training.steps", "soon"),)), "whole number"),
        (TrainingOrder("digits", settings=(("data.path", "/etc"),)), "command line only"),
        (TrainingOrder("digits", settings=((" data.path ", "/etc"),)), "command line only"),
        (TrainingOrder("digits", settings=(("sampling.guide", "model:/x"),)), "command line only"),
    ],
)
def test_a_wrong_order_is_a_sentence(
    order: TrainingOrder, sentence: str, trainings: NewTrainings
) -> None:
    with pytest.raises(RequestError, match=sentence):
        trainings.train_words(order)


@pytest.mark.parametrize(
    "data", [DataOrder(root="1"), DataOrder(root="0", path=".."), DataOrder(upload="../../x")]
)
def test_images_outside_are_not_found(data: DataOrder, trainings: NewTrainings) -> None:
    with pytest.raises(RefusalError) as error:
        trainings.train_words(TrainingOrder("folder", data))
    assert error.value.status == 404


def test_rows_say_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path))
    presets = {row["name"]: row for row in preset_rows()}
    assert list(presets) == list(PRESETS)
    assert presets["digits"]["needs"] is None and presets["mnist"]["needs"] is None  # downloadable
    assert "get the zip" in presets["anime"]["needs"] and presets["folder"]["needs"] is None
    sets = {row["name"]: row for row in dataset_rows()}
    assert sets["digits"]["present"] and not sets["mnist"]["present"]
    (tmp_path / "data" / "anime").mkdir(parents=True)
    (tmp_path / "data" / "anime" / "a.zip").write_bytes(b"")
    monkeypatch.setenv("DDPM_DATA_DIR", str(tmp_path / "data"))
    assert {row["name"]: row for row in preset_rows()}["anime"]["needs"] is None


def test_orders_need_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path\n"
        "from ddpm.studio.services import Services; from ddpm.studio.studio_request import *\n"
        "from ddpm.studio.new_trainings import *\n"
        "Services(StudioRequest()).new_trainings.train_words(TrainingOrder('digits'))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
