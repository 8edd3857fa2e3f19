"""The method: only the formulas and choices of what the runs are, each choice with its source."""

from __future__ import annotations

from typing import Any

import pytest

from ddpm.commands.report.chapters.method import (
    FORWARD,
    GAN_LOSSES,
    LOSSES,
    STUDENT_LOSS,
    method_chapter,
)
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.config import Config, with_overrides
from ddpm.documents.citations import Citations
from ddpm.documents.document import Figure, Formula, Table, cell_text
from tests.commands.report.test_report_document import gan, run


def blocks(*runs: Any, schedule: str | None = "s.png") -> list[Any]:
    return list(method_chapter(ReportData(runs, (), Words(), Citations({})), schedule))


def formulas(*runs: Any) -> list[Formula]:
    return [block for block in blocks(*runs) if isinstance(block, Formula)]


def choices(*runs: Any) -> dict[str, str]:
    (table,) = [block for block in blocks(*runs) if isinstance(block, Table)]
    return {cell_text(row[0]): cell_text(row[1]) for row in table.rows}


@pytest.mark.parametrize("objective", LOSSES)
def test_the_loss_is_that_of_the_runs_objective(objective: str) -> None:
    config = with_overrides(Config(), [f"diffusion.objective={objective}"]).to_dict()
    assert formulas(run(config=config)) == [FORWARD, LOSSES[objective]]


def test_a_gan_has_its_two_losses_and_a_student_its_own() -> None:
    assert formulas(gan()) == [GAN_LOSSES]
    student = with_overrides(Config(), ["model=student"]).to_dict()
    assert formulas(run(config=student)) == [FORWARD, STUDENT_LOSS]


def test_the_schedules_are_shown_where_there_are_any() -> None:
    assert [type(block) for block in blocks(run())][-1] is Figure
    assert not any(isinstance(block, Figure) for block in blocks(run(), schedule=None))


def test_the_training_is_told_in_numbers() -> None:
    changes = ["training.steps=1500", "training.batch_size=32", "training.learning_rate=0.005"]
    config = with_overrides(Config(), changes).to_dict()
    assert (
        choices(run(config=config))["training"] == "1,500 steps of 32 images, learning rate 0.005"
    )


def test_the_variance_is_a_choice_of_the_ancestral_sampler_alone() -> None:
    for sampler, shown in (("ancestral", "posterior"), ("ddim", None)):
        config = with_overrides(Config(), [f"sampling.sampler={sampler}"]).to_dict()
        assert choices(run(config=config)).get("variance of the reverse step") == shown
