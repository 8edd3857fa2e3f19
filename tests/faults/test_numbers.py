"""Numbers that are none, memory that is not there: a step back, a mend that is kept, no bad checkpoint."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ddpm.cli import main
from ddpm.commands.train import resume, session
from ddpm.commands.train.train import train
from ddpm.config import Config, with_overrides
from ddpm.data.batches import Batches
from ddpm.errors import WorkError
from ddpm.messages import sentence
from ddpm.models.base import Metrics
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.optim import learner
from ddpm.optim.optimizers import learning_rate
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.training import checkpoint
from ddpm.training.budget import seconds_per_step

TINY = (
    "network.channels=8",
    "network.attention=[]",
    "network.dropout=0.1",
    "data.labels=false",
    "training.optimizer=adamw",
    "training.learning_rate=1e-3",
    "training.precision=fp32",
    "training.warmup=0",
    "training.decay=none",
    "training.steps=6",
    "training.batch_size=8",
    "training.checkpoint_every=2",
    "training.preview_every=1000",
)
Patch = pytest.MonkeyPatch


def tiny(*overrides: str) -> Config:
    return with_overrides(get_preset("digits").config, [*TINY, *overrides])


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: Patch, cache: Path) -> None:
    """An empty folder as the current one; nothing is drawn at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "write_final_pictures", lambda run, model: None)


def at_full_rate(model: Ddpm) -> bool:
    return model.learner.training.learning_rate == 1e-3


def harmed(harm: Callable[[Ddpm, Metrics], Metrics], *steps: int) -> Any:
    """Ddpm.training_step with `harm` after those steps, as long as the rate is the full one."""
    real = Ddpm.training_step

    def training_step(model: Ddpm, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        losses = real(model, images, labels, step)
        return harm(model, losses) if step in steps and at_full_rate(model) else losses

    return training_step


def lose(model: Ddpm, losses: Metrics) -> Metrics:
    next(model.network.parameters()).data.fill_(math.nan)
    return {**losses, "loss": torch.tensor(math.nan)}


def spoil(model: Ddpm, losses: Metrics) -> Metrics:
    next(model.network.parameters()).data.fill_(-math.inf)
    return losses


def lower_from(step: int) -> Callable[..., float]:
    """What a step back to the one before `step` does to the rate, said by the rate's own function."""
    return lambda now, training: learning_rate(now, training) * (0.5 if now >= step else 1.0)


def tensors(run: RunFolder, step: int = 6) -> dict[str, bytes]:
    files = run.checkpoint(step).glob("*.safetensors")
    return {f"{path.name}/{name}": tensor.numpy().tobytes() for path in files
            for name, tensor in checkpoint.load_weights(path)[0].items()}  # fmt: skip


def rows(run: RunFolder) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_metrics(run.metrics)]


def warnings(run: RunFolder) -> list[tuple[int, str]]:
    return [(row["step"], sentence(row["warning"])) for row in rows(run) if "warning" in row]


def steps(run: RunFolder) -> list[int]:
    return [row["step"] for row in rows(run) if "loss" in row]


@pytest.mark.parametrize(
    ("harm", "step", "words"),
    [(lose, 3, "At step 3 the loss became nan"), (spoil, 4, r"At step 4 \w+/\S+ holds numbers")],
)
def test_after_a_bad_step_it_goes_on_from_the_last_good_one_at_half_the_rate(
    tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str], harm: Any, step: int,
    words: str,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(Ddpm, "training_step", harmed(harm, step))
        run = train(tiny(), tmp_path / "run").run
    [(at, warning)] = warnings(run)
    assert at == 3 and warning in capsys.readouterr().err
    assert "went back to step 2 and continues at half the learning rate" in warning
    assert re.match(words, warning)
    assert steps(run) == [1, 2, 3, 4, 5, 6] and run.checkpoint_steps() == [2, 4, 6]
    progress = checkpoint.load(run.checkpoint(6)).progress
    assert progress["rate"] == 0.5 and progress["accumulate"] == 0
    assert "rate" not in checkpoint.load(run.checkpoint(2)).progress
    monkeypatch.setattr(learner, "learning_rate", lower_from(3))
    assert tensors(run) == tensors(train(tiny(), tmp_path / "told").run)


def test_before_the_first_checkpoint_it_begins_again(tmp_path: Path, monkeypatch: Patch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ddpm, "training_step", harmed(lose, 1))
        run = train(tiny(), tmp_path / "run").run
    assert warnings(run)[0][0] == 1 and "back to step 0" in warnings(run)[0][1]
    assert steps(run) == [1, 2, 3, 4, 5, 6]
    lower = train(tiny("training.learning_rate=5e-4"), tmp_path / "lower").run
    assert tensors(run) == tensors(lower)


@pytest.mark.parametrize("killed_at", [3, 4, 5, 6])
def test_a_step_back_and_a_kill_end_in_the_same_bits(
    tmp_path: Path, monkeypatch: Patch, killed_at: int
) -> None:
    """Killed before the next checkpoint it steps back once more; killed after it, it need not."""

    monkeypatch.setattr(Ddpm, "training_step", harmed(lose, 3))
    whole = train(tiny(), tmp_path / "whole").run
    real = Ddpm.training_step

    def once(model: Ddpm, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        if step == killed_at and not at_full_rate(model):
            raise KeyboardInterrupt
        return real(model, images, labels, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ddpm, "training_step", once)
        train(tiny(), tmp_path / "run")
    run = train(tiny(), tmp_path / "run").run
    assert rows(run) == rows(whole) and tensors(run) == tensors(whole)
    longer = [train(tiny("training.steps=8"), each.root).run for each in (run, whole)]
    assert tensors(longer[0], 8) == tensors(longer[1], 8)
    assert checkpoint.load(run.checkpoint(8)).progress["rate"] == 0.5


def test_the_second_time_it_stops_and_says_why(tmp_path: Path, monkeypatch: Patch) -> None:
    real = Ddpm.training_step

    def never(model: Ddpm, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        losses = real(model, images, labels, step)
        return lose(model, losses) if step == 5 else losses

    monkeypatch.setattr(Ddpm, "training_step", never)
    words = (
        r"At step 5 the loss became nan\. The learning rate had been halved already\. "
        r"Train again with a lower training\.learning_rate and another --out\. "
        r"The checkpoint of step 4 is intact\."
    )
    with pytest.raises(WorkError, match=words):
        train(tiny(), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert run.checkpoint_steps() == [2, 4]
    assert checkpoint.load(run.checkpoint(4)).progress["step"] == 4
    assert "NaN" not in run.metrics.read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_bad_gradient_is_named_with_its_step(
    tmp_path: Path, monkeypatch: Patch, value: float
) -> None:
    real = Ddpm._loss

    def loss(model: Ddpm, network: Any, drawn: Any) -> Tensor:
        found = real(model, network, drawn)
        if network.training and at_full_rate(model) and model.now == 3:  # type: ignore[attr-defined]
            found.register_hook(lambda gradient: gradient * value)
        return found

    step = Ddpm.training_step

    def training_step(model: Ddpm, images: Tensor, labels: Tensor | None, now: int) -> Metrics:
        model.now = now  # type: ignore[attr-defined]
        return step(model, images, labels, now)

    monkeypatch.setattr(Ddpm, "_loss", loss)
    monkeypatch.setattr(Ddpm, "training_step", training_step)
    run = train(tiny(), tmp_path / "run").run
    [(at, warning)] = warnings(run)
    assert at == 3 and re.match("At step 3 the gradient norm became (nan|inf); ", warning)


# Memory


def tight(limit: int) -> Any:
    """Ddpm._loss that has no memory for more than `limit` images in training, counting its refusals."""
    real = Ddpm._loss

    def loss(model: Ddpm, network: Any, drawn: Any) -> Tensor:
        if network.training and len(drawn.x0) > limit:
            refusals.append(len(drawn.x0))
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")
        return real(model, network, drawn)

    refusals: list[int] = []
    return loss, refusals


def test_short_of_memory_it_goes_on_in_micro_batches_to_the_same_result(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    dry = ("network.dropout=0",)  # dropout draws for a batch's parts in another order
    with monkeypatch.context() as patch:
        loss, refusals = tight(3)
        patch.setattr(Ddpm, "_loss", loss)
        run = train(tiny(*dry), tmp_path / "run").run
        assert refusals == [8, 4]
        longer = train(tiny(*dry, "training.steps=8"), run.root).run
        assert refusals == [8, 4]  # what it learned is kept
    parts = train(tiny(*dry, "training.accumulate=4"), tmp_path / "parts").run
    assert tensors(run) == tensors(parts)
    whole = train(tiny(*dry), tmp_path / "whole").run
    for stem in ("weights", "ema"):
        one, other = (checkpoint.load(each.checkpoint(6)).state[stem] for each in (run, whole))
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=2e-5)
    [(at, warning)] = warnings(run)
    assert at == 1 and warning.startswith("At step 1 the memory ran out; ")
    assert "micro-batches of 2 (training.accumulate=4)" in warning
    assert checkpoint.load(longer.checkpoint(8)).progress["accumulate"] == 4


def test_what_a_cut_step_had_gathered_is_forgotten(tmp_path: Path, monkeypatch: Patch) -> None:
    """Memory ends in the second half of step 3, after the gradients of its first half."""
    real, calls = Ddpm._loss, []

    def loss(model: Ddpm, network: Any, drawn: Any) -> Tensor:
        if network.training:
            calls.append(len(drawn.x0))
            if len(calls) == 6:
                raise MemoryError
        return real(model, network, drawn)

    with monkeypatch.context() as patch:
        patch.setattr(Ddpm, "_loss", loss)
        run = train(tiny("training.accumulate=2"), tmp_path / "run").run
    assert calls[:6] == [4] * 6 and calls[6:] == [2] * 16
    assert steps(run) == [1, 2, 3, 4, 5, 6] and warnings(run)[0][0] == 3
    # the same from step 2 on, told beforehand
    told = train(tiny("training.accumulate=2", "training.steps=2"), tmp_path / "told").run
    state = checkpoint.load(told.checkpoint(2))
    for path in told.checkpoints.iterdir():
        checkpoint.save(path, state.state, state.spec, {**state.progress, "accumulate": 4})
    monkeypatch.setattr(resume, "with_requested_total", lambda own, asked: asked)
    told = train(tiny("training.accumulate=2"), told.root).run
    assert tensors(run) == tensors(told)


def test_where_not_one_image_fits_it_says_so(tmp_path: Path, monkeypatch: Patch) -> None:
    loss, refusals = tight(0)
    monkeypatch.setattr(Ddpm, "_loss", loss)
    with pytest.raises(
        WorkError, match=r"the memory ran out\. One image at a time does not fit either; use a"
    ):
        train(tiny(), tmp_path / "run")
    assert refusals == [8, 4, 2, 1]


def test_a_network_of_batch_statistics_refuses_in_a_sentence(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    def short(model: Dcgan, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        raise torch.OutOfMemoryError("CUDA out of memory (injected)")

    monkeypatch.setattr(Dcgan, "training_step", short)
    preset = get_preset("dcgan-folder").config
    config = with_overrides(preset, ["data.path=digits", "gan.channels=8", "training.steps=2"])
    words = r"^At step 1 the memory ran out\. A DCGAN's batch normalization needs the whole batch"
    with pytest.raises(WorkError, match=words):
        train(config, tmp_path / "run")


def test_measuring_for_minutes_goes_on_in_micro_batches_too(monkeypatch: Patch) -> None:
    loss, refusals = tight(3)
    monkeypatch.setattr(Ddpm, "_loss", loss)
    model = Ddpm(ModelSpec(tiny(), (1, 8, 8), (0.0,), 0.5))
    images = np.zeros((16, 1, 8, 8), np.uint8)
    batches = Batches(images, np.arange(16), None, batch_size=8, seed=0)
    assert seconds_per_step(model, batches, 0.0) > 0
    assert refusals == [8, 4] and model.learner.training.accumulate == 4


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory (injected)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        MemoryError(),
    ],
)
def test_want_of_memory_outside_a_training_is_a_sentence(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def draw(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr("ddpm.commands.sample.sample.write_samples", draw)
    assert main(["sample", "digits"]) == 1
    assert capsys.readouterr().err.startswith("ddpm: Out of memory. Use ")
