"""metrics.jsonl: whole rows, exact epoch means, the same log after an interruption."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.errors import WorkError
from ddpm.messages import message
from ddpm.training.log import TrainingLog
from tests.examples import examples


def rows(path: Path) -> list[dict[str, Any]]:
    """Every line, strictly: no NaN or Infinity, which JSON does not know."""

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_constant=refuse) for line in lines]


def loss_of(step: int) -> float:
    return 1 / (1 + step) + (step % 3) / 7


def write(log: TrainingLog, first: int, last: int, batch: int = 4) -> None:
    for step in range(first, last + 1):
        loss = torch.tensor(loss_of(step))
        log.write({"step": step, "loss": loss, "batch": batch, "seconds": step / 10})
        if step % 4 == 0:
            log.write({"step": step, "heldout_loss": loss * 2})


def whole_log(path: Path, steps: int, **options: Any) -> list[dict[str, Any]]:
    log = TrainingLog(path, **options)
    write(log, 1, steps)
    log.close()
    return rows(path)


def test_tensors_become_numbers_and_empty_bands_null(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "log")
    levels = torch.tensor([0.5, math.nan, 0.25])
    log.write({"step": 1, "loss": torch.tensor(0.375), "loss_levels": levels, "batch": 2})
    log.close()
    expected = {"step": 1, "loss": 0.375, "loss_levels": [0.5, None, 0.25], "batch": 2}
    assert rows(tmp_path / "log") == [expected]


def test_rows_reach_the_file_in_blocks(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "log", block=3)
    seen = []
    for step in range(1, 8):
        log.write({"step": step, "loss": 0.5})
        seen.append(len(rows(tmp_path / "log")))
    assert seen == [0, 0, 3, 3, 3, 6, 6]
    log.sync()
    assert [row["step"] for row in rows(tmp_path / "log")] == list(range(1, 8))
    log.close()


@settings(max_examples=examples(40), deadline=None)
@given(
    epoch_size=st.integers(1, 30),
    batch=st.integers(1, 70),  # smaller than an epoch, or several epochs long
    losses=st.lists(st.floats(0, 10, width=32), min_size=1, max_size=30),
)
def test_epoch_means_weigh_every_image_once(
    tmp_path_factory: pytest.TempPathFactory, epoch_size: int, batch: int, losses: list[float]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    log = TrainingLog(path, epoch_size=epoch_size)
    for step, loss in enumerate(losses, 1):
        log.write({"step": step, "loss": torch.tensor(loss), "batch": batch})
    log.close()
    found = [row for row in rows(path) if "epoch" in row]
    by_image = [loss for loss in losses for _ in range(batch)]  # the loss each image was part of
    for epoch, row in enumerate(found):
        images = by_image[epoch * epoch_size : (epoch + 1) * epoch_size]
        assert len(images) == epoch_size
        assert row["epoch_loss"] == pytest.approx(sum(images) / epoch_size, rel=1e-9, abs=1e-12)
        assert row["step"] == math.ceil((epoch + 1) * epoch_size / batch)
    assert [row["epoch"] for row in found] == list(range(1, len(by_image) // epoch_size + 1))


def test_each_of_several_losses_has_its_epoch_mean(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "log", epoch_size=6)
    for step, (one, other) in enumerate([(1.0, 0.5), (2.0, 0.25), (4.0, 0.0)], 1):
        row = {"generator_loss": one, "discriminator_loss": other, "real_score": 0.5}
        log.write({"step": step, **row, "batch": 4})
    log.close()
    assert [row for row in rows(tmp_path / "log") if "epoch" in row] == [
        {
            "step": 2,
            "epoch": 1,
            "epoch_generator_loss": pytest.approx((4 * 1 + 2 * 2) / 6),
            "epoch_discriminator_loss": pytest.approx((4 * 0.5 + 2 * 0.25) / 6),
        },
        {
            "step": 3,
            "epoch": 2,
            "epoch_generator_loss": pytest.approx((2 * 2 + 4 * 4) / 6),
            "epoch_discriminator_loss": pytest.approx(2 * 0.25 / 6),
        },
    ]


def test_warnings_follow_their_row_and_are_never_repeated(tmp_path: Path) -> None:
    def counting(told: list[int]) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
        seen: list[int] = []

        def watch(row: dict[str, Any]) -> list[dict[str, Any]]:
            seen.append(row["step"]) if "loss" in row else None
            if len(seen) != 6 or "loss" not in row:
                return []
            told.append(row["step"])
            return [{"step": row["step"], "warning": message("text", text=f"{sum(seen)} in all")}]

        return watch

    told: list[int] = []
    expected = whole_log(tmp_path / "whole", 10, watch=counting(told))
    assert told == [6] and {"step": 6, "warning": message("text", text="21 in all")} in expected
    for cut in (4, 5, 6, 7):
        log = TrainingLog(tmp_path / "log", watch=counting([]))
        write(log, 1, 8)
        log.close()
        log = TrainingLog(tmp_path / "log", step=cut, watch=counting([]))
        write(log, cut + 1, 10)
        log.close()
        assert rows(tmp_path / "log") == expected
        (tmp_path / "log").unlink()


@settings(max_examples=examples(30), deadline=None)
@given(
    saved=st.integers(0, 25),
    lost=st.integers(0, 25),
    torn=st.integers(0, 30),
    block=st.integers(1, 9),
)
def test_a_resumed_log_equals_an_uninterrupted_one(
    tmp_path_factory: pytest.TempPathFactory, saved: int, lost: int, torn: int, block: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    options: dict[str, Any] = {"epoch_size": 10, "block": block}
    expected = whole_log(folder / "whole", 50, **options)
    log = TrainingLog(folder / "log", **options)
    write(log, 1, saved)
    log.sync()  # as before a checkpoint
    write(log, saved + 1, saved + lost)
    log.flush()
    log.file.write('{"step": 26, "loss": 0.123456789}'[:torn])  # killed in the middle of a line
    log.file.close()
    log = TrainingLog(folder / "log", step=saved, **options)
    write(log, saved + 1, 50)
    log.close()
    assert rows(folder / "log") == expected


def test_rows_after_the_checkpoint_are_cut_at_once(tmp_path: Path) -> None:
    whole_log(tmp_path / "log", 20)
    TrainingLog(tmp_path / "log", step=8).close()
    kept = rows(tmp_path / "log")
    assert [row["step"] for row in kept] == [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss", "heldout_loss"])
def test_a_loss_that_is_not_finite_stops_and_stays_out(
    tmp_path: Path, value: float, name: str
) -> None:
    log = TrainingLog(tmp_path / "log", epoch_size=8)
    write(log, 1, 3)
    log.write({"step": 4, name: torch.tensor(value), "batch": 4})
    write(log, 5, 6)
    with pytest.raises(WorkError, match=f"At step 4 the {name.replace('_', ' ')} became"):
        log.sync()
    log.close()
    assert [row["step"] for row in rows(tmp_path / "log")] == [1, 2, 2, 3]


def test_a_close_that_fails_still_lets_go_of_the_file(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "log")
    log.write({"step": 1, "loss": math.nan})
    with pytest.raises(WorkError):
        log.close()
    assert log.file.closed


def test_the_listener_hears_each_new_row_once(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    expected = whole_log(tmp_path / "log", 10, epoch_size=10, listener=heard.append)
    assert heard == expected
    again: list[dict[str, Any]] = []
    log = TrainingLog(tmp_path / "log", step=8, epoch_size=10, listener=again.append)
    write(log, 9, 10)
    log.close()
    assert again == [row for row in expected if row["step"] > 8]
