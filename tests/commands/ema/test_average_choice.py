"""`ddpm ema`: a chosen average is applied, written to a file, or undone, on real runs of a few steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ddpm.commands.ema.average_choice import EmaRequest, choose_average, restore_own_average
from ddpm.commands.ema.saved_averages import load_saved_averages
from ddpm.commands.train.train import train
from ddpm.config import load_config
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading.models import open_model
from ddpm.models.fingerprint import weights_hash
from ddpm.runs import RunFolder
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import resolve_settings
from ddpm.training.checkpoint import load
from ddpm.visuals.grid_mark import read_grid_mark
from tests.commands.ema.conftest import STEPS, ask, tiny


def test_a_run_that_was_told_not_to_keeps_none(tmp_path: Path) -> None:
    config = tiny("training.posthoc_ema=0", "training.steps=4")
    run = train(config, tmp_path / "plain", device="cpu").run
    assert not run.snapshots.exists()
    assert not (run.checkpoint(4) / "posthoc.safetensors").exists()
    with pytest.raises(RequestError, match=r"saved no averages .* training.posthoc_ema=24"):
        ask(run)


def test_applied_it_is_drawn_with_and_undone_no_more(run: RunFolder) -> None:
    own, grid = weights_hash(open_model(str(run.root)).model), run.sample_grid.read_bytes()
    found = ask(run, 0.05, apply=True)
    assert "value" not in found["points"][0] and "--undo" in found["done"][0]
    opened = open_model(str(run.root), "cpu")
    assert opened.average == 0.05 and "average of σ_rel 0.05" in opened.origin
    made = load_saved_averages(run).average(0.05)
    assert all(torch.equal(made[n], t) for n, t in opened.model.averaged_weights().items())
    chosen = weights_hash(opened.model)
    assert chosen != own and run.sample_grid.read_bytes() != grid
    with Image.open(run.sample_grid) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.weights_hash == chosen
    choice = json.loads(run.average_choice.read_text("utf-8"))
    assert choice["length"] == 0.05 and choice["step"] == STEPS and "--apply" in choice["command"]
    assert restore_own_average(str(run.root)) == f"{run.root} samples with its own average again."
    assert weights_hash(open_model(str(run.root)).model) == own
    assert run.sample_grid.read_bytes() == grid
    assert "already" in restore_own_average(str(run.root))


def test_the_checkpoints_are_left_as_they_are_and_training_goes_on_from_them(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(run, 0.07, apply=True)
    train(tiny("training.steps=28"), run.root, device="cpu")
    capsys.readouterr()
    opened = open_model(str(run.root), "cpu")
    assert opened.average is None and opened.step == 28
    said = capsys.readouterr().err
    assert (
        "chosen at step 24, but the newest checkpoint is of step 28" in said and "--apply" in said
    )
    own = load(run.checkpoint(28)).state["ema"]
    assert all(torch.equal(own[n], t) for n, t in opened.model.averaged_weights().items())


def test_a_file_holds_the_average_and_says_what_it_is(run: RunFolder) -> None:
    out = Path("average.safetensors")
    ask(run, 0.07, out=out)
    opened, made = open_model(str(out), "cpu"), load_saved_averages(run).average(0.07)
    assert all(torch.equal(made[n], t) for n, t in opened.model.averaged_weights().items())
    assert opened.model.spec.config == load_config(run.config)
    assert not run.ema.exists() and not run.average.exists()


@pytest.mark.parametrize(
    ("lengths", "more", "words"),
    [
        ([0.005], {}, r"σ_rel 0.005 cannot be built .* choose a length from 0.0\d+ to 0.\d+"),
        ([0.5], {}, "σ_rel 0.5 cannot be built"),
        ([0.05], {"out": Path("average.pt")}, "is not a .safetensors file"),
        ([0.05], {"apply": True, "overrides": ["sampling.steps=3"]}, "--set has no effect"),
    ],
)
def test_refusals_in_a_sentence(
    run: RunFolder, lengths: list[float], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        ask(run, *lengths, **more)
    assert not run.ema.exists()


def test_no_run_and_a_damaged_choice(run: RunFolder) -> None:
    with pytest.raises(RequestError, match="digits is not a run; pass a folder"):
        choose_average(EmaRequest("digits"))
    ask(run, 0.05, apply=True)
    run.average_choice.write_text("{", "utf-8")
    with pytest.raises(RequestError, match=r"cannot be read .* --undo"):
        open_model(str(run.root))


def test_the_file_of_a_run_that_guides_itself_opens_without_its_guide(run: RunFolder) -> None:
    config = load_config(run.config)
    guided = replace(config.sampling, guide="early", guidance=2.0)
    write_json(run.config, replace(config, sampling=guided).to_dict())
    assert open_model(str(run.root), "cpu").model.spec.config.sampling.autoguided
    out = Path("average.safetensors")
    ask(run, 0.07, out=out)
    model = open_model(out, "cpu").model
    assert sample_images(model, [0], None, resolve_settings(model, [])).std() > 0
    assert model.spec.config.sampling.guide == ""
