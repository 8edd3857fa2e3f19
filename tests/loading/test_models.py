"""From a name to a model: runs, weights files and bundled weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading.bundled import bundled_names
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.loading.initial_weights import open_initial_weights
from ddpm.loading.models import open_model
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder, find_run
from ddpm.training import checkpoint

CONFIG = with_overrides(
    Config(), ["network.channels=8", "network.multipliers=[1]", "sampling.steps=9"]
)


def model(seed: int) -> Ddpm:
    seeded = replace(CONFIG, training=replace(CONFIG.training, seed=seed))
    return Ddpm(ModelSpec(seeded, (1, 8, 8), (0.0,), 0.5))


@pytest.fixture
def run() -> RunFolder:
    """runs/mine with the checkpoints of steps 10 and 20, from seeds 10 and 20."""
    made = RunFolder(Path("runs") / "mine")
    for step in (10, 20):
        own = model(step)
        checkpoint.save(made.checkpoint(step), own.state(), own.spec, {"step": step})
    write_json(made.config, CONFIG.to_dict())
    return made


def same_weights(found: dict[str, torch.Tensor], seed: int) -> bool:
    expected = model(seed).state()["ema"]
    return found.keys() == expected.keys() and all(found[k].equal(expected[k]) for k in expected)


@pytest.mark.parametrize("target", ["mine", "runs/mine", "runs/mine/"])
def test_a_run_is_found_by_path_and_below_runs(run: RunFolder, target: str) -> None:
    found = find_run(target)
    assert found is not None and found.root.resolve() == run.root.resolve()
    opened = open_model(target, "cpu")
    assert opened.run == found and opened.name == "mine" and "step 20" in opened.origin
    assert same_weights(opened.model.state()["ema"], 20)
    assert same_weights(open_initial_weights(target).state["ema"], 20)


def test_a_run_draws_as_its_configuration_says_now(run: RunFolder) -> None:
    later = with_overrides(CONFIG, ["sampling.steps=33", "training.steps=77"])
    write_json(run.config, later.to_dict())
    config = open_model("mine", "cpu").model.spec.config
    assert config.sampling.steps == 33
    assert config.training.seed == 20  # everything else is the checkpoint's own


def test_sampling_needs_the_average_alone(run: RunFolder) -> None:
    (run.checkpoint(20) / "optimizer.safetensors").unlink()
    assert same_weights(open_model("mine", "cpu").model.state()["ema"], 20)


def test_damage_is_named_and_passed_over(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.checkpoint(20) / "ema.safetensors").write_bytes(b"short")
    assert "step 10" in open_model("mine", "cpu").origin
    said = capsys.readouterr().err
    assert "step-00000020 is damaged: ema.safetensors is missing or altered" in said
    (run.checkpoint(10) / "state.json").unlink()
    with pytest.raises(RequestError, match=r"All checkpoints of .*mine are damaged"):
        newest_checkpoint(run)


def test_a_run_without_checkpoints_says_when_there_will_be_one(run: RunFolder) -> None:
    shutil.rmtree(run.checkpoints)
    assert newest_checkpoint(run) is None
    with pytest.raises(RequestError, match="no checkpoint yet"):
        open_model("mine", "cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_weights_file_opens_in_any_precision(dtype: torch.dtype) -> None:
    own = model(3)
    halves = {name: tensor.to(dtype) for name, tensor in own.state()["ema"].items()}
    checkpoint.save_weights(Path("w.safetensors"), halves, own.spec)
    opened = open_model("w.safetensors", "cpu")
    assert opened.run is None and opened.name == "w"
    state = opened.model.state()["ema"]
    assert all(tensor.dtype == torch.float32 for tensor in state.values())
    assert all(torch.equal(state[name], halves[name].float()) for name in halves)


def test_weights_that_do_not_fit_their_own_description_are_refused() -> None:
    own = model(3)
    tensors = own.state()["ema"]
    tensors.pop(next(iter(tensors)))
    checkpoint.save_weights(Path("w.safetensors"), tensors, own.spec)
    with pytest.raises(RequestError, match="belong to another network"):
        open_model("w.safetensors", "cpu")


@pytest.mark.parametrize("name", bundled_names() or [pytest.param("", marks=pytest.mark.skip)])
def test_every_bundled_model_opens(name: str) -> None:
    opened = open_model(name, "cpu")
    assert opened.run is None and opened.name == name and "bundled" in opened.origin


def test_a_run_goes_before_a_bundled_model_of_its_name(run: RunFolder) -> None:
    shutil.copytree(run.root, Path("runs") / "digits")
    assert open_model("digits", "cpu").run == RunFolder(Path("runs") / "digits")
    bundled = open_model("bundled:digits", "cpu")
    assert bundled.run is None and bundled.name == "bundled-digits"
    assert bundled.origin == "the bundled digits weights"
    with pytest.raises(RequestError, match=r"called 'bundled:digit'; .*digits"):
        open_model("bundled:digit", "cpu")


def test_an_unknown_name_is_answered_with_the_nearest(run: RunFolder) -> None:
    (Path("runs") / "file.txt").touch()
    with pytest.raises(RequestError, match=r"called 'mime'; did you mean mine\?") as caught:
        open_model("mime", "cpu")
    assert "file.txt" not in str(caught.value)
    Path("empty").mkdir()
    with pytest.raises(RequestError, match="empty is not a run folder"):
        open_model("empty", "cpu")
    Path("w.pt").touch()
    with pytest.raises(RequestError, match=r"w\.pt is not a weights file of ddpm-studio"):
        open_model("w.pt", "cpu")
