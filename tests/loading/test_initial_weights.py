"""`--init`: weights of any origin say what they are, and a mismatch names both values."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.export.export import export
from ddpm.commands.train.train import train
from ddpm.config import with_overrides
from ddpm.errors import RequestError
from ddpm.loading.initial_weights import (
    InitialWeights,
    mismatch_error,
    open_initial_weights,
    with_initial_settings,
)
from ddpm.loading.models import open_model
from ddpm.loading.recipes import TrainingRequest, training_recipe
from ddpm.models.base import as_diffusion
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load, save_weights

STRANGE = (
    "network.channels=8", "network.multipliers=[1,1]", "network.attention=[]", "network.time_embedding=slide",
    "diffusion.objective=edm", "diffusion.schedule=cosine", "diffusion.num_steps=12", "sampling.steps=4",
    "training.steps=1", "training.batch_size=8", "training.precision=fp32", "training.posthoc_ema=0",
    "training.memorization_every=0",
)  # fmt: skip
FORMS = ("run", "checkpoint", "file")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of settings that no preset has, and a normalization that no data set has."""
    run = RunFolder(tmp_path_factory.mktemp("source") / "strange")
    train(with_overrides(get_preset("digits").config, STRANGE), run.root)
    return run


@pytest.fixture
def weights(source: RunFolder, tmp_path: Path) -> Path:
    """The weights of `source` as a file, with another normalization."""
    opened = open_model(str(source.root), "cpu").model
    spec = replace(opened.spec, data_mean=(0.25,), data_std=0.75)
    save_weights(tmp_path / "w.safetensors", opened.averaged_weights(), spec)
    return tmp_path / "w.safetensors"


def name(source: RunFolder, form: str) -> str:
    file = source.checkpoint(1) / "ema.safetensors"
    return str({"run": source.root, "checkpoint": source.checkpoint(1), "file": file}[form])


def request(init: str | Path, *overrides: str, target: str = "digits") -> TrainingRequest:
    return TrainingRequest(target, init=str(init), steps=1, device="cpu", overrides=overrides)


@pytest.mark.parametrize("form", FORMS)
def test_network_and_objective_come_from_the_weights_in_one_line(
    source: RunFolder, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = training_recipe(request(name(source, form)))
    own = open_model(str(source.root), "cpu").model.spec.config
    assert (config.network, config.diffusion) == (own.network, own.diffusion)
    assert config.sampling.steps == 12  # of the preset's 20; the schedule has no more levels
    preset = get_preset("digits").config
    assert replace(config.training, steps=preset.training.steps) == preset.training
    said = capsys.readouterr().err
    assert (
        said.count("\n") == 1 and "diffusion.num_steps=12" in said and "network.channels=8" in said
    )


@pytest.mark.parametrize("bundled", ["bundled:anime", "bundled:anime-small"])
def test_the_size_for_the_device_gives_way_to_the_weights(bundled: str) -> None:
    spec = open_model(bundled, "cpu").model.spec
    config, _ = training_recipe(request(bundled, target="anime"))
    assert config.network == spec.config.network and config.scale == "cpu"
    fitting = make_model(replace(spec, config=config))
    open_initial_weights(bundled).load_into(fitting)
    assert all(
        torch.equal(tensor, fitting.averaged_weights()[key])
        for key, tensor in open_model(bundled, "cpu").model.averaged_weights().items()
    )


def test_bundled_weights_bring_their_sampling_and_their_guide() -> None:
    theirs = open_model("bundled:anime-small", "cpu").model
    config, _ = training_recipe(
        request("bundled:anime-small", "sampling.chunk=10", target="folder")
    )
    assert config.sampling == replace(
        theirs.spec.config.sampling, guide="guide:bundled:anime-small", chunk=10
    )
    larger, _ = training_recipe(request("bundled:anime", target="folder"))
    assert larger.sampling.guide == "guide:bundled:anime"
    off = ("sampling.guide=", "sampling.guidance=1", "sampling.steps=3")
    plain, _ = training_recipe(request("bundled:anime-small", *off, target="folder"))
    assert (plain.sampling.guide, plain.sampling.guidance, plain.sampling.steps) == ("", 1, 3)


def test_other_weights_leave_the_sampling_as_it_is(weights: Path) -> None:
    config, _ = training_recipe(request(weights, target="folder"))
    preset = get_preset("folder").config.sampling
    assert config.sampling == replace(preset, steps=12)  # of a schedule of 12 levels
    student, _ = training_recipe(request("bundled:mnist-student", target="mnist"))
    assert student.sampling == get_preset("mnist").config.sampling


def test_the_guide_of_bundled_weights_guides_the_run_that_starts_from_them(
    tmp_path: Path,
) -> None:
    """The final pictures and the weights that are exported are guided by it, without the run's past."""
    settings = (
        "training.batch_size=4",
        "training.precision=fp32",
        "sampling.steps=2",
        "sampling.chunk=5",
    )
    config, _ = training_recipe(
        request("bundled:mnist", *settings, "data.size=28", target="digits")
    )
    run = train(config, tmp_path / "run", init="bundled:mnist").run
    model = open_model(str(run.root), "cpu").model
    guide = as_diffusion(model).guide(model.spec.config.sampling.guide)  # type: ignore[union-attr]
    bundled = as_diffusion(open_model("bundled:mnist", "cpu").model)
    assert bundled is not None
    early = bundled.guide(bundled.spec.config.sampling.guide).network.state_dict()
    assert model.spec.config.sampling.guide == "guide:bundled:mnist"
    assert all(
        torch.equal(tensor, early[key]) for key, tensor in guide.network.state_dict().items()
    )
    file = export(str(run.root), "safetensors", tmp_path / "w.safetensors")
    alone = open_model(str(file), "cpu").model
    assert alone.spec.config.sampling == model.spec.config.sampling


@pytest.mark.parametrize(
    "overrides", [("diffusion.num_steps=50",), ("data.path=fashion", "data.labels=true")]
)
def test_a_guide_of_other_levels_or_classes_is_left_out_in_one_line(
    overrides: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)):
        file = Path(f"fashion/garment {i % 10}/{i}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    settings = ("data.size=28", "training.batch_size=4", "sampling.chunk=5", *overrides)
    config, _ = training_recipe(request("bundled:mnist", *settings))
    run = train(config, tmp_path / "run", init="bundled:mnist").run
    assert "sampling without the guide of bundled:mnist" in capsys.readouterr().err
    found = open_model(str(run.root), "cpu").model.spec.config.sampling
    assert (found.guide, found.guidance, found.guide_scale) == ("", 1.15, 0)


def test_a_setting_beats_the_weights(source: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    config, _ = training_recipe(request(source.root, "diffusion.objective=v"))
    assert config.diffusion.objective == "v" and config.diffusion.num_steps == 12
    assert "objective=" not in capsys.readouterr().err


def test_none_is_no_weights() -> None:
    assert (
        training_recipe(request("none"))[0]
        == training_recipe(TrainingRequest("digits", steps=1))[0]
    )
    run = train(with_overrides(get_preset("digits").config, STRANGE), Path("new"), init="none").run
    assert "init" not in run.load_environment()  # null is left out
    again = with_overrides(get_preset("digits").config, [*STRANGE, "training.steps=2"])
    assert train(again, run.root, init="none").step == 2


def test_none_is_not_the_weights_that_a_run_started_from(weights: Path) -> None:
    config, _ = training_recipe(request(weights, *STRANGE[-4:]))
    train(config, Path("new"), init=str(weights))
    with pytest.raises(RequestError, match="was started with --init"):
        train(config, Path("new"), init="none")


def test_a_run_keeps_the_normalization_of_its_weights(weights: Path) -> None:
    """And goes on with it, bit for bit, after the weights are gone."""
    settings = ("training.precision=fp32", "training.batch_size=8", "training.checkpoint_every=1")
    config, _ = training_recipe(replace(request(weights, *settings), steps=2))
    whole = train(config, Path("whole"), init=str(weights)).run
    train(training_recipe(request(weights, *settings))[0], Path("runs/part"), init=str(weights))
    weights.unlink()
    part = replace(request("", *settings), init=None, steps=2, out=Path("runs/part"))
    resumed = train(training_recipe(part)[0], Path("runs/part")).run
    for run in (whole, resumed):
        found = load(run.checkpoint(2))
        assert (found.spec.data_mean, found.spec.data_std) == ((0.25,), 0.75)
    first, second = (load(run.checkpoint(2)).state["ema"] for run in (whole, resumed))
    assert all(torch.equal(first[key], second[key]) for key in first)


# What does not fit


def test_channels_and_sizes_that_differ_are_both_named() -> None:
    config, _ = training_recipe(request("bundled:anime"))
    with pytest.raises(RequestError, match=r"images are 1x8x8.* for 3x64x64.*data.channels=3"):
        train(config, Path("new"), init="bundled:anime")
    assert not Path("new").exists()
    config, _ = training_recipe(request("bundled:mnist"))
    with pytest.raises(RequestError, match=r"images are 1x8x8.* for 1x28x28.*data.size=28"):
        train(config, Path("new"), init="bundled:mnist")


def test_another_size_is_said_where_the_network_takes_it(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network without attention takes images of any size, as before."""
    config, _ = training_recipe(request(weights, "data.size=12", *STRANGE[-3:]))
    assert train(config, Path("new"), init=str(weights)).step == 1
    assert "trained on images of 1x8x8; these are 1x12x12" in capsys.readouterr().err


def test_settings_that_differ_are_named_with_both_values(source: RunFolder) -> None:
    config, _ = training_recipe(request(source.root, "network.channels=16"))
    with pytest.raises(RequestError, match=r"network.channels is 8 there and 16 here"):
        train(config, Path("new"), init=str(source.root))


def test_classes_that_differ_are_counted(source: RunFolder) -> None:
    learned = open_initial_weights(str(source.root)).spec
    other = replace(learned, class_names=("a", "b"), class_counts=(1, 1))
    error = mismatch_error(other, learned, "X")
    assert "X learned 10 classes, but this run has 2 classes" in str(error)
    none = replace(learned, class_names=(), class_counts=())
    assert "has no classes" in str(mismatch_error(none, learned, "X"))


@pytest.mark.parametrize(
    ("learned", "own", "expected"),
    [
        (0, "auto", False),
        (0, False, False),
        (10, False, "auto"),
        (10, True, True),
        (10, "auto", "auto"),
        (10, "kmeans:3", "auto"),
    ],
)
def test_labels_follow_the_weights(
    learned: int,
    own: bool | str,
    expected: bool | str,
    small_spec: Callable[..., ModelSpec],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec: ModelSpec = small_spec(classes=learned)
    monkeypatch.setattr(
        "ddpm.loading.initial_weights.open_initial_weights",
        lambda init: InitialWeights(init, {}, spec),
    )
    config = get_preset("digits").config
    config = replace(config, data=replace(config.data, labels=own))
    assert with_initial_settings(config, "X", ()).data.labels == expected


def test_the_clusters_of_the_weights_are_kept(
    small_spec: Callable[..., ModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec: ModelSpec = small_spec("data.labels=kmeans:4", classes=0)
    spec = replace(
        spec,
        config=with_overrides(spec.config, ["data.labels=kmeans:4"]),
        class_names=("0", "1", "2", "3"),
        class_counts=(1, 1, 1, 1),
    )
    monkeypatch.setattr(
        "ddpm.loading.initial_weights.open_initial_weights",
        lambda init: InitialWeights(init, {}, spec),
    )
    config = with_initial_settings(get_preset("digits").config, "X", ())
    assert config.data.labels == "kmeans:4"


def test_weights_of_another_family_are_refused(source: RunFolder) -> None:
    with pytest.raises(
        RequestError, match=r"those of a diffusion model, but this run trains a DCGAN"
    ):
        training_recipe(request(source.root, target="dcgan-mnist"))


def test_a_configuration_in_the_folder_is_not_replaced(source: RunFolder) -> None:
    """A config.json alone is a request of its own: what it says stands."""
    shutil.copytree(source.root, "runs/copy", ignore=shutil.ignore_patterns("checkpoints", "env*"))
    config, out = training_recipe(TrainingRequest("copy", init="bundled:digits", device="cpu"))
    assert config.network.channels == 8 and out == Path("runs/copy")
