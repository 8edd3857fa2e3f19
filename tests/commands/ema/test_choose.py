"""Averages saved during training and compared afterwards, on real runs of a few steps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ddpm.commands.ema.choose import EmaRequest, choose_average, restore_own_average
from ddpm.commands.ema.ema_table import average_table
from ddpm.commands.ema.saved_averages import load_saved_averages
from ddpm.commands.train.train import train
from ddpm.config import Config, load_config, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import Metrics
from ddpm.models.ddpm import Ddpm
from ddpm.models.fingerprint import weights_hash
from ddpm.optim.posthoc_ema import TRACKED_LENGTHS, averages_by_length, snapshot_bytes
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load, load_weights, save_weights
from ddpm.visuals.grid_mark import read_grid_mark

STEPS, COUNT = 24, 8
TINY = (
    "network.channels=8",
    "network.attention=[]",
    "training.batch_size=8",
    f"training.steps={STEPS}",
    f"training.posthoc_ema={COUNT}",
    "training.checkpoint_every=4",
    "training.preview_every=1000",
    "sampling.steps=2",
)


def tiny(*overrides: str) -> Config:
    return with_overrides(get_preset("digits").config, [*TINY, *overrides])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A run with its pictures, for copies."""
    return train(tiny(), tmp_path_factory.mktemp("runs") / "run", device="cpu").run


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.root, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def files(run: RunFolder) -> dict[str, bytes]:
    found = [*run.snapshots.iterdir(), *(run.checkpoint(STEPS)).glob("*.safetensors")]
    return {path.relative_to(run.root).as_posix(): path.read_bytes() for path in found}


def ask(run: RunFolder, *lengths: float, **more: Any) -> dict[str, Any]:
    return choose_average(EmaRequest(str(run.root), lengths, n=12, device="cpu", **more))


def test_snapshots_are_equally_spaced_and_survive_the_pruning(finished: RunFolder) -> None:
    assert finished.snapshot_steps() == [3, 6, 9, 12, 15, 18, 21, 24]
    assert finished.checkpoint_steps() == [4, 12, 20, 24]
    last = averages_by_length(load(finished.checkpoint(STEPS)).state["posthoc"])
    put_aside = averages_by_length(load_weights(finished.snapshot(STEPS))[0])
    assert tuple(last) == tuple(put_aside) == TRACKED_LENGTHS
    for length, tensors in last.items():
        assert all(torch.equal(t.half(), put_aside[length][n]) for n, t in tensors.items())


def test_their_bytes_were_known_before(finished: RunFolder) -> None:
    size = sum(path.stat().st_size for path in finished.snapshots.iterdir())
    parameters = Ddpm(load(finished.checkpoint(STEPS)).spec).parameter_counts()["network"]
    headers = size - snapshot_bytes(parameters, STEPS, COUNT)
    assert 0 < headers < 20_000 * COUNT


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("at", [4, 8])
def test_broken_off_and_taken_up_again_it_ends_in_the_same_bits(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    step = Ddpm.training_step

    def until(self: Ddpm, images: Any, labels: Any, number: int) -> Metrics:
        if number == at:
            raise KilledError
        return step(self, images, labels, number)

    with monkeypatch.context() as patch:
        patch.setattr(Ddpm, "training_step", until)
        with pytest.raises(KilledError):
            train(tiny(), tmp_path / "killed", device="cpu")
    again = train(tiny(), tmp_path / "killed", device="cpu").run
    assert files(again) == files(finished)


def test_what_a_lost_piece_of_training_put_aside_goes(run: RunFolder) -> None:
    for step in run.checkpoint_steps():
        if step > 12:
            shutil.rmtree(run.checkpoint(step))
    before = files_of_snapshots(run)
    run.snapshot(15).write_bytes(b"of another training")
    run.snapshot(14).write_bytes(b"of another total")
    train(tiny(), run.root, device="cpu")
    assert files_of_snapshots(run) == before


def files_of_snapshots(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.snapshots.iterdir()}


def test_a_larger_total_spaces_what_is_still_to_come(run: RunFolder) -> None:
    before = files_of_snapshots(run)
    train(tiny("training.steps=32"), run.root, device="cpu")
    assert run.snapshot_steps() == [3, 6, 9, 12, 15, 18, 21, 24, 28, 32]
    assert before.items() <= files_of_snapshots(run).items()
    averages = load_saved_averages(run)
    assert averages.step == 32 and averages.solve(0.07).error < 0.02


def test_a_run_that_was_told_not_to_keeps_none(tmp_path: Path) -> None:
    config = tiny("training.posthoc_ema=0", "training.steps=4")
    run = train(config, tmp_path / "plain", device="cpu").run
    assert not run.snapshots.exists()
    assert not (run.checkpoint(4) / "posthoc.safetensors").exists()
    with pytest.raises(RequestError, match=r"saved no averages .* training.posthoc_ema=24"):
        ask(run)


@pytest.mark.parametrize("length", TRACKED_LENGTHS)
def test_a_length_that_was_tracked_is_the_checkpoints_own(
    finished: RunFolder, length: float
) -> None:
    averages = load_saved_averages(finished)
    assert averages.solve(length).error < 1e-6
    tracked = averages.newest[length]
    for name, tensor in averages.average(length).items():
        expected = tracked.get(name, averages.own[name])
        assert torch.allclose(tensor, expected, rtol=0, atol=1e-6), name


def test_an_average_is_named_as_the_network_is_and_has_its_precision(finished: RunFolder) -> None:
    averages = load_saved_averages(finished)
    made = averages.average(0.07)
    assert {n: (t.shape, t.dtype) for n, t in made.items()} == {
        n: (t.shape, t.dtype) for n, t in averages.own.items()
    }


def test_lengths_are_measured_on_the_same_images_and_the_best_is_named(run: RunFolder) -> None:
    found = ask(run)
    assert found["points"][0]["own"] and len(found["points"]) > 3
    smallest = min(found["points"], key=lambda point: point["value"])
    assert found["points"][found["chosen"]] == smallest and smallest["as_good"]
    low, high = found["covered"]
    assert all(low <= point["length"] <= high for point in found["points"][1:])
    assert all(point["error"] <= 0.05 for point in found["points"])
    written = json.loads(run.ema.read_text("utf-8"))
    assert written == {key: value for key, value in found.items() if key != "done"}
    with Image.open(run.ema_plot) as picture:
        assert picture.width > 500
    text = average_table(found)
    assert found["label"] in text and "the run's own" in text and "smallest" in text
    assert not run.average.exists()
    one, other = (ask(run, 0.05, 0.07)["points"] for _ in range(2))
    assert one == other and one[2]["value"] != one[1]["value"]


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
    assert restore_own_average(str(run.root)) == f"{run.root} draws with its own average again."
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


def test_averages_of_another_network_are_refused(run: RunFolder) -> None:
    kept = load_saved_averages(run)
    first = run.snapshot(kept.snapshot_steps[0])
    renamed = {f"{name}2": tensor for name, tensor in load_weights(first)[0].items()}
    save_weights(first, renamed, kept.spec)
    with pytest.raises(RequestError, match="holds averages of another network"):
        kept.average(0.1)


def test_a_dcgan_keeps_none() -> None:
    with pytest.raises(RequestError, match=r"training\.posthoc_ema=0"):
        with_overrides(get_preset("dcgan-mnist").config, ["training.posthoc_ema=8"])
