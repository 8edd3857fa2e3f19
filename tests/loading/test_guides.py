"""Autoguidance by a run's own past, from the command to the picture that can be drawn again."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.evaluate.evaluate import evaluate
from ddpm.commands.export.export import export
from ddpm.commands.plan.plan import PlanRequest, plan
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.commands.sampler_lab.lab_benchmark import SamplerBenchmark
from ddpm.commands.sampler_lab.lab_result import save_default
from ddpm.commands.train.train import train
from ddpm.config import load_config, with_overrides
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading.models import open_model
from ddpm.loading.teachers import check_teacher
from ddpm.messages import sentence
from ddpm.models.base import as_diffusion
from ddpm.models.ddpm import Ddpm
from ddpm.models.fingerprint import weights_hash
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.provenance import matches_default_samples, redraw_grid
from ddpm.sampling.run_pictures import write_final_pictures
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import preview_settings, resolve_settings
from ddpm.scoring.measurement import EvaluationRequest
from ddpm.training.checkpoint import load, load_weights, save, save_weights, steps_to_keep
from ddpm.visuals.grid_mark import read_grid_mark

TINY = (
    "network.channels=8",
    "network.attention=[]",
    "data.labels=false",
    "training.batch_size=8",
    "training.steps=6",
    "training.posthoc_ema=2",
    "training.checkpoint_every=2",
    "training.preview_every=1000",
    "training.memorization_every=0",
    "sampling.steps=3",
)
AWAY = ["sampling.guidance=2", "sampling.guide=step:2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A run without labels."""
    config = with_overrides(get_preset("digits").config, TINY)
    return train(config, tmp_path_factory.mktemp("runs") / "run", device="cpu").run


def images(run: RunFolder, *overrides: str, seeds: range = range(4)) -> Any:
    model = open_model(str(run.root), "cpu").model
    return sample_images(model, seeds, None, resolve_settings(model, overrides))


def test_the_guide_is_the_run_as_it_was(run: RunFolder) -> None:
    model = open_model(str(run.root), "cpu").model
    assert isinstance(model, Ddpm)
    settings = replace(resolve_settings(model, AWAY), clip="none")
    early = Ddpm(model.spec)
    early.load_state({"ema": load(run.checkpoint(2)).state["ema"]})
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([400] * 3)
    with torch.no_grad():
        found = model.denoiser(None, settings)(x, t).x0
        plain = replace(settings, guide="", guidance=1.0)
        good, bad = (each.denoiser(None, plain)(x, t).x0 for each in (model, early))
    torch.testing.assert_close(found, 2 * good - bad)
    assert not torch.allclose(good, bad, atol=1e-3)


def test_images_differ_by_guide_and_not_at_scale_one(run: RunFolder) -> None:
    plain = images(run)
    away = [
        images(run, "sampling.guidance=2", f"sampling.guide={guide}")
        for guide in ("step:2", "step:4", "snapshot:3")
    ]
    assert all(not np.array_equal(one, plain) for one in away)
    assert not np.array_equal(away[0], away[1]) and not np.array_equal(away[1], away[2])
    assert np.array_equal(images(run, "sampling.guidance=1", "sampling.guide=step:2"), plain)
    assert np.array_equal(images(run, "sampling.guide=step:2"), plain)


def test_an_image_is_its_seed_s(run: RunFolder) -> None:
    many = images(run, *AWAY, seeds=range(5))
    assert np.array_equal(images(run, *AWAY, seeds=range(2)), many[:2])
    assert np.array_equal(images(run, *AWAY, seeds=range(5)), many)


def test_a_guided_grid_says_so_and_is_drawn_again(run: RunFolder) -> None:
    write_samples(str(run.root), AWAY, SampleRequest(n=4, out=Path("grid.png")), "cpu")
    with Image.open("grid.png") as picture:
        mark = read_grid_mark(picture)
    assert mark is not None
    assert mark.sampling["guide"] == "step:2" and mark.sampling["guidance"] == 2
    model = open_model(str(run.root), "cpu").model
    assert np.array_equal(redraw_grid(model, mark), images(run, *AWAY))
    assert "guidance 2 away from step:2" in sentence(
        model.describe_sampling(resolve_settings(model, AWAY))
    )


def test_an_older_grid_is_drawn_again_as_it_was(run: RunFolder, tmp_path: Path) -> None:
    """Its mark knows of no guide, and the run has got one since."""
    write_samples(str(run.root), [], SampleRequest(n=4, out=Path("grid.png")), "cpu")
    with Image.open("grid.png") as picture:
        mark = read_grid_mark(picture)
    assert mark is not None
    old = {k: v for k, v in mark.sampling.items() if k != "guide"}
    with guided_by_default(run) as model:
        assert np.array_equal(redraw_grid(model, replace(mark, sampling=old)), images_plain(model))


def images_plain(model: Any) -> Any:
    return sample_images(model, range(4), None, resolve_settings(model, ["sampling.guide="]))


@contextlib.contextmanager
def guided_by_default(run: RunFolder) -> Iterator[Any]:
    """The run with autoguidance among its own settings, opened."""
    before, config = run.config.read_text("utf-8"), load_config(run.config)
    sampling = replace(config.sampling, guidance=2.0, guide="step:2")
    write_json(run.config, replace(config, sampling=sampling).to_dict())
    try:
        yield open_model(str(run.root), "cpu").model
    finally:
        run.config.write_text(before, "utf-8")


def test_it_can_be_the_runs_own_way_of_drawing(run: RunFolder) -> None:
    expected = images(run, *AWAY)
    with guided_by_default(run) as model:
        assert np.array_equal(images(run), expected)
        assert preview_settings(model.spec.config.sampling).guide == ""
        write_final_pictures(run, model)
        with Image.open(run.sample_grid) as picture:
            mark = read_grid_mark(picture)
        assert mark is not None and mark.sampling["guide"] == "step:2"
        assert mark.sampling["steps"] == 3  # of the grid; the film has more
        with Image.open(run.denoising) as animation:
            assert animation.n_frames > 4  # type: ignore[attr-defined]
        assert check_teacher(open_model(str(run.root), "cpu")).guide("step:2") is not None
        exported = export(str(run.root), "safetensors", Path("w.safetensors"))
        onnx = export(str(run.root), "onnx", Path("w.onnx"))
    alone = open_model(str(exported), "cpu").model
    assert np.array_equal(
        sample_images(alone, range(4), None, alone.spec.config.sampling), expected
    )
    assert np.array_equal(  # as `--guidance 2` samples, which names no guide
        sample_images(alone, range(4), None, resolve_settings(alone, ["sampling.guide=early"])),
        expected,
    )
    again = open_model(
        str(export(str(exported), "safetensors", Path("v.safetensors"), half=True)), "cpu"
    )
    assert as_diffusion(again.model).guide("step:2") is not None
    sampling = open_model(str(onnx), "cpu").model.spec.config.sampling
    assert sampling.guide == "" and sampling.guidance == 1


def test_a_file_whose_guide_is_damaged_is_refused(run: RunFolder) -> None:
    with guided_by_default(run):
        path = export(str(run.root), "safetensors", Path("w.safetensors"))
    tensors, spec = load_weights(path)
    name = next(key for key in tensors if key.startswith("guide."))
    whole = tensors.pop(name)
    save_weights(path, tensors, spec)
    with pytest.raises(RequestError, match=r"not have the tensors of its model"):
        open_model(path, "cpu")
    save_weights(path, {**tensors, name: whole * torch.nan}, spec)
    with pytest.raises(RequestError, match="not finite"):
        open_model(path, "cpu")


def test_the_guide_early_is_the_state_it_stands_for(run: RunFolder, tmp_path: Path) -> None:
    copy = guided_copy(run, tmp_path / "copy", "early")
    model = open_model(str(copy.root), "cpu").model
    assert model.spec.config.sampling.guide == "step:2" == copy.early_state()
    assert np.array_equal(images(copy), images(run, *AWAY))
    assert copy.early_state(4) == "step:2" and copy.early_state(2) == ""
    young = open_model(f"{copy.root}/checkpoints/step-00000002", "cpu").model
    assert young.spec.config.sampling.guide == "" and young.spec.config.sampling.guidance == 1
    with pytest.raises(RequestError, match="checkpoint of its first half; this has none"):
        resolve_settings(young, ["sampling.guide=early", "sampling.guidance=2"])


def test_a_training_ends_with_pictures_guided_by_its_early_state(
    tmp_path: Path, cache: Path
) -> None:
    early = ("sampling.guide=early", "sampling.guidance=2")
    config = with_overrides(get_preset("digits").config, [*TINY, *early])
    run = train(config, tmp_path / "run", device="cpu").run
    with Image.open(run.sample_grid) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.sampling["guide"] == "step:2"
    assert matches_default_samples(open_model(str(run.root), "cpu").model, mark)
    longer = replace(config, training=replace(config.training, steps=40))
    assert train(longer, run.root, device="cpu").exit_status == 0
    assert open_model(str(run.root), "cpu").model.spec.config.sampling.guide == run.early_state()
    assert run.early_state() != "step:2" and load_config(run.config).sampling.guide == "early"


def test_evaluation_says_how_the_images_were_drawn(run: RunFolder) -> None:
    request = EvaluationRequest(str(run.root), n=12, likelihood=0, overrides=AWAY, device="cpu")
    found = evaluate(request)
    assert sentence(found["drawn"]) == "dpm++2m, 3 steps, guidance 2 away from step:2"
    assert "sampling.guide=step:2" in found["command"]
    assert json.loads(run.evaluation.read_text("utf-8"))["drawn"] == found["drawn"]


@pytest.mark.parametrize(
    ("guide", "words"),
    [
        ("step:3", "holds no checkpoint of step 3; .* step:2, step:4, step:6 or "
         "snapshot:3, snapshot:6"),
        ("snapshot:4", "holds no snapshot of step 4"),
        ("magic", "sampling.guide cannot be .magic.; use early .*step:N"),
        ("step:", "cannot be 'step:'"),
        ("step:-2", "cannot be 'step:-2'"),
        ("model:", "cannot be 'model:'"),
        ("guide:", "cannot be 'guide:'"),
        ("guide:nowhere", "called 'nowhere'.*sampling.guide=guide:nowhere needs it"),
        ("guide:bundled:digits", "bundled:digits has no guide"),
        ("model:nowhere", "no run, weights file or bundled model called 'nowhere'"),
        ("model:bundled:mnist", r"other image shapes .*\(1x28x28, schedule=cosine, num_steps=1000\).*\(1x8"),
    ],
)  # fmt: skip
def test_refusals_in_a_sentence(run: RunFolder, guide: str, words: str) -> None:
    overrides = ["sampling.guidance=2", f"sampling.guide={guide}"]
    with pytest.raises(RequestError, match=words):
        write_samples(str(run.root), overrides, SampleRequest(n=1, out=Path("no.png")), "cpu")
    assert not Path("no.png").exists()


@pytest.fixture
def other(run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy to be damaged."""
    shutil.copytree(run.root, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


def test_a_guide_of_another_network_is_refused(other: RunFolder) -> None:
    found = load(other.checkpoint(2))
    spec = found.spec.with_config(with_overrides(found.spec.config, ["network.channels=16"]))
    state = {"ema": Ddpm(spec).averaged_weights()}
    save(other.checkpoint(2), state, spec, found.progress)
    with pytest.raises(RequestError, match="step:2 do not fit this network"):
        images(other, *AWAY)


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda kept: {"x/y": torch.zeros(1)}, "'x/y' does not name an average"),
        (lambda kept: {"0.05/y": torch.zeros(1)}, "belong to different networks"),
        (lambda kept: {n: t * torch.nan for n, t in kept.items()}, "NaN or infinite weights"),
        (lambda kept: {n: t[None] for n, t in kept.items()}, "do not fit this network"),
    ],
)
def test_a_damaged_snapshot_is_no_guide(other: RunFolder, alter: Any, words: str) -> None:
    kept, spec = load_weights(other.snapshot(3))
    save_weights(other.snapshot(3), alter(kept), spec)
    with pytest.raises(RequestError, match=words):
        images(other, "sampling.guidance=2", "sampling.guide=snapshot:3")


def test_weights_alone_have_no_past(run: RunFolder) -> None:
    export(str(run.root), "safetensors", Path("w.safetensors"))
    for target in ("w.safetensors", "digits"):
        model = open_model(target, "cpu").model
        with pytest.raises(RequestError, match="which is stored only in its run"):
            resolve_settings(model, AWAY)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """Another model of the same images: narrower, predicting something else, trained less."""
    changed = (
        "network.channels=4",
        "diffusion.objective=x0",
        "training.steps=3",
        "training.posthoc_ema=0",
    )
    config = with_overrides(get_preset("digits").config, [*TINY, *changed])
    return train(config, tmp_path_factory.mktemp("runs") / "small", device="cpu").run


def test_another_model_guides_by_what_its_own_answers_mean(
    run: RunFolder, small: RunFolder
) -> None:
    model, worse = (open_model(str(each.root), "cpu").model for each in (run, small))
    assert isinstance(model, Ddpm) and isinstance(worse, Ddpm)
    away = ["sampling.guidance=1.5", f"sampling.guide=model:{small.root}"]
    settings = replace(resolve_settings(model, away), clip="none")
    plain = replace(settings, guide="", guidance=1.0)
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([400] * 3)
    with torch.no_grad():
        found = model.denoiser(None, settings)(x, t).x0
        good, bad = (each.denoiser(None, plain)(x, t).x0 for each in (model, worse))
    torch.testing.assert_close(found, bad + 1.5 * (good - bad))
    assert not torch.allclose(good, bad, atol=1e-3)


def test_weights_alone_are_guided_by_another_model(run: RunFolder, small: RunFolder) -> None:
    weights = export(str(run.root), "safetensors", Path("w.safetensors"))
    away = ["sampling.guidance=1.5", f"sampling.guide=model:{small.root}"]
    alone = open_model(str(weights), "cpu").model
    assert np.array_equal(
        sample_images(alone, range(4), None, resolve_settings(alone, away)), images(run, *away)
    )


def test_the_guide_of_another_model_is_a_guide(run: RunFolder, small: RunFolder) -> None:
    """However that one is stored: in its run, in one file with its model, or as a third model."""
    own = export(str(small.root), "safetensors", Path("plain.safetensors"))
    copy = guided_copy(run, Path("with-guide"), f"model:{own}")
    file = export(
        str(guided_copy(run, Path("early"), "step:2").root), "safetensors", Path("e.safetensors")
    )
    for holder, same in ((copy.root, f"model:{own}"), (file, "step:2")):
        found = images(run, "sampling.guidance=2", f"sampling.guide=guide:{holder}")
        assert np.array_equal(found, images(run, "sampling.guidance=2", f"sampling.guide={same}"))
        assert not np.array_equal(found, images(run))


def test_a_guide_that_leads_to_another_guide_is_refused(run: RunFolder, tmp_path: Path) -> None:
    """It could lead back to itself without end."""
    copy = guided_copy(run, tmp_path / "loop", f"guide:{tmp_path / 'loop'}")
    for target in (copy, run):
        with pytest.raises(RequestError, match="has no guide of its own, but that of another"):
            images(target, "sampling.guidance=2", f"sampling.guide=guide:{copy.root}")


def test_the_guide_of_another_model_knows_the_same_classes(run: RunFolder) -> None:
    changed = [*TINY, "data.labels=true", "training.steps=2", "diffusion.num_steps=1000"]
    labelled = train(
        with_overrides(get_preset("digits").config, changed), Path("labelled"), device="cpu"
    ).run
    holder = guided_copy(labelled, Path("holder"), "step:2")
    model = open_model(str(labelled.root), "cpu").model
    model.spec = replace(model.spec, class_names=tuple("abcdefghij"))
    with pytest.raises(RequestError, match="has other classes"):
        resolve_settings(model, ["sampling.guidance=2", f"sampling.guide=guide:{holder.root}"])


def test_a_gan_is_no_guide(run: RunFolder) -> None:
    changed = ["data.path=digits", "data.size=16", "training.steps=1", "training.batch_size=4"]
    gan = train(
        with_overrides(get_preset("dcgan-mnist").config, changed), Path("gan"), device="cpu"
    ).run
    with pytest.raises(RequestError, match="is not a diffusion model"):
        images(run, "sampling.guidance=2", f"sampling.guide=model:{gan.root}")


def test_a_guide_may_know_classes_or_none_but_no_others(run: RunFolder) -> None:
    changed = [*TINY, "data.labels=true", "training.steps=1", "training.posthoc_ema=0"]
    config = with_overrides(get_preset("digits").config, changed)
    labelled = train(config, Path("labelled"), device="cpu").run
    one, two = (open_model(str(each.root), "cpu").model for each in (run, labelled))
    for model, guide, labels in (
        (one, labelled, None),
        (two, run, [3, 4]),
        (two, labelled, [3, 4]),
    ):
        away = ["sampling.guidance=2", f"sampling.guide=model:{guide.root}"]
        assert sample_images(model, range(2), labels, resolve_settings(model, away)).shape == (
            2,
            1,
            8,
            8,
        )
    found = load(labelled.checkpoint(1))
    renamed = replace(found.spec, class_names=found.spec.class_names[::-1])
    save(labelled.checkpoint(1), found.state, renamed, found.progress)
    with pytest.raises(RequestError, match="has other classes"):
        resolve_settings(two, ["sampling.guidance=2.5", "sampling.guide=model:./labelled"])


def test_groups_of_other_images_are_other_classes(tmp_path: Path) -> None:
    """Found groups are called 0, 1, … everywhere: a model of the digits 0–9 is not guided by them."""
    changed = [*TINY, "training.steps=1", "training.posthoc_ema=0"]
    runs = {}
    for labels in ("true", "kmeans:10"):
        config = with_overrides(get_preset("digits").config, [*changed, f"data.labels={labels}"])
        runs[labels] = train(config, tmp_path / labels.replace(":", "-"), device="cpu").run
    model = open_model(str(runs["true"].root), "cpu").model
    away = ["sampling.guidance=2", f"sampling.guide=model:{runs['kmeans:10'].root}"]
    with pytest.raises(RequestError, match="has other classes"):
        resolve_settings(model, away)


def guided_copy(run: RunFolder, place: Path, guide: str) -> RunFolder:
    """A copy of `run` that draws away from `guide` by default."""
    shutil.copytree(run.root, place)
    copy = RunFolder(place)
    config = load_config(copy.config)
    sampling = replace(config.sampling, guidance=2.0, guide=guide)
    write_json(copy.config, replace(config, sampling=sampling).to_dict())
    return copy


def test_a_resumed_training_keeps_the_guide_of_its_run(run: RunFolder, tmp_path: Path) -> None:
    """Pruning alone would delete step 4, as 6 is of the same doubling."""
    copy = guided_copy(run, tmp_path / "guided", "step:4")
    config = load_config(copy.config)
    longer = replace(config, training=replace(config.training, steps=20))
    assert train(longer, copy.root, device="cpu").exit_status == 0
    steps = copy.checkpoint_steps()
    assert 4 in steps and 4 not in steps_to_keep(steps)
    with Image.open(copy.sample_grid) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.sampling["guide"] == "step:4"


def test_a_missing_guide_is_reported_before_the_training_resumes(
    run: RunFolder, small: RunFolder, tmp_path: Path
) -> None:
    shutil.copytree(small.root, tmp_path / "worse")
    copy = guided_copy(run, tmp_path / "guided", f"model:{tmp_path / 'worse'}")
    shutil.rmtree(tmp_path / "worse")
    config = load_config(copy.config)
    longer = replace(config, training=replace(config.training, steps=8))
    with pytest.raises(
        RequestError, match=r"sampling.guide=model:.* sample without a guide with --guidance 1"
    ):
        train(longer, copy.root, device="cpu")
    assert max(copy.checkpoint_steps()) == 6


def test_a_guide_is_written_down_with_its_whole_path(
    run: RunFolder, small: RunFolder, tmp_path: Path
) -> None:
    shutil.copytree(small.root, tmp_path / "runs" / "worse")  # found by its name below runs/
    copy = guided_copy(run, tmp_path / "guided", "")
    for name, kept in (
        ("model:worse", f"model:{tmp_path / 'runs' / 'worse'}"),
        ("model:bundled:digits", "model:bundled:digits"),
        ("step:4", "step:4"),
    ):
        save_default(copy, replace(load_config(copy.config).sampling, guidance=2.0, guide=name))
        assert load_config(copy.config).sampling.guide == kept


def test_the_lab_knows_when_a_guide_has_changed(run: RunFolder, small: RunFolder) -> None:
    keys = []
    for guide in (small, run):
        model = open_model(str(run.root), "cpu").model
        assert isinstance(model, Ddpm)
        shutil.copytree(guide.root, "runs/guide", dirs_exist_ok=True)
        settings = resolve_settings(model, ["sampling.guidance=2", "sampling.guide=model:guide"])
        distance: Any = SimpleNamespace(protocol="")
        bench = SamplerBenchmark(model, weights_hash(model), distance, Path("points"), range(4))
        keys.append((bench.key(settings), bench.key(replace(settings, guidance=1.0, guide=""))))
        shutil.rmtree("runs/guide")
    assert keys[0][0] != keys[1][0] and keys[0][1] == keys[1][1]


def test_a_plan_of_a_guided_run_is_made_and_of_a_guided_beginning_refused(
    run: RunFolder, tmp_path: Path
) -> None:
    copy = guided_copy(run, tmp_path / "guided", "model:bundled:digits")
    found = plan(PlanRequest(str(copy.root), device="cpu"))
    assert "away from model:bundled:digits" in found["drawing"]
    asked = PlanRequest(
        "digits", overrides=("sampling.guidance=2", "sampling.guide=step:2"), device="cpu"
    )
    with pytest.raises(RequestError, match="needs a trained model"):
        plan(asked)


def test_an_export_says_what_stays_behind(
    run: RunFolder, small: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = guided_copy(run, tmp_path / "guided", f"model:{small.root}")
    export(str(copy.root), "safetensors", Path("w.safetensors"))
    assert "so sampling from the file uses no guide." in capsys.readouterr().err


def test_only_a_guide_in_the_package_goes_along(run: RunFolder, small: RunFolder) -> None:
    """Into exported weights: what lies in a folder here may not lie there."""
    before, config = run.config.read_text("utf-8"), load_config(run.config)
    try:
        for name, along in (("model:bundled:digits", True), (f"model:{small.root}", False)):
            sampling = replace(config.sampling, guidance=1.5, guide=name)
            write_json(run.config, replace(config, sampling=sampling).to_dict())
            exported = export(str(run.root), "safetensors", Path("along.safetensors"))
            kept = load_weights(exported)[1].config.sampling
            assert (kept.guide, kept.guidance) == ((name, 1.5) if along else ("", 1.0))
    finally:
        run.config.write_text(before, "utf-8")


def test_a_run_without_labels_guides_itself_by_its_early_state(run: RunFolder) -> None:
    assert run.early_state() == "step:2"  # of steps 2, 4 and 6
    found = images(run, "sampling.guidance=2")
    assert np.array_equal(found, images(run, *AWAY)) and not np.array_equal(found, images(run))


def test_without_labels_and_an_early_state_there_is_nothing_to_guide_by(
    run: RunFolder, tmp_path: Path
) -> None:
    first = open_model(str(run.checkpoint(2)), "cpu").model
    first.guides.early = ""  # type: ignore[attr-defined]
    with pytest.raises(RequestError, match=r"learned no labels, .* sampling.guide=model:RUN"):
        resolve_settings(first, ["sampling.guidance=2"])
    young = RunFolder(tmp_path / "young")
    shutil.copytree(run.checkpoint(6), young.checkpoint(6))
    assert young.early_state() == ""


def test_a_training_cannot_begin_with_a_guide() -> None:
    config = with_overrides(get_preset("digits").config, [*TINY, *AWAY])
    with pytest.raises(RequestError, match="needs a trained model"):
        train(config, Path("new"), device="cpu")
    assert not Path("new", "config.json").exists()


def test_with_labels_a_guide_scale_means_the_early_state_beside_the_label(tmp_path: Path) -> None:
    changed = [*TINY, "data.labels=true"]
    config = with_overrides(get_preset("digits").config, changed)
    labelled = train(config, tmp_path / "labelled", device="cpu").run
    model = open_model(str(labelled.root), "cpu").model
    settings = resolve_settings(model, ["sampling.guidance=1.5", "sampling.guide_scale=2"])
    assert (settings.guide, settings.guidance, settings.guide_scale) == ("step:2", 1.5, 2)
    write_samples(
        str(labelled.root),
        ["sampling.guidance=1.5", "sampling.guide_scale=2"],
        SampleRequest(n=4, out=Path("grid.png")),
        "cpu",
    )
    with Image.open("grid.png") as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.sampling["guide_scale"] == 2
    labels = choose_labels(model, mark.seeds, None, columns=mark.layout.columns)
    drawn = redraw_grid(model, mark)
    assert np.array_equal(drawn, sample_images(model, mark.seeds, labels, settings))
    by_label = replace(settings, guide="", guide_scale=0.0)
    assert not np.array_equal(drawn, sample_images(model, mark.seeds, labels, by_label))


def test_without_labels_there_is_no_second_scale(run: RunFolder) -> None:
    with pytest.raises(RequestError, match=r"so its guide takes sampling\.guidance"):
        images(run, "sampling.guide_scale=2")


def test_the_label_alone_by_leaving_the_guide_out(tmp_path: Path) -> None:
    changed = [*TINY, "data.labels=true", "sampling.guidance=1.5", "sampling.guide_scale=2"]
    config = with_overrides(get_preset("digits").config, [*changed, "sampling.guide=early"])
    model = open_model(str(train(config, tmp_path / "run", device="cpu").run.root), "cpu").model
    both = model.spec.config.sampling
    assert (both.guide, both.guide_scale) == ("step:2", 2)
    by_label = resolve_settings(model, ["sampling.guide="])
    expected = replace(both, guide="", guide_scale=0.0)
    drawn = [sample_images(model, range(2), [0, 1], each) for each in (both, by_label, expected)]
    assert np.array_equal(drawn[1], drawn[2]) and not np.array_equal(drawn[0], drawn[1])
    for overrides in (["sampling.guide="], ["sampling.guidance=1"]):  # drawn again from their marks
        write_samples(
            str(tmp_path / "run"), overrides, SampleRequest(n=4, out=Path("grid.png")), "cpu"
        )
        with Image.open("grid.png") as picture:
            mark = read_grid_mark(picture)
        assert mark is not None
        labels = choose_labels(model, mark.seeds, None, columns=mark.layout.columns)
        settings = resolve_settings(model, overrides)
        assert np.array_equal(
            redraw_grid(model, mark), sample_images(model, mark.seeds, labels, settings)
        )
    with pytest.raises(RequestError, match="acts beside guidance toward the label, which is off"):
        resolve_settings(model, ["sampling.guidance=1", "sampling.guide_scale=2"])
    with pytest.raises(RequestError, match="this model has none"):
        resolve_settings(
            open_model("digits", "cpu").model, ["sampling.guidance=2", "sampling.guide_scale=2"]
        )


def test_an_export_without_guidance_leaves_the_early_state_out(
    run: RunFolder, tmp_path: Path
) -> None:
    copy = guided_copy(run, tmp_path / "copy", "step:2")
    config = load_config(copy.config)
    off = replace(config, sampling=replace(config.sampling, guidance=1.0))
    write_json(copy.config, off.to_dict())
    tensors, spec = load_weights(export(str(copy.root), "safetensors", Path("w.safetensors")))
    assert not any(name.startswith("guide.") for name in tensors)
    assert spec.config.sampling.guide == ""


def test_the_lab_keeps_the_early_state_open(run: RunFolder, tmp_path: Path) -> None:
    copy = guided_copy(run, tmp_path / "copy", "early")
    settings = open_model(str(copy.root), "cpu").model.spec.config.sampling
    assert settings.guide == "step:2"
    save_default(copy, replace(settings, steps=2))
    saved = load_config(copy.config).sampling
    assert (saved.guide, saved.steps) == ("early", 2)
    save_default(copy, replace(settings, guide="step:4"))
    assert load_config(copy.config).sampling.guide == "step:4"


def test_exports_that_have_no_guide_say_so(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = guided_copy(run, tmp_path / "copy", "early")
    for to in ("onnx", "diffusers"):
        export(str(copy.root), to, Path(f"export-{to}{'.onnx' if to == 'onnx' else ''}"))
        assert "leaves out the guide step:2, so it samples without" in capsys.readouterr().err
