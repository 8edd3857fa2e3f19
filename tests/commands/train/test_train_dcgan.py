"""A DCGAN through every command: it trains, goes on and draws; what only diffusion can do is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.api import build_model, fit, sample
from ddpm.cli import main
from ddpm.commands.export.export import export
from ddpm.commands.train.train import train
from ddpm.config import Config, load_config, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.dcgan import Dcgan
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.sampling.provenance import redraw_grid
from ddpm.training import collapse
from ddpm.visuals.grid_mark import read_grid_mark

TINY = (
    "data.path=digits",
    "gan.channels=4",
    "gan.latent=8",
    "training.steps=12",
    "training.batch_size=16",
    "training.learning_rate=2e-3",
    "training.checkpoint_every=6",
    "training.preview_every=5",
    "training.heldout_every=6",
)


def tiny(*overrides: str) -> Config:
    return with_overrides(get_preset("dcgan-folder").config, [*TINY, *overrides])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("dcgan")
    return train(tiny(), folder / "run").run


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: RunFolder) -> Path:
    """An empty folder with a copy of the finished run in runs/gan."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished.root, tmp_path / "runs" / "gan")
    return tmp_path


def test_a_run_is_complete_and_has_no_reverse_process(finished: RunFolder) -> None:
    rows = read_metrics(finished.metrics)
    steps = [row for row in rows if "generator_loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 13))
    for name in ("discriminator_loss", "real_score", "fake_score", "diversity"):
        assert all(row[name] >= 0 for row in steps)
    assert all("loss" not in row for row in rows)
    assert [row["step"] for row in rows if "heldout_real_score" in row] == [6, 12]
    assert finished.loss_plot.is_file() and finished.sample_grid.is_file()
    assert finished.preview(5).is_file() and not finished.denoising.exists()
    machine = finished.load_environment()
    assert (
        machine["parameters"] == Dcgan(open_model(str(finished.root)).model.spec).parameter_counts()
    )
    assert machine["precision"] in ("fp32", "bf16")


def test_a_larger_total_goes_on_and_init_starts_from_it(workplace: Path) -> None:
    run = RunFolder(workplace / "runs" / "gan")
    assert train(tiny("training.steps=14"), run.root).step == 14
    still = tiny("training.steps=1", "training.learning_rate=0")
    other = train(still, workplace / "other", init="gan").run
    start, found = (open_model(str(each.root)).model.state()["ema"] for each in (run, other))
    trained = [name for name in start if name.endswith("weight")]
    assert {name.split(".")[0] for name in trained} == {"generator", "discriminator"}
    assert all(torch.equal(start[name], found[name]) for name in trained)


@pytest.mark.parametrize("override", ["gan.channels=8", "gan.latent=9", "gan.label_smoothing=0"])
def test_other_settings_on_a_run_are_refused_by_name(workplace: Path, override: str) -> None:
    with pytest.raises(RequestError, match=override.split("=")[0]):
        train(tiny(override), workplace / "runs" / "gan")


def test_weights_of_the_other_family_are_refused(workplace: Path) -> None:
    with pytest.raises(RequestError, match="but this run trains a DCGAN"):
        train(tiny(), workplace / "other", init="digits")
    assert not (workplace / "other").exists()


def test_images_are_drawn_in_every_form(
    capsys: pytest.CaptureFixture[str], finished: RunFolder
) -> None:
    assert main(["sample", "gan", "-n", "3", "--out", "a.npz"]) == 0
    assert "one pass of the generator" in capsys.readouterr().err
    with np.load("a.npz") as stored:
        images = stored["images"]
    assert images.shape == (3, 1, 8, 8) and images.dtype == np.uint8
    assert main(["sample", "gan", "-n", "30", "--out", "b.npz"]) == 0
    with np.load("b.npz") as stored:
        assert np.array_equal(stored["images"][:3], images)
    assert main(["sample", "gan", "-n", "3", "--png-dir", "out", "--grid", "1x3"]) == 0
    assert np.array_equal(np.asarray(Image.open("out/000001.png")), images[1, 0])
    assert Path("runs/gan/samples/seed-0-n3.png").is_file()


def test_a_grid_can_be_drawn_again(finished: RunFolder) -> None:
    with Image.open(finished.sample_grid) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.sampling == {} and mark.seeds == tuple(range(25))
    model = open_model("gan").model
    assert np.array_equal(redraw_grid(model, mark), sample(model, 25).numpy())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sample", "gan", "--gif"], "no reverse process"),
        (["sample", "gan", "--panel"], "no reverse process"),
        (["sample", "gan", "--out", "a.gif"], "no reverse process"),
        (["sample", "gan", "--sampler", "dpm++2m"], "sampling.sampler"),
        (["sample", "gan", "--steps", "20"], "sampling.steps"),
        (["sample", "gan", "--guidance", "2"], "sampling.guidance"),
        (["sample", "gan", "--set", "sampling.eta=1"], "sampling.eta"),
        (["sample", "gan", "--label", "3"], "learned no labels"),
        (["interpolate", "gan"], "only diffusion models"),
        (["inpaint", "gan", "i.png", "m.png"], "only diffusion models"),
        (["refine", "gan", "i.png"], "only diffusion models"),
        (["train", "dcgan-folder", "--data", "digits", "--set", "data.labels=true"], "no labels"),
        (["train", "dcgan-folder", "--data", "digits", "--set", "network.patch=2"], "gan.*"),
        (["train", "dcgan-folder", "--data", "digits", "--set", "training.accumulate=2"], "whole"),
    ],
)
def test_what_only_diffusion_can_do_is_refused_in_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    before = sorted(workplace.rglob("*"))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err and captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert sorted(workplace.rglob("*")) == before


def test_its_weights_are_exported_and_read_again() -> None:
    own = open_model("gan", "cpu").model.state()["ema"]
    again = open_model(str(export("gan", "safetensors", Path("g.safetensors"))), "cpu")
    assert all(
        torch.equal(tensor, own[name]) for name, tensor in again.model.state()["ema"].items()
    )
    assert torch.equal(sample(again.model, 2), sample(open_model("gan").model, 2))


def test_a_collapse_is_printed_and_written_once(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(collapse, "GRACE_STEPS", 0)
    monkeypatch.setattr(collapse, "WINDOW", 4)
    real = torch.nn.Tanh.forward
    monkeypatch.setattr(
        torch.nn.Tanh, "forward", lambda self, x: real(self, x) * 0 + real(self, x)[:1]
    )
    run = train(tiny("training.preview_every=1000"), workplace / "collapsed").run
    [row] = [row for row in read_metrics(run.metrics) if "warning" in row]
    assert row["step"] == 4 and row["warning"]["code"] == "generator_collapsed"
    assert capsys.readouterr().err.count("warning at step 4: the generator has collapsed") == 1
    train(tiny("training.preview_every=1000", "training.steps=14"), run.root)
    assert [r for r in read_metrics(run.metrics) if "warning" in r] == [row]
    assert "warning" not in capsys.readouterr().err


def test_the_librarys_short_road_takes_a_dcgan_without_labels() -> None:
    images = torch.randint(0, 256, (40, 3, 10, 12), dtype=torch.uint8)
    config = with_overrides(
        get_preset("dcgan-folder").config, ["gan.channels=4", "training.batch_size=8"]
    )
    model = build_model(config, images, device="cpu")
    losses = fit(model, images, steps=3)
    assert len(losses) == 3 and sample(model, 2).shape == (2, 3, 10, 12)
    with pytest.raises(RequestError, match="learns no labels"):
        build_model(config, images, torch.arange(40) % 2)


def test_minutes_become_steps(workplace: Path) -> None:
    config = tiny("training.minutes=0.01", "training.preview_every=1000")
    run = train(config, workplace / "minutes").run
    steps = load_config(run.config).training.steps
    assert run.checkpoint_steps()[-1] == steps
