"""Training into a run folder: what is refused, what goes on, what a damaged run says."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ddpm.commands.train import session
from ddpm.commands.train.resume import new_config
from ddpm.commands.train.train import Outcome, train
from ddpm.config import Config, load_config, with_overrides
from ddpm.errors import RequestError, WorkError
from ddpm.locking import exclusive_lock
from ddpm.models.base import Metrics
from ddpm.models.ddpm import Ddpm
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.training import checkpoint

TINY = (
    "network.channels=8",
    "network.attention=[]",
    "data.labels=false",
    "training.optimizer=adamw",
    "training.steps=6",
    "training.batch_size=8",
    "training.checkpoint_every=2",
    "training.preview_every=1000",
    "training.memorization_every=0",
    "sampling.steps=2",
)


def tiny(*overrides: str) -> Config:
    return with_overrides(get_preset("digits").config, [*TINY, *overrides])


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    """An empty folder as the current one, no data sets; a finished run notes it instead of drawing."""
    monkeypatch.chdir(tmp_path)

    def draw(run: RunFolder, model: object) -> None:
        for path in run.pictures(True):
            path.write_text("drawn", encoding="utf-8")

    monkeypatch.setattr(session, "write_final_pictures", draw)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A run of six steps, for copies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "write_final_pictures", lambda run, model: None)
        return train(tiny(), tmp_path_factory.mktemp("runs") / "run").run


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.root, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def pictures(folder: Path, count: int = 12, size: int = 8, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (size, size), dtype=np.uint8)).save(
            folder / f"{i}.png"
        )
    return folder


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def weights(run: RunFolder, step: int) -> dict[str, bytes]:
    return {
        name: data for name, data in content(run.checkpoint(step)).items() if "json" not in name
    }


def refused(config: Config, out: Path, sentence: str, **options: Any) -> None:
    """`train` refuses in a sentence, and every file stays as it was."""
    before = content(out)
    with pytest.raises(RequestError, match=sentence):
        train(config, out, **options)
    assert content(out) == before
    if not before:
        assert not out.exists() or out.is_file() or not any(out.iterdir())


def test_a_run_is_complete(finished: RunFolder) -> None:
    assert load_config(finished.config) == tiny()
    assert finished.checkpoint_steps() == [2, 4, 6]
    steps = [row for row in read_metrics(finished.metrics) if "loss" in row]
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    assert all(len(row["loss_levels"]) == 4 and math.isfinite(row["loss"]) for row in steps)
    assert [row["step"] for row in read_metrics(finished.metrics) if "heldout_loss" in row] == [6]
    machine = finished.load_environment()
    assert machine["torch"] == torch.__version__ and machine["device"] == "cpu"
    assert machine["data"]["given"] == 1797 == machine["data"]["used"] + machine["data"]["held_out"]
    assert machine.get("init") is None and machine["seed"] == 0


def test_a_seed_fixes_the_run_and_another_changes_it(finished: RunFolder, tmp_path: Path) -> None:
    same = train(tiny(), tmp_path / "same").run
    assert weights(same, 6) == weights(finished, 6)
    other = train(tiny("training.seed=1"), tmp_path / "other").run
    assert weights(other, 6) != weights(finished, 6)


def test_without_a_compiler_a_run_says_so_and_is_the_same(
    finished: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_compiler(network: object, **options: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", no_compiler)
    run = train(tiny("training.compile=on"), tmp_path / "run").run
    assert "note: torch.compile is not used (no compiler)\n" in capsys.readouterr().err
    assert run.load_environment()["compile"] is finished.load_environment()["compile"] is False
    one, other = (checkpoint.load(r.checkpoint(6)).state for r in (run, finished))
    for stem, tensors in one.items():
        assert all(torch.equal(tensor, other[stem][name]) for name, tensor in tensors.items())


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "checkpoints/step-00000002/state.json"])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "theirs" / name
    file.parent.mkdir(parents=True)
    file.write_text("theirs", encoding="utf-8")
    refused(tiny(), tmp_path / "theirs", "holds other files; choose a new folder with --out")


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs", encoding="utf-8")
    refused(tiny(), tmp_path / "file", "holds other files")


def test_a_folder_that_appears_meanwhile_is_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main process of a launch makes it, for its lock, while another one looks."""
    run, real = RunFolder(tmp_path / "run"), Path.is_dir

    def is_dir(path: Path, **options: Any) -> bool:
        found = real(path, **options)
        if path == run.root:
            run.root.mkdir(exist_ok=True)
            run.lock.touch()
        return found

    monkeypatch.setattr(Path, "is_dir", is_dir)
    config = tiny()
    assert new_config(run, config) == new_config(run, config) == config


def test_an_empty_folder_and_the_trace_of_a_killed_start_are_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".tmp-abc.json").touch()
    outcome = train(tiny("training.steps=1"), tmp_path / "run")
    assert outcome == Outcome(RunFolder(tmp_path / "run"), 1, 1, 0)
    assert not list((tmp_path / "run").glob(".tmp-*"))


@pytest.mark.parametrize(
    "override",
    ["network.channels=16", "diffusion.schedule=linear", "training.seed=3", "data.flip=true"],
)
def test_other_settings_on_a_run_are_refused_by_name(copy: RunFolder, override: str) -> None:
    key = override.split("=")[0]
    refused(tiny(override), copy.root, rf"other settings \({key}\)\. Choose another --out")
    if key.startswith("training."):
        refused(
            tiny(override), copy.root, r"train its weights with the new settings: --init \S+ --out"
        )


def test_several_changes_are_all_named(copy: RunFolder) -> None:
    changed = tiny("network.dropout=0.5", "training.clip=0")
    refused(changed, copy.root, r"\(network.dropout, training.clip\)")


def test_ways_of_drawing_and_the_presets_name_may_differ(copy: RunFolder) -> None:
    other = replace(tiny("sampling.steps=7", "training.steps=7"), preset="folder")
    assert train(other, copy.root).step == 7
    kept = load_config(copy.config)
    assert kept.preset == "digits" and kept.sampling == tiny().sampling


def test_changed_images_are_refused(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images")
    config = tiny(f"data.path={json.dumps(str(folder))}", "training.steps=1")
    run = train(config, tmp_path / "run").run
    shutil.copy(folder / "0.png", folder / "extra.png")
    refused(config, run.root, "images have changed since")
    (folder / "extra.png").unlink()
    assert train(config, run.root).exit_status == 0


def test_a_run_inside_its_folder_of_images_resumes(tmp_path: Path) -> None:
    """`ddpm train .`: the previews that lie below the images by then are none of them."""
    pictures(tmp_path)
    settings = f"data.path={json.dumps(str(tmp_path))}", "training.preview_every=1"
    run = train(tiny(*settings, "training.steps=2"), tmp_path / "runs" / "here").run
    assert run.preview(1).is_file()
    assert train(tiny(*settings, "training.steps=3"), run.root).step == 3
    assert run.load_environment()["data"]["given"] == 12


def test_images_that_were_moved_are_named_anew(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"

    def config(folder: Path, steps: int) -> Config:
        return tiny(f"data.path={json.dumps(str(folder))}", f"training.steps={steps}")

    pictures(old)
    stayed, run = (train(config(old, 2), tmp_path / name).run for name in ("stayed", "run"))
    train(config(old, 4), stayed.root)
    shutil.copytree(old, new)
    refused(config(new, 4), run.root, r"other settings \(data.path\)")  # the old ones are there
    shutil.rmtree(old)
    refused(config(old, 4), run.root, f"no longer at {old}. Pass their new path with --data")
    refused(config(pictures(tmp_path / "other", seed=1), 4), run.root, "images have changed since")
    assert train(config(new, 4), run.root).step == 4
    assert load_config(run.config).data.path == str(new)
    one, other = (checkpoint.load(r.checkpoint(4)).state for r in (stayed, run))
    for stem, tensors in one.items():
        assert all(torch.equal(tensor, other[stem][name]) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["data.path=nowhere"], "no data set or path is named 'nowhere'"),
        (["data.path="], "No images are given"),
        (["data.path=flat", "data.labels=true"], "have no labels. Put each class into a folder"),
        (["data.size=0"], "data.size cannot be"),
    ],
)
def test_wrong_data_leave_nothing_behind(
    tmp_path: Path, overrides: list[str], sentence: str
) -> None:
    pictures(tmp_path / "flat")
    refused(tiny(*overrides), tmp_path / "run", sentence)


@pytest.mark.parametrize("labels", ["true", "false", "auto"])
@pytest.mark.parametrize("classes", [("",), ("cats", "dogs")])
def test_labels_are_learned_where_asked_and_found(
    tmp_path: Path, classes: tuple[str, ...], labels: str
) -> None:
    for i, name in enumerate(classes):
        pictures(tmp_path / "images" / name, 12, seed=i)
    config = tiny("data.path=images", f"data.labels={labels}", "training.steps=1")
    if labels == "true" and classes == ("",):
        refused(config, tmp_path / "run", "have no labels")
        return
    run = train(config, tmp_path / "run").run
    spec = checkpoint.load(run.checkpoint(1), ("ema",)).spec
    assert spec.num_classes == (2 if labels != "false" and len(classes) == 2 else 0)
    assert train(config, run.root).step == 1  # "auto" asked again is no other setting
    other = {"true": "auto", "auto": "false", "false": "auto"}[labels]
    changed = with_overrides(config, [f"data.labels={other}"])
    refused(changed, run.root, r"started with other settings \(data.labels\)")


def test_wrong_surroundings_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(tiny(), tmp_path / "run", "Device 'abacus' is not available", device="abacus")
    refused(tiny(), tmp_path / "run", "called 'nothing'", init="nothing")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    refused(tiny("training.tensorboard=true"), tmp_path / "run", "needs TensorBoard")


def test_init_starts_from_the_averaged_weights_of_a_run(
    finished: RunFolder, tmp_path: Path
) -> None:
    still = tiny("training.learning_rate=0", "training.steps=2")
    run = train(still, tmp_path / "run", init=str(finished.root)).run
    start = checkpoint.load(finished.checkpoint(6)).state["ema"]
    for stem in ("weights", "ema"):
        found = checkpoint.load(run.checkpoint(2)).state[stem]
        assert all(torch.equal(found[name], start[name]) for name in start)
    assert run.load_environment()["init"] == str(finished.root)
    longer = replace(still, training=replace(still.training, steps=3))
    train(longer, run.root)  # going on needs no --init, and forgets none
    assert run.load_environment()["init"] == str(finished.root)


def test_init_is_remembered_from_the_start(finished: RunFolder, tmp_path: Path) -> None:
    """Killed before its first checkpoint, a run still starts where it was told to."""
    still = tiny("training.learning_rate=0", "training.steps=2")
    run = train(still, tmp_path / "run", init=str(finished.root)).run
    shutil.rmtree(run.checkpoints)
    train(still, run.root)
    start = checkpoint.load(finished.checkpoint(6)).state["ema"]
    found = checkpoint.load(run.checkpoint(2)).state["weights"]
    assert all(torch.equal(found[name], start[name]) for name in start)


def test_other_weights_than_a_run_began_with_are_refused(
    copy: RunFolder, finished: RunFolder, tmp_path: Path
) -> None:
    refused(tiny("training.steps=8"), copy.root, "was started without --init", init="nothing")
    one = tiny("training.steps=1", "training.checkpoint_every=1")
    run = train(one, tmp_path / "new", init=str(finished.root)).run
    two = tiny("training.steps=2", "training.checkpoint_every=1")
    refused(two, run.root, f"was started with --init {finished.root}, and", init=str(copy.root))
    assert train(one, run.root, init=str(finished.root)).exit_status == 0


def test_a_second_process_on_a_run_is_refused(copy: RunFolder, tmp_path: Path) -> None:
    with exclusive_lock(copy.lock, "it"):
        refused(tiny("training.steps=8"), copy.root, "is in use by another process .PID")
    new = RunFolder(tmp_path / "new")
    with exclusive_lock(new.lock, "it"):
        refused(tiny(), new.root, "is in use by another process")
    new.root.mkdir()
    new.lock.write_text("1", encoding="ascii")  # as a dead process left it
    assert train(tiny("training.steps=1"), new.root).exit_status == 0
    assert not new.lock.exists()


def test_init_takes_a_weights_file(finished: RunFolder, tmp_path: Path) -> None:
    file = finished.checkpoint(6) / "ema.safetensors"
    still = tiny("training.learning_rate=0", "training.steps=1")
    run = train(still, tmp_path / "run", init=str(file)).run
    start = checkpoint.load_weights(file)[0]
    found = checkpoint.load(run.checkpoint(1)).state["ema"]
    assert all(torch.equal(found[name], start[name]) for name in start)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("network.channels=16", "another network: network.channels is 8 there and 16 here"),
        (
            "network.multipliers=[1,2,2]",
            r"another network: network.multipliers is .*\[1, 2, 2\] here",
        ),
        ("data.channels=3", "The images are 3x8x8, but the weights of .* are for 1x8x8"),
    ],
)
def test_init_from_another_network_is_refused(
    finished: RunFolder, tmp_path: Path, override: str, sentence: str
) -> None:
    refused(tiny(override), tmp_path / "run", sentence, init=str(finished.root))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["optimizer.safetensors", "state.json"])
def test_a_damaged_newest_checkpoint_falls_back_and_ends_the_same(
    copy: RunFolder, finished: RunFolder, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    damage(copy.checkpoint(6) / name)
    outcome = train(tiny(), copy.root)
    said = capsys.readouterr().err
    assert f"{copy.checkpoint(6)} is damaged" in said and "Using the previous checkpoint" in said
    assert "resuming at step 4 of 6" in said
    assert outcome.exit_status == 0
    assert weights(copy, 6) == weights(finished, 6)
    steps = [row["step"] for row in read_metrics(copy.metrics) if "loss" in row]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_run_without_a_whole_checkpoint_is_refused(copy: RunFolder) -> None:
    for step in copy.checkpoint_steps():
        (copy.checkpoint(step) / "state.json").unlink()
    refused(tiny(), copy.root, "All checkpoints of .* are damaged. Train again with another --out")


def test_a_run_without_any_checkpoint_begins_again(copy: RunFolder, finished: RunFolder) -> None:
    shutil.rmtree(copy.checkpoints)
    train(tiny(), copy.root)
    assert weights(copy, 6) == weights(finished, 6)
    assert len(read_metrics(copy.metrics)) == len(read_metrics(finished.metrics))


def test_a_damaged_configuration_is_refused(copy: RunFolder) -> None:
    copy.config.write_text('{"preset": ', encoding="utf-8")
    refused(tiny(), copy.root, "not a readable configuration")


@pytest.mark.parametrize(
    "change", ["network.channels=16", "diffusion.objective=x0", "training.optimizer=muon"]
)
def test_a_configuration_edited_by_hand_must_fit_the_weights(copy: RunFolder, change: str) -> None:
    edited = tiny(change, "training.steps=8")
    copy.config.write_text(json.dumps(edited.to_dict()), encoding="utf-8")
    refused(
        edited, copy.root, rf"does not fit the checkpoints of this run \({change.split('=')[0]}\)"
    )


def test_a_finished_run_draws_only_the_pictures_it_lacks(
    copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tiny(), copy.root).exit_status == 0
    assert "is finished: 6 steps. To continue, pass a larger total" in capsys.readouterr().err
    assert {path.read_text(encoding="utf-8") for path in copy.pictures(True)} == {"drawn"}
    for path in copy.pictures(True):
        path.write_text("kept", encoding="utf-8")
    train(tiny(), copy.root)
    assert {path.read_text(encoding="utf-8") for path in copy.pictures(True)} == {"kept"}


def breaking(step: int, harm: Callable[[Ddpm], Metrics]) -> Callable[..., Metrics]:
    """Ddpm.training_step, but for one step."""
    real = Ddpm.training_step

    def training_step(model: Ddpm, images: Tensor, labels: Tensor | None, now: int) -> Metrics:
        losses = real(model, images, labels, now)
        return harm(model) if now == step else losses

    return training_step


def lose(model: Ddpm) -> Metrics:
    return {"loss": torch.tensor(math.nan)}


def spoil(model: Ddpm) -> Metrics:
    next(model.network.parameters()).data.fill_(math.inf)
    return {"loss": torch.tensor(0.5)}


@pytest.mark.parametrize(
    ("harm", "sentence"), [(lose, "At step 4 the loss became nan"), (spoil, "are not finite")]
)
def test_a_diverged_training_stops_and_keeps_the_last_good_state(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Ddpm], Metrics],
    sentence: str,
) -> None:
    advice = (
        r"Train again with a lower training\.learning_rate and another --out\. "
        r"The checkpoint of step 2 is intact\.$"
    )
    with monkeypatch.context() as patch, pytest.raises(WorkError, match=f"{sentence}.*{advice}"):
        patch.setattr(Ddpm, "training_step", breaking(4, harm))
        train(tiny(), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert run.checkpoint_steps() == [2]
    assert checkpoint.load(run.checkpoint(2)).progress["step"] == 2
    assert "NaN" not in run.metrics.read_text(encoding="utf-8")
    assert train(tiny(), run.root).exit_status == 0  # without the accident it goes on from there


def test_all_images_leave_no_held_out_loss_and_say_why(tmp_path: Path) -> None:
    run = train(tiny("data.all_images=true", "training.steps=1"), tmp_path / "run").run
    assert all("heldout_loss" not in row for row in read_metrics(run.metrics))
    data = run.load_environment()["data"]
    assert data["held_out"] == 0 and data["held_out_reason"] == {"code": "heldout_none"}


def test_epochs_become_steps_and_a_mean_each(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images", 12)
    path = f"data.path={json.dumps(str(folder))}"
    run = train(tiny(path, "training.epochs=2", "training.batch_size=5"), tmp_path / "run").run
    assert load_config(run.config).training.steps == 5  # 24 images in batches of 5
    epochs = [row for row in read_metrics(run.metrics) if "epoch" in row]
    assert [(row["epoch"], row["step"]) for row in epochs] == [(1, 3), (2, 5)]
    losses = [row["loss"] for row in read_metrics(run.metrics) if "loss" in row]
    first = (5 * losses[0] + 5 * losses[1] + 2 * losses[2]) / 12
    assert epochs[0]["epoch_loss"] == pytest.approx(first)


def test_an_epoch_shows_every_training_image_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "images", 12)
    shown: list[bytes] = []
    real = Ddpm.training_step

    def watch(model: Ddpm, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        shown.extend(image.numpy().tobytes() for image in images)
        return real(model, images, labels, step)

    monkeypatch.setattr(Ddpm, "training_step", watch)
    plain = ("data.flip=false", "data.shift=0", "data.crop=0", "data.all_images=true")
    epochs = ("training.epochs=2", "training.batch_size=4")
    train(tiny("data.path=images", *plain, *epochs), tmp_path / "run")
    first, second = shown[:12], shown[12:]
    assert len(set(first)) == 12 and len(second) == 12
    assert set(first) == set(second) and first != second


def test_a_run_records_the_values_that_it_stretches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`data.range=auto` becomes the set's own limits, which the same command resumes."""
    values = np.random.default_rng(0).integers(0, 4096, (12, 8, 8), dtype=np.uint16)
    values[0, 0, :2] = 0, 4095
    (tmp_path / "deep").mkdir()
    for i, image in enumerate(values):
        Image.fromarray(image).save(tmp_path / "deep" / f"{i}.png")
    config = tiny("data.path=deep", "data.size=8", "data.range=auto", "training.steps=2")
    run = train(config, tmp_path / "run").run
    said = "pixel values 0 to 4095 are stretched to the whole range (data.range)"
    assert said in capsys.readouterr().err
    assert load_config(run.config).data.range == "0:4095"
    facts = run.load_environment()["data"]
    exact = np.rint(values / 4095 * 255) / 255
    assert facts["mean"] == pytest.approx([exact.mean()]) and facts["range"]["stretched"]
    longer = tiny("data.path=deep", "data.size=8", "data.range=auto", "training.steps=4")
    assert train(longer, run.root).step == 4
    assert load_config(run.config).data.range == "0:4095"
    for other in ("full", "0:100"):
        plain = tiny("data.path=deep", "data.size=8", f"data.range={other}", "training.steps=6")
        refused(plain, run.root, r"other settings \(data.range\)")


def test_a_run_of_version_0_1_resumes_where_only_labels_are_read_differently(
    tmp_path: Path,
) -> None:
    """It took the numbered parts of a set for classes, which its content hash covers."""
    for part in ("00000", "01000"):
        pictures(tmp_path / "images" / part, 6, seed=int(part))
    config = tiny(f"data.path={json.dumps(str(tmp_path / 'images'))}", "training.steps=2")
    run = train(config, tmp_path / "run").run
    names = [f"{part}/{i}.png" for part in ("00000", "01000") for i in range(6)]
    digest = hashlib.sha256()
    for name in names:
        content = hashlib.sha256((tmp_path / "images" / name).read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    environment = run.load_environment()
    assert environment["data"]["content_hash"] == digest.hexdigest()
    digest.update(np.repeat([0, 1], 6).astype(np.int64).tobytes())
    environment["data"]["content_hash"] = digest.hexdigest()
    run.environment.write_text(json.dumps(environment), encoding="utf-8")
    longer = tiny(f"data.path={json.dumps(str(tmp_path / 'images'))}", "training.steps=3")
    assert train(longer, run.root).step == 3
