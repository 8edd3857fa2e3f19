"""The average that `ddpm ema --apply` chose: saved, loaded for its step alone, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.loading.chosen_average import (
    ChosenAverage,
    delete_average,
    load_average,
    save_average,
)
from ddpm.models.ddpm import Ddpm
from ddpm.runs import RunFolder

RUN = RunFolder(Path("run"))


@pytest.fixture
def average(small_ddpm: Callable[..., Ddpm]) -> ChosenAverage:
    """A saved average, chosen at step 20."""
    model = small_ddpm(awake=True)
    average = ChosenAverage(model.averaged_weights(), 0.05)
    RUN.root.mkdir()
    save_average(RUN, average, model.spec, 20, {"command": "ddpm ema caf\udce9"})
    return average


def test_it_is_loaded_as_it_was_saved(average: ChosenAverage) -> None:
    found = load_average(RUN, 20)
    assert found is not None and found.length == 0.05
    choice = json.loads(RUN.average_choice.read_text(encoding="utf-8"))
    assert choice["command"] == "ddpm ema caf\udce9"  # the run's path is not UTF-8
    assert all(torch.equal(found.tensors[name], x) for name, x in average.tensors.items())


@pytest.mark.usefixtures("average")
def test_after_further_training_it_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_average(RUN, 30) is None
    assert "chosen at step 20, but the newest checkpoint is of step 30" in capsys.readouterr().err


@pytest.mark.usefixtures("average")
@pytest.mark.parametrize("text", ["", "{}", '{"length": "long", "step": 20}'])
def test_a_damaged_choice_is_refused_with_the_way_back(text: str) -> None:
    RUN.average_choice.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match=r"cannot be read .* ddpm ema run --undo"):
        load_average(RUN, 20)


@pytest.mark.usefixtures("average")
def test_deleted_it_is_gone() -> None:
    assert delete_average(RUN) and not delete_average(RUN)
    assert load_average(RUN, 20) is None
